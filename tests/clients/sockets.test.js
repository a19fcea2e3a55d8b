/* node's ws and its built-in WebSocket: the same tests with each. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Ws from "ws";
import { Client, start } from "./server.js";

/* Older versions of node have it only as the package that it is made of. */
const BuiltIn = globalThis.WebSocket ?? (await import("undici")).WebSocket;

for (const [name, WebSocket] of [["ws", Ws], ["the built-in WebSocket", BuiltIn]]) {
	describe(`with ${name}`, () => {
		let server;
		const open = async () => {
			const client = new Client(WebSocket, server.url);
			await client.ready;
			return client;
		};

		before(async () => { server = await start(); });
		after(() => server.stop());

		test("two clients see each other and their properties", async () => {
			const a = await open(), b = await open();
			b.set({ name: "Ada \u{1F600}\uFE0F", n: 1.5, nested: [null, { x: true }] });
			const seen = await a.until(() => a.metadata.properties[b.token]?.name && a.metadata.properties[b.token]);
			assert.deepEqual(seen, { name: "Ada \u{1F600}\uFE0F", n: 1.5, nested: [null, { x: true }] });
			await b.close();
			await a.until(() => !a.metadata.indexes.includes(b.token));
			await a.close();
		});

		test("packets to one, to all, large ones, in order", async () => {
			const a = await open(), b = await open();
			const large = "x".repeat(60000);
			for (let n = 0; n < 200; n++)
				a.send(n % 2 ? b.token : "*", "n", { n, text: n % 50 ? "" : large });
			for (let n = 0; n < 200; n++) {
				const { from, type, n: value } = await b.next();
				assert.equal(from, a.token);
				assert.equal(type, "n");
				assert.equal(value.n, n);
				assert.equal(value.text.length, n % 50 ? 0 : 60000);
			}
			await Promise.all([a.close(), b.close()]);
		});

		test("closing is clean in both directions", async () => {
			const a = await open(), b = await open();
			assert.deepEqual(await a.close(4000, "bye"), { code: 4000, reason: "bye" });
			b.socket.send("not json");
			const { code, reason } = await b.closed;
			assert.equal(code, 1007);
			assert.match(reason, /^not JSON: column \d+: /);
		});

		test("a client with an Origin is let in from the same host only", async () => {
			if (WebSocket !== Ws)
				return; /* only ws can say what it likes */
			const good = new Ws(server.url, { origin: `http://127.0.0.1:${server.port}` });
			await new Promise((resolve, reject) => { good.on("open", resolve); good.on("error", reject); });
			good.close();
			const bad = new Ws(server.url, { origin: "http://evil.example" });
			const message = await new Promise((resolve) => bad.on("error", ({ message }) => resolve(message)));
			assert.match(message, /403/);
		});

		test("200 clients at once", async () => {
			const all = await Promise.all(Array.from({ length: 200 }, open));
			await Promise.all(all.map((c) => c.until(() => c.metadata.indexes.length === 200, 10000)));
			all[7].set({ seven: 7 });
			await Promise.all(all.map((c) => c.until(() => c.metadata.properties[all[7].token].seven === 7)));
			await Promise.all(all.map((c) => c.close()));
		});
	});
}
