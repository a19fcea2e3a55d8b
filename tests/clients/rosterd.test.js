/* rosterd.js in node, with ws and with the built-in WebSocket, against the real server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import Ws from "ws";
import { connect, Rosterd } from "../../etc/www/client/rosterd.js";
import { start } from "./server.js";

const BuiltIn = globalThis.WebSocket ?? (await import("undici")).WebSocket;
const FOLDER = fileURLToPath(new URL("../../etc/www/client/", import.meta.url));

/* The next event for which test is true. */
function next(client, event, test = () => true, ms = 10000) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`no ${event} in ${ms} ms: ${test}`)), ms);
		const off = client.on(event, (detail) => {
			if (!test(detail))
				return;
			clearTimeout(timer);
			off();
			resolve(detail);
		});
	});
}

/* When test is true, now or after a change. */
async function until(client, test) {
	if (!test())
		await next(client, "change", test);
}

for (const [name, WebSocket] of [["ws", Ws], ["the built-in WebSocket", BuiltIn]]) {
	describe(`rosterd.js with ${name}`, () => {
		let server;
		const clients = [];
		const open = async (options = {}, url = server.url) => {
			const client = connect(url, { WebSocket, wait: 50, maxWait: 200, ...options });

			clients.push(client);
			await next(client, "open");
			return client;
		};

		before(async () => { server = await start("--max-properties", "200"); });
		after(async () => {
			clients.forEach((client) => client.close());
			await server.stop();
		});

		test("the roster has everybody in order of connection, and changes add up to it", async () => {
			const a = await open({ properties: { name: "Ada" } });
			const map = a.roster;
			const seen = new Map([...map]);
			let wrong = 0;

			a.on("change", ({ opened, closed, changed, before }) => {
				wrong += JSON.stringify([...before]) !== JSON.stringify([...seen]);
				wrong += opened.some((token) => seen.has(token)) + closed.some((token) => !seen.has(token));
				for (const token of closed)
					seen.delete(token);
				for (const token of opened)
					seen.set(token, {});
				for (const token of changed) {
					wrong += JSON.stringify(seen.get(token)) === JSON.stringify(map.get(token));
					seen.set(token, map.get(token));
				}
				wrong += JSON.stringify([...map]) !== JSON.stringify([...seen]);
			});
			const b = await open({ properties: { name: "Bob", n: [1, null] } });
			const c = await open();
			await until(a, () => map.has(c.token) && map.get(b.token)?.name && map.get(a.token).name);
			assert.deepEqual([...map.keys()], [a.token, b.token, c.token]);
			assert.deepEqual(map.get(b.token), { name: "Bob", n: [1, null] });
			const gone = b.token;
			b.close();
			c.set({ x: 1 });
			await until(a, () => !map.has(gone) && map.get(c.token).x === 1);
			assert.equal(wrong, 0);
			assert.equal(a.roster, map, "it stays the same Map");
			a.close();
			c.close();
		});

		test("properties are merged, null deletes, and many at once go out as few packets", async () => {
			const a = await open({ properties: { keep: 1, drop: 2 } });
			let packets = 0;

			await until(a, () => a.roster.get(a.token).keep === 1);
			a.on("traffic", ({ direction }) => { packets += direction === "out"; });
			for (let x = 0; x < 100; x++)
				a.set({ x });
			a.set({ drop: null });
			assert.deepEqual(a.properties, { keep: 1, x: 99 });
			await until(a, () => a.roster.get(a.token).x === 99);
			assert.deepEqual(a.roster.get(a.token), { keep: 1, x: 99 });
			assert.ok(packets <= 3, `${packets} packets`);
			a.close();
		});

		test("what is set and sent just before close() arrives", async () => {
			const a = await open(), b = await open();
			const got = next(b, "packet");

			a.set({ x: 1 }).set({ x: 2 });
			a.send(b.token, "bye", { last: true });
			a.close();
			assert.deepEqual((await got).value, { last: true });
			b.close();
		});

		test("packets to one, to several, to all, and none without a connection", async () => {
			const a = await open(), b = await open(), c = await open();

			for (const [to, receivers] of [[b.token, [b]], [[a.token, c.token], [a, c]], ["*", [a, b, c]]]) {
				const all = receivers.map((client) => next(client, "packet"));

				assert.equal(a.send(to, "greeting", { text: "h\u00e9 \u{1F600}" }), true);
				for (const packet of await Promise.all(all))
					assert.deepEqual(packet, { from: a.token, type: "greeting", value: { text: "h\u00e9 \u{1F600}" } });
			}
			const plain = next(b, "packet");
			a.send(b.token, "toString");
			assert.deepEqual(await plain, { from: a.token, type: "toString", value: {} });
			a.close();
			assert.equal(a.send("*", "late", 1), false);
			b.close();
			c.close();
		});

		test("what the server would refuse is refused at once", async () => {
			const a = await open();

			for (const type of ["metadata", "changes", "from", "type", 7, undefined])
				assert.throws(() => a.send("*", type, 1), TypeError);
			for (const to of [[], 7, ["*", null], undefined])
				assert.throws(() => a.send(to, "x", 1), TypeError);
			assert.throws(() => a.send("*", "x", () => 1), TypeError);
			for (const properties of [null, [], "x", 7])
				assert.throws(() => a.set(properties), TypeError);
			assert.equal(a.state, "open");
			a.close();
		});

		/* Servers that end with the test, however it ends. */
		const starter = (t) => async (...options) => {
			const own = await start(...options);

			t.after(() => own.stop());
			return own;
		};

		test("comes back when the server was restarted, and says again what it had said", async (t) => {
			const startOwn = starter(t);
			const first = await startOwn();
			const a = await open({ properties: { name: "Ada" } }, first.url);
			const token = a.token;

			a.set({ x: 1, gone: 1 });
			await until(a, () => a.roster.get(token)?.gone === 1);
			let state;
			a.on("close", (detail) => { state ??= { ...detail, state: a.state, token: a.token, known: a.roster.has(token) }; });
			const closed = next(a, "close");
			await first.stop();
			await closed;
			assert.equal(state.code, 1001);
			assert.equal(state.wasOpen, true);
			assert.ok(state.wait >= 0);
			assert.equal(state.state, "waiting");
			assert.equal(state.token, null);
			assert.ok(state.known, "the roster stays as it was, to be shown");
			a.set({ gone: null, y: 2 });
			const opened = next(a, "open");
			await startOwn("--listen", `127.0.0.1:${first.port}`);
			await opened;
			assert.notEqual(a.token, token);
			await until(a, () => a.roster.get(a.token)?.name === "Ada");
			assert.deepEqual([...a.roster], [[a.token, { name: "Ada", x: 1, y: 2 }]]);
			a.close();
		});

		test("properties that the server refuses are not tried for ever", async () => {
			const a = await open({ properties: { name: "Ada" } });

			await until(a, () => a.roster.get(a.token).name === "Ada");
			const closed = next(a, "close");
			a.set({ large: "x".repeat(300) });
			assert.equal((await closed).code, 1008);
			await next(a, "open");
			await until(a, () => a.roster.get(a.token).name === "Ada");
			assert.deepEqual(a.properties, { name: "Ada" });
			assert.equal(a.state, "open");
			a.close();
		});

		test("properties that were taken once and are refused now are not tried for ever, either", async (t) => {
			const startOwn = starter(t);
			const first = await startOwn();
			const a = await open({ properties: { large: "x".repeat(300) } }, first.url);
			let refusals = 0;

			await until(a, () => a.roster.get(a.token).large);
			a.on("close", ({ code }) => { refusals += code === 1008; });
			await first.stop();
			await startOwn("--listen", `127.0.0.1:${first.port}`, "--max-properties", "200");
			await next(a, "open", () => Object.keys(a.properties).length === 0);
			a.set({ small: 1 });
			await until(a, () => a.roster.get(a.token)?.small === 1);
			assert.deepEqual(a.properties, { small: 1 });
			assert.ok(refusals <= 2);
			a.close();
		});

		test("what the operator's program says of it is not taken for its own, and it does not try for ever to change that", async (t) => {
			const folder = mkdtempSync(join(tmpdir(), "rosterd-hook-")), hook = join(folder, "hook");

			t.after(() => rmSync(folder, { recursive: true }));
			writeFileSync(hook, `#!/bin/sh\necho '{"auth.user":"ada"}'\n`, { mode: 0o755 });
			const own = await starter(t)("--on-connect", hook);
			const a = await open({ properties: { name: "Ada" } }, own.url);

			await until(a, () => a.roster.get(a.token).name === "Ada");
			let closes = 0;
			a.on("close", () => { closes++; });
			const reopened = next(a, "open");
			a.set({ "auth.user": "eve" });
			await reopened;
			await until(a, () => a.roster.get(a.token)?.name === "Ada");
			a.set({ x: 1 });
			await until(a, () => a.roster.get(a.token)?.x === 1);
			assert.deepEqual(a.properties, { name: "Ada", x: 1 });
			assert.deepEqual(a.roster.get(a.token), { "auth.user": "ada", name: "Ada", x: 1 });
			assert.equal(closes, 1);
			a.close();
		});

		test("a new version is told, and the function for it is called", async (t) => {
			const startOwn = starter(t);
			const first = await startOwn("--app-version", "one");
			let reloaded;
			const a = await open({ reload: (...versions) => { reloaded = versions; } }, first.url);

			assert.equal(a.version, "one");
			const told = next(a, "version");
			await first.stop();
			await startOwn("--listen", `127.0.0.1:${first.port}`, "--app-version", "two");
			assert.deepEqual(await told, { version: "two", previous: "one" });
			await until(a, () => reloaded);
			assert.deepEqual(reloaded, ["two", "one"]);
			a.close();
		});

		test("pauses between tries are random, longer each time, and end with close()", async () => {
			const closed = [];
			const a = connect("ws://127.0.0.1:9/", { WebSocket, wait: 4, maxWait: 64 });

			a.on("close", (detail) => closed.push(detail));
			while (closed.length < 30)
				await next(a, "close");
			a.close();
			assert.equal(closed.at(-1).wait, null);
			closed.pop();
			closed.forEach(({ wait, wasOpen, code }, n) => {
				assert.ok(wait >= 0 && wait <= Math.min(64, 4 * 2 ** n), `pause ${n} is ${wait}`);
				assert.equal(wasOpen, false);
				assert.equal(code, 1006);
			});
			const late = closed.slice(4).map(({ wait }) => wait);
			assert.ok(Math.min(...late) < 32 && Math.max(...late) > 32, `${late}`);
			const count = closed.length;
			await new Promise((resolve) => setTimeout(resolve, 100)); /* longer than any pause */
			assert.equal(closed.length, count);
			assert.equal(a.state, "closed");
		});

		test("a connection that does not open is given up and tried again", async () => {
			let tries = 0;
			const sockets = new Set();
			const silent = createServer((socket) => { tries++; sockets.add(socket.on("error", () => {})); });

			await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
			const a = connect(`ws://127.0.0.1:${silent.address().port}/`, { WebSocket, wait: 1, maxWait: 1, timeout: 50 });
			const { reason } = await next(a, "close");
			assert.equal(reason, "no answer");
			await next(a, "close");
			a.close();
			assert.ok(tries >= 2);
			sockets.forEach((socket) => socket.destroy());
			silent.close();
		});

		test("a function is asked for the URL before each try, and may fail", async () => {
			const answers = [() => { throw new Error("no ticket"); }, () => Promise.reject(new Error("not yet")),
			    () => "no url at all:", async () => `${server.url}?ticket=1`, () => new URL(`${server.url}?ticket=2`)];
			const reasons = [];
			const a = connect(() => answers.shift()(), { WebSocket, wait: 1, maxWait: 1 });

			clients.push(a);
			a.on("close", ({ reason, wasOpen }) => reasons.push(wasOpen ? "was open" : reason));
			assert.equal(a.url, null);
			await next(a, "open");
			assert.match(a.url, /\?ticket=1$/);
			assert.deepEqual(reasons.slice(0, 2), ["no ticket", "not yet"]);
			assert.equal(reasons.length, 3);
			a.send("server", "properties", "none"); /* which is refused */
			await next(a, "open");
			assert.match(a.url, /\?ticket=2$/);
			assert.equal(reasons.at(-1), "was open");
		});

		test("a URL that comes when nobody waits for it any more is not used", async () => {
			let say, asked = 0;
			const a = connect(() => new Promise((resolve) => { asked++; say = resolve; }), { WebSocket, timeout: 50, wait: 1, maxWait: 1 });
			const { reason } = await next(a, "close");

			assert.equal(reason, "no answer");
			while (asked < 2)
				await new Promise((resolve) => setTimeout(resolve, 1));
			a.close();
			say(server.url);
			await new Promise((resolve) => setTimeout(resolve, 50));
			assert.equal(a.state, "closed");
			assert.equal(a.url, null);
		});

		test("connect() after close() begins anew, with the same properties", async () => {
			const a = await open({ properties: { name: "Ada" } });

			a.close();
			assert.equal(a.state, "closed");
			const opened = next(a, "open");
			a.connect();
			await opened;
			await until(a, () => a.roster.get(a.token)?.name === "Ada");
			a.close();
		});
	});
}

