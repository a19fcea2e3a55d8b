/* Clients whose process somebody else has started: whatever is killed, they go on. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { open } from "./client.js";
import { files, freePort, gone, guestKinds, keepers, kill, next, only, pause, processes, start,
    until } from "./supervisors.js";

/* A client's process and the other one. */
const own = (s, client) => processes(s.name, `client ${client.token.slice(0, 8)}`)[0];
const guardian = (s, client) => processes(s.name, `guardian of ${own(s, client)}`)[0];

/* Its sockets but for the log. */
const sockets = (pid) => readdirSync(`/proc/${pid}/fd`).filter((fd) => fd !== "2")
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)).filter((link) => link.startsWith("socket:"));

/* Numbers from 0 to 1, the same ones for the same seed. */
const random = (seed) => () => (seed = seed * 16807 % 2147483647) / 2147483647;

const thorough = ["tcpserver", "xinetd nowait"];

for (const kind of thorough) {
	describe(`under ${kind}`, () => {
		let s, a, b, n = 0;

		/* They are there, with what they said, and are told of what changes. */
		const well = async () => {
			const from = Date.now();

			b.set({ n: ++n });
			await a.until(() => a.metadata.properties[b.token]?.n === n, 3000);
			assert.ok(a.metadata.indexes.includes(a.token));
			for (const client of [a, b])
				assert.ok(!client.lost.has(a.token) && !client.lost.has(b.token));
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
			/* And once more, now that the ticker is its child; it takes its time between two. */
			kill([another]);
			await next(s.name, "listener", another, 5000);
			await well();
		});

		test("both are killed at once: both have successors within 2 s, clients notice nothing", async () => {
			for (let i = 0; i < 8; i++) {
				const listener = await only(s.name, "listener"), ticker = await only(s.name, "ticker");
				const from = performance.now();

				kill([listener]);
				/* In the middle of starting another, perhaps. */
				while (performance.now() < from + i * 0.7)
					continue;
				kill([ticker]);
				await next(s.name, "ticker", ticker);
				assert.ok(await well() <= 2000);
				await only(s.name, "listener");
			}
			/* Nothing that anybody has said is lost. */
			const c = await open(s.url), { token } = c;

			await c.sees(b);
			assert.deepEqual(c.metadata.properties[b.token], { n });
			await c.close();
			await a.misses(token);
		});

		test("a guardian is killed: its client is told to come again, others notice nothing", async () => {
			const c = await open(s.url), { token } = c;

			await a.sees(c);
			kill([guardian(s, c)]);
			assert.equal((await c.closed).code, 1012);
			await a.misses(token);
			await well();
		});

		test("a guardian is told to end: it goes on, and so does its client", async () => {
			for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"])
				process.kill(guardian(s, b), signal);
			await well();
			assert.ok(guardian(s, b));
		});

		test("a client's process is killed: it is gone, for itself and for the others", async () => {
			const c = await open(s.url), { token } = c;

			await a.sees(c);
			assert.ok(sockets(own(s, c)).length > 0);
			for (const socket of sockets(own(s, c)))
				assert.ok(!sockets(guardian(s, c)).includes(socket));
			kill([own(s, c)]);
			assert.equal((await c.closed).code, 1006);
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

for (const kind of guestKinds.filter((other) => !thorough.includes(other))) {
	test(`both killed at once under ${kind}: clients notice nothing, and in the end nothing is left`, async () => {
		const s = await start(kind);
		const a = await open(s.url), b = await open(s.url);

		b.set({ n: 0 });
		await a.until(() => a.metadata.properties[b.token]?.n === 0);
		for (let n = 1; n < 3; n++) {
			const [listener, ticker] = keepers(s);

			kill([listener, ticker]);
			await next(s.name, "ticker", ticker);
			assert.equal((await open(s.url)).metadata.properties[b.token].n, n - 1);
			b.set({ n });
			await a.until(() => a.metadata.properties[b.token]?.n === n);
		}
		kill(keepers(s));
		await Promise.all([a.close(), b.close()]);
		kill(processes(s.name, "client"));
		await gone(s.name);
		await s.stop();
	});
}

/*
 * Whatever of an instance is killed at once, those who have lost nothing of their own
 * go on, and when the last client has gone nothing is left.
 */
const parts = {
	listener: (s) => processes(s.name, "listener"),
	ticker: (s) => processes(s.name, "ticker"),
	spawner: (s) => processes(s.name, "spawner"),
	guardian: (s, first) => [guardian(s, first)],
	client: (s, first) => [own(s, first)],
};
const names = Object.keys(parts);
const subsets = Array.from({ length: (1 << names.length) - 1 },
    (_, i) => names.filter((_, bit) => (i + 1) & 1 << bit));

/* Two clients, or one; and what is killed of the first one and of what they share. */
async function killSome(subset, company) {
	const s = await start("tcpserver", "--on-connect", "/bin/true");
	await gone(s.name);
	const first = await open(s.url), all = company ? [first, await open(s.url)] : [first];
	await until(() => names.every((name) => parts[name](s, first).length === 1));
	await first.until(() => first.metadata.indexes.length === all.length);
	const pids = Object.fromEntries(subset.map((name) => [name, parts[name](s, first)[0]]));
	const from = Date.now();

	kill(Object.values(pids));
	/* It may have seen its guardian's end an instant before its own. */
	if (pids.client || pids.guardian)
		assert.ok([pids.client && 1006, pids.guardian && 1012].includes((await first.closed).code));
	const left = all.filter((client) => client !== first || !(pids.client || pids.guardian));
	for (const client of left) {
		client.set({ n: 1 });
		await client.until(() => client.metadata.properties[client.token]?.n === 1);
	}
	if (left.length > 0) {
		if (pids.ticker)
			assert.ok(Date.now() - from <= 2000, `it took ${Date.now() - from} ms`);
		for (const name of subset.filter((one) => names.indexOf(one) < 3))
			await next(s.name, name, pids[name], 5000);
	}
	for (const client of left) {
		await client.until(() => client.metadata.indexes.length === left.length);
		assert.ok(left.every((other) => !client.lost.has(other.token)));
	}
	await Promise.all(left.map((client) => client.close()));
	/* Nobody is left then who may see to it, so the next client does. */
	if (!company && pids.listener && pids.ticker && pids.guardian) {
		await until(() => processes(s.name).length === 0);
		const another = await open(s.url);
		assert.equal(another.metadata.indexes.length, 1);
		await another.close();
	}
	await gone(s.name);
	await s.stop();
}

for (const company of [true, false]) {
	describe(company ? "of one of two clients" : "of the only client", { concurrency: 8 }, () => {
		for (const subset of subsets)
			test(`${subset.join(", ")} killed`, { timeout: 40000 }, () => killSome(subset, company));
	});
}

const crowds = {
	"all clients, listener and ticker": (s) => [...processes(s.name, "client"), ...keepers(s)],
	"all but a guardian": (s, first) =>
	    processes(s.name).filter((pid) => pid !== guardian(s, first)),
	"all guardians": (s) => processes(s.name, "guardian"),
};

for (const [what, find] of Object.entries(crowds)) {
	test(`${what} killed, and the last client gone: nothing is left`, async () => {
		const s = await start("tcpserver");
		await gone(s.name);
		const first = await open(s.url), second = await open(s.url);
		await first.sees(second);
		kill(find(s, first));
		/* Whoever has lost its process has nothing to close. */
		await Promise.all([first, second].map((client) => client.close().catch(() => {})));
		await gone(s.name);
		await s.stop();
	});
}

test("some of all, and again, killed at random, and the last client gone: nothing is left", async () => {
	const seed = Number(process.env.ROSTERD_SEED ?? Date.now() % 1e9), dice = random(seed);

	for (let round = 0; round < 6; round++) {
		const s = await start("tcpserver");
		const all = await Promise.all(Array.from({ length: 4 }, () => open(s.url)));
		/* One client, and so its guardian, has to be there to the end. */
		const last = all[0];
		await last.until(() => last.metadata.indexes.length === all.length, 10000);
		const spared = [own(s, last), guardian(s, last)];

		for (let i = 0; i < 4; i++) {
			kill(processes(s.name).filter((pid) => !spared.includes(pid) && dice() < 0.6));
			await pause(dice() * 400);
		}
		kill(keepers(s));
		await Promise.all(all.map((client) => client.close().catch(() => {})));
		await gone(s.name).catch((error) => {
			throw new Error(`ROSTERD_SEED=${seed}, round ${round}: ${error.message}`);
		});
		await s.stop();
	}
});

test("the supervisor ends: clients stay, whatever is killed", async () => {
	const s = await start("tcpserver");
	const a = await open(s.url), b = await open(s.url);

	await a.sees(b);
	s.child.kill("SIGTERM");
	await s.ended;
	const [, ticker] = keepers(s);
	kill(keepers(s));
	await next(s.name, "ticker", ticker);
	b.set({ n: 1 });
	await a.until(() => a.metadata.properties[b.token]?.n === 1);
	await Promise.all([a.close(), b.close()]);
	await gone(s.name);
	await s.stop();
});

test("a listener for guests is told to end: all go, and nobody starts another", async () => {
	const s = await start("tcpserver");
	const all = [await open(s.url), await open(s.url)];

	await all[0].sees(all[1]);
	const started = s.log.split(" ticker-started ").length;
	process.kill(await only(s.name, "listener"), "SIGTERM");
	for (const client of all)
		assert.equal((await client.closed).code, 1001);
	await gone(s.name);
	assert.equal(s.log.split(" ticker-started ").length, started);
	await s.stop();
});

test("successors are the user that was asked for, and run the operator's programs", async () => {
	const program = join(mkdtempSync("/tmp/supervise-hook-"), "hook");
	writeFileSync(program, "#!/bin/sh\necho \"{\\\"auth.uid\\\":$(id -u)}\"\n");
	chmodSync(program, 0o755);
	chmodSync(dirname(program), 0o755);
	const s = await start("tcpserver", "--user", "nobody", "--on-connect", program);
	const nobody = (pid) => /^Uid:\t65534\t65534\t/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
	const a = await open(s.url);

	for (let i = 0; i < 2; i++) {
		const victims = [...keepers(s), ...processes(s.name, "spawner")], [, ticker] = victims;

		assert.equal(victims.length, 3);
		assert.ok([...victims, guardian(s, a)].every(nobody));
		kill(victims);
		await next(s.name, "ticker", ticker);
		await next(s.name, "spawner", victims[2]);
		const b = await open(s.url);
		await a.sees(b);
		await a.until(() => a.metadata.properties[b.token]?.["auth.uid"] === 65534);
		await b.close();
	}
	await a.close();
	await gone(s.name);
	await s.stop();
	rmSync(dirname(program), { recursive: true });
});

test("the program is told who has left, also by the last client of an instance", async () => {
	const folder = mkdtempSync("/tmp/supervise-hook-"), program = join(folder, "hook"), told = join(folder, "told");
	writeFileSync(program, `#!/bin/sh\necho "$ROSTERD_TOKEN $(id -u)" >>${told}\n`);
	writeFileSync(told, "");
	chmodSync(program, 0o755);
	chmodSync(folder, 0o755);
	chmodSync(told, 0o666);
	const s = await start("tcpserver", "--user", "nobody", "--on-close", program);
	const a = await open(s.url), b = await open(s.url);

	await a.sees(b);
	kill([own(s, b)]);
	await a.misses(b.token);
	kill([...keepers(s), ...processes(s.name, "spawner")]);
	await next(s.name, "spawner");
	await a.close();
	await gone(s.name);
	assert.ok(readFileSync(told, "latin1").includes(`${a.token} 65534\n`));
	assert.ok(!/ end-untold /.test(s.log));
	await s.stop();
	rmSync(folder, { recursive: true });
});

test("a client that would come in by other rules than those of the instance is turned away", async () => {
	const s = await start("tcpserver");
	const a = await open(s.url);
	const other = await start("tcpserver", "--name", s.name, "--on-connect", "/bin/true");

	await assert.rejects(open(other.url), /503/);
	await until(() => / other-rules peer=127/.test(other.log));
	await a.close();
	await gone(s.name);
	const b = await open(other.url);
	await assert.rejects(open(s.url), /503/);
	await b.close();
	await gone(s.name);
	await Promise.all([s.stop(), other.stop()]);
});

test("where there may be no guardian a client is told to come again, and others stay", async () => {
	/* A user of whom nobody else has processes: the limit is his. */
	const s = await start("tcpserver", "--user", "games");
	await gone(s.name);
	const a = await open(s.url);
	const { length } = processes(s.name);

	execFileSync("prlimit", ["--pid", String(s.child.pid), `--nproc=${length + 1}:`]);
	await assert.rejects(open(s.url), /503/);
	await until(() => / no-guardian peer=127/.test(s.log));
	execFileSync("prlimit", ["--pid", String(s.child.pid), "--nproc=500:"]);
	const b = await open(s.url);
	await a.sees(b);
	await Promise.all([a.close(), b.close()]);
	await gone(s.name);
	await s.stop();
});

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

test("twenty clients that come at once to nothing start one instance, and keep one", async () => {
	const s = await start("tcpserver");
	const meet = () => Promise.all(all.map((c) => c.until(() => c.metadata.indexes.length === 20, 10000)));

	await gone(s.name);
	const all = await Promise.all(Array.from({ length: 20 }, () => open(s.url)));
	await meet();
	assert.ok(all.every((c) => guardian(s, c)));
	for (let i = 0; i < 3; i++) {
		const before = [await only(s.name, "listener"), await only(s.name, "ticker")];
		const ticks = all.map((c) => c.ticks);
		kill(before);
		await next(s.name, "ticker", before[1]);
		all[i].set({ i });
		await Promise.all(all.map((c, at) => c.until(() => c.ticks > ticks[at])));
		await meet();
	}
	await Promise.all(all.map((c) => c.close()));
	await gone(s.name);
	await s.stop();
});
