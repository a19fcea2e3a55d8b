/* Behind real proxies: the protocol, and whose address is whose. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { after, before, describe, test } from "node:test";
import Ws from "../clients/node_modules/ws/wrapper.mjs";
import { Checked } from "../supervise/client.js";
import { until } from "../supervise/supervisors.js";
import { ask, kinds, start } from "./proxies.js";

/* What a client would say that wants to be somebody else. */
const forged = { "X-Forwarded-For": "203.0.113.66", "Forwarded": "for=203.0.113.66", "X-Real-IP": "203.0.113.66" };

/* A client at that address. */
async function open(url, localAddress, headers = {}) {
	const client = new Checked(url, class extends Ws {
		constructor(target) { super(target, { localAddress, headers, rejectUnauthorized: false }); }
	});
	await client.ready;
	return client;
}

/* The status of what is answered to one that is not let in, and a header. */
const refused = (url, localAddress) => new Promise((resolve, reject) => {
	new Ws(url, { localAddress, rejectUnauthorized: false })
	    .on("unexpected-response", (_, { statusCode, headers }) => resolve([statusCode, headers["retry-after"]]))
	    .on("open", () => reject(new Error("it was let in")))
	    .on("error", reject);
});

const get = (url, localAddress, headers = {}) => new Promise((resolve, reject) => {
	const { request } = url.startsWith("https:") ? https : http;

	request(url, { localAddress, headers, rejectUnauthorized: false }, (response) => {
		response.resume().on("end", () => resolve(response.statusCode));
	}).on("error", reject).end();
});

const clients = (name) => JSON.parse(execFileSync(process.env.ROSTERD_DUMP, ["--name", name, "clients", "--json"]));

/* How the server knows the client of that token: by the dump tool, its title and the log. */
async function known(s, token) {
	const { peer, via, pid } = clients(s.rosterd.name).find((client) => client.token === token);
	const [, logged] = await until(() => s.rosterd.log().match(`client-open .*token=${token} (peer=.*)`));

	assert.equal(readFileSync(`/proc/${pid}/cmdline`, "latin1").replace(/\0.*/s, ""),
	    `rosterd: client ${token.slice(0, 8)} ${peer}`);
	assert.equal(logged, `peer=${peer} via=${via}`);
	return { peer, via };
}

for (const [name, kind] of Object.entries(kinds)) {
	describe(name, { concurrency: 1 }, () => {
		const one = "127.0.0.5", two = "127.0.0.6";
		let s, a, b;

		before(async () => { s = await start(kind, "--max-per-source", "2", "--tick", "100"); });
		after(() => s?.stop());

		test("two clients see each other", async () => {
			a = await open(s.url, one);
			b = await open(s.url, two, forged);
			await a.sees(b);
			await b.sees(a);
			b.set({ name: "Ada" });
			await a.until(() => a.metadata.properties[b.token]?.name === "Ada");
			a.send(b.token, "text", "x".repeat(50000));
			assert.equal((await b.next()).text.length, 50000);
		});

		test("each is known by its own address, whatever it says", async () => {
			for (const [client, address] of [[a, one], [b, two]]) {
				const { peer, via } = await known(s, client.token);

				assert.match(peer, kind.ports ? RegExp(`^${address}:\\d+$`) : RegExp(`^${address}$`));
				assert.match(via, kind.unix ? /^unix/ : /^127\.0\.0\.1:\d+$/);
			}
		});

		test("no more clients than an address may have", async () => {
			const more = await open(s.url, one);

			const [status, retry] = await refused(s.url, one);
			assert.equal(status, 503);
			assert.ok(Number(retry) > 0);
			const other = await open(s.url, "127.0.0.7");
			await Promise.all([more.close(), other.close()]);
		});

		test("pages for operators are for nobody behind it, the page is for all", async () => {
			assert.equal(await get(`${s.page}clients.json`, "127.0.0.8"), 403);
			assert.equal(await get(`${s.page}clients.json`, "127.0.0.8", { "X-Forwarded-For": "127.0.0.1" }), 403);
			assert.equal(await get(s.page, "127.0.0.8"), 200);
		});

		test("who comes past it is known by its own address, whatever it says", async () => {
			const past = await open(s.rosterd.url, "127.0.0.9", forged);
			const { peer, via } = clients(s.rosterd.name).find(({ token }) => token === past.token);

			assert.match(peer, /^127\.0\.0\.9:\d+$/);
			assert.equal(via, null);
			await past.close();
		});

		test("its own checks are no clients", { skip: !kind.checks }, async () => {
			await until(async () => (await ask(s.stats, "show stat")).includes(",L7OK,200,"));
			await until(() => clients(s.rosterd.name).filter(({ state }) => state === "open").length === 2);
		});

		test("who leaves is gone for the others", async () => {
			const { token } = b;

			await b.close();
			await a.misses(token);
			await a.close();
		});
	});
}