test("without a WebSocket it says what is missing", { skip: globalThis.WebSocket !== undefined }, () => {
	assert.throws(() => new Rosterd("ws://127.0.0.1/"), /options\.WebSocket/);
});

test("http and https become ws and wss", () => {
	for (const [from, to] of [["http://x.example/y?z#a", "ws://x.example/y?z"], ["https://x.example", "wss://x.example/"],
	    ["wss://x.example/", "wss://x.example/"]])
		assert.equal(new Rosterd(from, { WebSocket: Ws }).url, to);
});

/* The package as npm would publish it, in a project of its own. */
test("it installs by npm from its folder, with types that hold", () => {
	const folder = mkdtempSync(join(tmpdir(), "rosterd-package-"));
	const env = { ...process.env, npm_config_update_notifier: "false", npm_config_audit: "false", npm_config_fund: "false" };
	const run = (...command) => execFileSync(command[0], command.slice(1), { cwd: folder, encoding: "utf8", env });

	try {
		const [{ filename, files }] = JSON.parse(run("npm", "pack", FOLDER, "--json", "--silent"));
		assert.deepEqual(files.map(({ path }) => path).sort(), ["README.md", "package.json", "rosterd.d.ts", "rosterd.js"]);
		writeFileSync(join(folder, "package.json"), '{"type":"module"}');
		run("npm", "install", "--offline", "--silent", filename);
		writeFileSync(join(folder, "good.ts"), `
			import { connect, type Change } from "rosterd";
			interface Person { name: string; x: number }
			const me = connect<Person>("ws://x.example/", { properties: { name: "Ada" }, reload: true });
			const off: () => void = me.on("change", ({ opened, before }: Change<Person>) =>
			    console.log(opened[0].length, before.get(opened[0])?.name?.length));
			me.on("close", ({ code, wait }) => console.log(code + (wait ?? 0)));
			me.set({ x: 1, name: null }).retry().close();
			const sent: boolean = me.send(["*"], "hello", { any: [1] });
			console.log(off, sent, me.roster.get(me.token ?? "")?.x);`);
		writeFileSync(join(folder, "bad.ts"), `
			import { connect } from "rosterd";
			const me = connect<{ x: number }>();
			// @ts-expect-error: there is no such event
			me.on("changed", () => {});
			// @ts-expect-error: x is a number
			me.set({ x: "1" });
			// @ts-expect-error: the roster belongs to the client
			me.roster = new Map();`);
		run(process.execPath, fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url)), "--noEmit", "--skipDefaultLibCheck",
		    "--strict", "--target", "es2022", "--module", "nodenext", "good.ts", "bad.ts");
		assert.match(run(process.execPath, "--input-type=module", "--eval",
		    'import * as rosterd from "rosterd"; console.log(Object.keys(rosterd).join());'), /^Rosterd,connect\n$/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});
