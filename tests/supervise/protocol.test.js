/* The protocol's main tests under each supervisor. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { open } from "./client.js";
import { gone, kinds, start } from "./supervisors.js";

const page = (s) => new Promise((resolve, reject) => {
	const target = s.path ? { socketPath: s.path } : { host: "127.0.0.1", port: s.port };

	request({ ...target, path: "/" }, (response) => {
		response.resume().on("end", () => resolve(response.statusCode));
	}).on("error", reject).end();
});

describe("the protocol", { concurrency: 4 }, () => {
for (const kind of kinds) {
	describe(`under ${kind}`, { concurrency: 1 }, () => {
		let s, a, b;

		before(async () => { s = await start(kind); });
		after(() => s?.stop());

		test("two clients see each other, and each what the other says about itself", async () => {
			a = await open(s.url);
			b = await open(s.url);
			assert.ok(b.metadata.indexes.includes(b.token), "it knows itself at once");
			await a.sees(b);
			await b.sees(a);
			const from = Date.now();
			b.set({ name: "Ada \u{1F600}", n: 1.5 });
			await a.until(() => a.metadata.properties[b.token]?.name === "Ada \u{1F600}");
			assert.ok(Date.now() - from < 1000, `it took ${Date.now() - from} ms`);
		});

		test("packets to one and to all arrive once and in order", async () => {
			const large = "x".repeat(50000);

			for (let n = 0; n < 60; n++)
				a.send(n % 2 ? b.token : ["*", b.token], "n", { n, text: n % 20 ? "" : large });
			for (let n = 0; n < 60; n++) {
				const packet = await b.next();
				assert.deepEqual([packet.from, packet.type, packet.n.n], [a.token, "n", n]);
				assert.equal(packet.n.text.length, n % 20 ? 0 : 50000);
			}
		});

		test("bad input is answered with a code and a reason, a page with a page", async () => {
			const bad = await open(s.url), { token } = bad;

			await a.sees(bad);
			bad.socket.send("not json");
			const { code, reason } = await bad.closed;
			assert.equal(code, 1007);
			assert.match(reason, /^not JSON/);
			await a.misses(token);
			assert.equal(await page(s), 200);
		});

		test("who leaves is gone for the others, and comes again", async () => {
			const { token } = b;

			await b.close(4000, "bye");
			await a.misses(token);
			b = await open(s.url);
			await a.sees(b);
			await Promise.all([a.close(), b.close()]);
		});

		test("when all have left nothing is left", { skip: /s6-supervise|runsv/.test(kind) }, async () => {
			await gone(s.name);
			/* And it begins anew; systemd-socket-activate alone becomes what it starts. */
			if (kind === "systemd-socket-activate")
				return;
			const again = await open(s.url);
			assert.equal(again.metadata.indexes.length, 1);
			await again.close();
			await gone(s.name);
		});
	});
}
});
