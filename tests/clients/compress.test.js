/*
 * permessage-deflate as real clients speak it (--compress): node's ws, python's websockets and
 * Chromium, each beside a client that does without it, on the same server.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import Ws from "ws";
import { PythonSocket, socketsOf } from "./bridge.js";
import { launch, openPage } from "./browser.js";
import { Client, start } from "./server.js";

class Plain extends Ws {
	constructor(url) { super(url, { perMessageDeflate: false }); }
}

class Deflating extends Ws {
	constructor(url) { super(url, { perMessageDeflate: true }); }
}

/* Adds up the changes; in each tick they have to come to the metadata. */
class Witness extends Client {
	take(packet) {
		if (packet.from === "server" && packet.type === "changes") {
			packet.changes.opened.forEach((token) => this.members.add(token));
			packet.changes.closed.forEach((token) => this.members.delete(token));
		} else if (packet.from === "server" && packet.type === "metadata") {
			this.members ??= new Set(packet.metadata.indexes);
			this.wrong ??= [...this.members].sort().join() === [...packet.metadata.indexes].sort().join() ? undefined : packet;
		}
		super.take(packet);
	}
}

const PEOPLE = 20;
const large = "\u{1F600} all work and no play ".repeat(2000);
let server, browser, page, InChromium;

before(async () => {
	server = await start("--compress", "5", "--tick", "50");
	browser = await launch();
	page = await openPage(await browser.newContext(), server);
	InChromium = await socketsOf(page);
});
after(async () => {
	await browser?.close();
	await server.stop();
});

/* What the server has counted for a client. */
async function counted({ token }) {
	const all = await (await fetch(`${server.page}clients.json`)).json();

	return all.find((client) => client.token === token).counters;
}

/* People who come, move about, and of whom some go, until these clients have seen it all. */
async function move(...clients) {
	const people = await Promise.all(Array.from({ length: PEOPLE }, async (_, n) => {
		const one = new Client(Plain, server.url);

		await one.ready;
		one.set({ name: `Person ${n}`, color: "#80ff20", x: n, y: 0 });
		return one;
	}));

	for (let y = 1; y <= 10; y++) {
		people.forEach((one) => one.set({ y }));
		await Promise.all(clients.map((client) => client.until(() =>
			people.every(({ token }) => client.metadata.properties[token]?.y === y))));
	}
	await people[0].close();
	await Promise.all(clients.map((client) => client.until(() => !client.metadata.indexes.includes(people[0].token))));
	return people;
}

for (const [name, socket] of [
	["node's ws", () => Deflating],
	["python's websockets", () => PythonSocket],
	["Chromium", () => InChromium],
]) {
	test(`${name}: agrees to it, and sees what one without it sees, in fewer bytes`, async () => {
		const a = new Witness(socket(), server.url), plain = new Witness(Plain, server.url);

		await Promise.all([a.ready, plain.ready]);
		assert.match(a.socket.extensions, /^permessage-deflate\b/);
		assert.equal(plain.socket.extensions, "");
		const before = [await counted(a), await counted(plain)];
		const people = await move(a, plain);
		const [some, all] = [await counted(a), await counted(plain)];

		assert.deepEqual(a.metadata.properties, plain.metadata.properties);
		assert.deepEqual(a.metadata.indexes, plain.metadata.indexes);
		assert.deepEqual([a.wrong, plain.wrong], [undefined, undefined]);
		assert.ok(some.ticks_deflated - before[0].ticks_deflated >= 10, JSON.stringify(some));
		assert.equal(all.ticks_deflated, 0);
		const ratio = (some.sent_bytes - before[0].sent_bytes) / (all.sent_bytes - before[1].sent_bytes);
		assert.ok(ratio < 0.6, `${ratio} of the bytes`);
		if (a.socket instanceof Ws) /* as the kernel has counted them at this end */
			assert.ok(a.socket._socket.bytesRead < plain.socket._socket.bytesRead * 0.7);
		await Promise.all([...people.slice(1), a, plain].map((client) => client.close()));
	});

	test(`${name}: large packets and small ones, in both directions and in order`, async () => {
		const a = new Witness(socket(), server.url), plain = new Witness(Plain, server.url);
		const text = (n) => n % 5 ? "" : large;

		await Promise.all([a.ready, plain.ready]);
		await Promise.all([a, plain].map((client) => client.until(() =>
			[a, plain].every(({ token }) => client.metadata.indexes.includes(token)))));
		for (let n = 0; n < 20; n++) {
			a.send(n % 2 ? plain.token : "*", "n", { n, text: text(n) });
			plain.send(a.token, "m", { n, text: text(n) });
		}
		for (let n = 0; n < 20; n++)
			assert.deepEqual(await plain.next(), { from: a.token, type: "n", n: { n, text: text(n) } });
		const own = [], others = [];
		for (let n = 0; n < 30; n++) {
			const packet = await a.next();
			(packet.from === a.token ? own : others).push(packet[packet.type]);
		}
		assert.deepEqual(others, Array.from({ length: 20 }, (_, n) => ({ n, text: text(n) })));
		assert.deepEqual(own, Array.from({ length: 10 }, (_, n) => ({ n: 2 * n, text: text(2 * n) })));

		const [some, all] = [await counted(a), await counted(plain)];
		assert.ok(some.inflated_packets >= 4, JSON.stringify(some));
		assert.ok(some.inflated_bytes > 4 * large.length);
		assert.equal(all.inflated_packets, 0);
		assert.ok(some.received_bytes < all.received_bytes / 10, `${some.received_bytes} of ${all.received_bytes}`);
		assert.deepEqual(await a.close(4000, "bye"), { code: 4000, reason: "bye" });
		await plain.close();
	});
}

test("Chromium: the page's own connection is one, and the page shows what comes by it", async () => {
	const devtools = await page.context().newCDPSession(page);

	await devtools.send("Network.enable");
	const answer = once(devtools, "Network.webSocketHandshakeResponseReceived");
	await page.reload();
	const [{ response }] = await answer;
	const header = Object.entries(response.headers).find(([key]) => /^sec-websocket-extensions$/i.test(key))?.[1];
	assert.match(header, /^permessage-deflate\b/);
	await page.waitForSelector('#state[data-state="connected"]');

	const plain = new Witness(Plain, server.url), token = await page.textContent("#me");
	await plain.ready;
	const people = await move(plain);
	await page.locator(`#people li[data-token="${people[7].token}"]`, { hasText: "Person 7" }).waitFor();
	assert.ok((await counted({ token })).ticks_deflated > 10);
	await page.fill("#add-key", "mood");
	await page.fill("#add-value", `"${"fine ".repeat(100)}"`);
	await page.press("#add-value", "Enter");
	await plain.until(() => plain.metadata.properties[token].mood?.startsWith("fine fine"));
	assert.ok((await counted({ token })).inflated_packets > 0);
	assert.deepEqual(page.errors, []);
	assert.equal(plain.wrong, undefined);
	await Promise.all([...people.slice(1), plain].map((client) => client.close()));
});
