/* Clients whose process somebody else has started: whatever is killed, they go on. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { open } from "./client.js";
import { files, freePort, gone, processes, start, until } from "./supervisors.js";

const kill = (pids) => pids.forEach((pid) => process.kill(pid, "SIGKILL"));
const only = async (name, title) => (await until(() => {
	const pids = processes(name, title);
	return pids.length === 1 && pids;
}))[0];

/* The one that comes after. */
const next = (name, title, before, ms = 2000) => until(() => {
	const [pid] = processes(name, title);
	return pid && pid !== before && pid;
}, ms, `a new ${title} of ${name}`);

for (const kind of ["tcpserver", "xinetd nowait"]) {
	describe(`under ${kind}`, () => {
		let s, a, b, n = 0;

		/* They are there, with what they said, and are told of what changes. */
		const well = async () => {
			const from = Date.now();

			b.set({ n: ++n });
			await a.until(() => a.metadata.properties[b.token]?.n === n, 3000);
			assert.ok(a.metadata.indexes.includes(a.token));
			a.send(b.token, "still", n);
			assert.equal((await b.next()).still, n);
			return Date.now() - from;
		};

		before(async () => {
			s = await start(kind);
			a = await open(s.url);
			b = await open(s.url);
			await a.sees(b);
		});
		after(() => s?.stop());

		test("the ticker is killed: a successor within 2 s, clients notice nothing", async () => {
			for (let i = 0; i < 2; i++) {
				const ticker = await only(s.name, "ticker");

				kill([ticker]);
				await next(s.name, "ticker", ticker);
				assert.ok(await well() <= 2000);
			}
		});

		test("the listener is killed: the ticker starts another", async () => {
			const listener = await only(s.name, "listener");

			kill([listener]);
			const another = await next(s.name, "listener", listener);
			const ticker = await only(s.name, "ticker");

			kill([ticker]);
			await next(s.name, "ticker", ticker);
			await well();
			/* And once more, now that the ticker is its child. */
			kill([another]);
			await next(s.name, "listener", another);
			await well();
		});

		test("both are killed at once: the next client starts both", async () => {
			kill([...processes(s.name, "listener"), ...processes(s.name, "ticker")]);
			const c = await open(s.url);

			await c.sees(a);
			await a.sees(c, 5000);
			await well();
			const { token } = c;
			await c.close();
			await a.misses(token);
		});

		test("a client's process is killed: it is gone for the others", async () => {
			const c = await open(s.url), { token } = c;

			await a.sees(c);
			kill(processes(s.name, `client ${token.slice(0, 8)}`));
			await a.misses(token);
		});

		test("when the last client is gone nothing is left", async () => {
			kill(processes(s.name, "listener"));
			kill(processes(s.name, "client"));
			await gone(s.name);
			assert.deepEqual(files(s.name), []);
		});
	});
}

/*
 * Whatever of an instance is killed, when the last client has gone nothing is
 * left.  Where nobody is left who could see to that, the next client does.
 */
const victims = {
	"the first client": (s, first) => processes(s.name, `client ${first.token.slice(0, 8)}`),
	"the listener": (s) => processes(s.name, "listener"),
	"the ticker": (s) => processes(s.name, "ticker"),
	"listener and ticker": (s) => [...processes(s.name, "listener"), ...processes(s.name, "ticker")],
	"all of them": (s) => processes(s.name),
};

for (const [what, find] of Object.entries(victims)) {
	test(`${what} killed, and the last client gone: nothing is left`, async () => {
		const s = await start("tcpserver");
		await gone(s.name);
		const first = await open(s.url), second = await open(s.url);
		await first.sees(second);
		const pids = find(s, first);
		assert.ok(pids.length > 0);
		kill(pids);
		await until(() => !processes(s.name).some((pid) => pids.includes(pid)));
		if (what.includes(" and ") || what.startsWith("all"))
			await (await open(s.url)).close();
		/* Whoever has lost its process has nothing to close. */
		await Promise.all([first, second].map((client) => client.close().catch(() => {})));
		await gone(s.name);
		await s.stop();
	});
}

test("a listener and a server that starts processes share an instance of one name", async () => {
	const s = await start("tcpserver");
	const port = await freePort();
	const listener = spawn(process.env.ROSTERD,
	    ["--name", s.name, "--listen", `127.0.0.1:${port}`, "--ready-fd", "3"],
	    { stdio: ["ignore", "ignore", "ignore", "pipe"] });

	await once(listener.stdio[3], "data");
	const a = await open(s.url), b = await open(`ws://127.0.0.1:${port}/`);
	await Promise.all([a.sees(b), b.sees(a)]);
	await Promise.all([a.close(), b.close()]);
	/* The listener stays, and keeps the instance. */
	await until(() => processes(s.name, "client").length === 0);
	const c = await open(`ws://127.0.0.1:${port}/`);
	await c.until(() => c.metadata.indexes.length === 1);
	await c.close();
	listener.kill("SIGTERM");
	await once(listener, "exit");
	await s.stop();
});

/* All bytes that come on a connection on which nothing is said. */
const bytes = (port) => new Promise((resolve, reject) => {
	const socket = connect(port, "127.0.0.1"), got = [];

	socket.on("data", (data) => got.push(data)).on("error", reject)
	    .on("end", () => { socket.destroy(); resolve(Buffer.concat(got).toString()); });
});

for (const kind of ["xinetd nowait", "openbsd-inetd nowait"]) {
	test(`nothing is ever printed to the client under ${kind}`, async () => {
		/* Where stderr is the client, a complaint has to go elsewhere. */
		const bad = await start(kind, "--max-clients", "0");
		assert.equal(await bytes(bad.port), "");
		await bad.stop();
		const stray = await start(kind, "stray");
		assert.equal(await bytes(stray.port), "");
		await stray.stop();
		/* And where all is well, the first bytes are the answer to a request. */
		const good = await start(kind, "--log-level", "debug", "--handshake", "300");
		assert.match(await bytes(good.port), /^HTTP\/1\.1 408 /);
		await good.stop();
	});
}

test("sixteen clients that come at once to nothing start one instance", async () => {
	const s = await start("tcpserver");

	await gone(s.name);
	const all = await Promise.all(Array.from({ length: 16 }, () => open(s.url)));
	await Promise.all(all.map((c) => c.until(() => c.metadata.indexes.length === 16, 10000)));
	assert.equal(processes(s.name, "listener").length, 1);
	assert.equal(processes(s.name, "ticker").length, 1);
	await Promise.all(all.map((c) => c.close()));
	await gone(s.name);
	await s.stop();
});
