/* Listeners that somebody keeps up: killed, upgraded, ended and started again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { open } from "./client.js";
import { gone, keepers, kill, next, only, processes, start, until } from "./supervisors.js";

/* How an operator tells the supervisor what to do. */
const tools = {
	"s6-supervise": {
		reload: (folder) => execFileSync("s6-svc", ["-h", folder]),
		down: (folder) => execFileSync("s6-svc", ["-wD", "-T", "15000", "-d", folder]),
		/* With -wU it comes back when the listener has said that it is ready. */
		up: (folder) => execFileSync("s6-svc", ["-wU", "-T", "15000", "-u", folder]),
	},
	runsv: {
		reload: (folder) => execFileSync("sv", ["hup", folder]),
		down: (folder) => execFileSync("sv", ["-w", "15", "down", folder]),
		up: (folder) => execFileSync("sv", ["up", folder]),
	},
	/* inetd starts the next one when somebody connects. */
	"xinetd wait": null,
	"openbsd-inetd wait": null,
};

describe("kept up", { concurrency: 2 }, () => {
for (const [kind, tool] of Object.entries(tools)) {
	describe(`by ${kind}`, { concurrency: 1 }, () => {
		let s, a, b, n = 0;

		/* Those who are there go on, and who comes now is among them. */
		const well = async () => {
			const c = await until(() => open(s.url).catch(() => null));

			b.set({ n: ++n });
			await c.until(() => c.metadata.properties[b.token]?.n === n);
			await a.until(() => a.metadata.properties[b.token]?.n === n);
			await a.sees(c);
			a.send([b.token, c.token], "still", n);
			assert.equal((await b.next()).still, n);
			assert.equal((await c.next()).still, n);
			await c.close();
		};

		before(async () => {
			s = await start(kind);
			a = await open(s.url);
			b = await open(s.url);
			await well();
		});
		after(() => s?.stop());

		test("the listener is killed: there is another, and clients stay", async () => {
			for (let i = 0; i < 2; i++) {
				const listener = await only(s.name, "listener");

				kill([listener]);
				await well();
				await next(s.name, "listener", listener);
			}
		});

		test("listener and ticker are killed at once: there are others, and clients stay", async () => {
			const [listener, ticker] = keepers(s);

			kill([listener, ticker]);
			await well();
			await next(s.name, "listener", listener);
			await next(s.name, "ticker", ticker);
		});

		test("it is upgraded: the same listener, another ticker", { skip: !tool }, async () => {
			const [listener, ticker] = [await only(s.name, "listener"), await only(s.name, "ticker")];

			tool.reload(join(s.folder, "service"));
			await next(s.name, "ticker", ticker);
			await well();
			assert.equal(await only(s.name, "listener"), listener);
		});

		test("it is ended: clients are sent away, nothing is left; and it is started again", { skip: !tool }, async () => {
			tool.down(join(s.folder, "service"));
			assert.equal((await a.closed).code, 1001);
			assert.equal((await b.closed).code, 1001);
			await gone(s.name);
			tool.up(join(s.folder, "service"));
			a = await until(() => open(s.url).catch(() => null));
			b = await open(s.url);
			await well();
		});

		test("when the last client is gone it stays as it should", async () => {
			await Promise.all([a.close(), b.close()]);
			await until(() => processes(s.name, "client").length === 0);
			if (tool)
				assert.equal(processes(s.name, "listener").length, 1);
			else
				await gone(s.name);
		});
	});
}
});
