/* Over TLS: node's ws and Chromium, with a certificate that they are told to take. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import Ws from "ws";
import { launch, openPage } from "./browser.js";
import { Client, start } from "./server.js";

class Insecure extends Ws {
	constructor(url) { super(url, { rejectUnauthorized: false }); }
}

const folder = mkdtempSync(join(tmpdir(), "rosterd-tls-"));
let server;

before(async () => {
	const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];

	execFileSync("openssl", ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
	    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", key, "-out", cert], { stdio: "ignore" });
	server = await start("--listen-tls", "127.0.0.1:0", "--cert", cert, "--key", key);
	const [, port] = /address=127\.0\.0\.1:(\d+) tls=on/.exec(server.log());
	server.url = `wss://127.0.0.1:${port}/`;
	server.page = `https://127.0.0.1:${port}/`;
});
after(async () => {
	await server?.stop();
	rmSync(folder, { recursive: true });
});

test("ws: packets to one and to all, large ones, in order, and a clean end", async () => {
	const [a, b] = [new Client(Insecure, server.url), new Client(Insecure, server.url)];
	const large = "x".repeat(60000);

	await Promise.all([a.ready, b.ready]);
	await a.until(() => a.metadata.indexes.includes(b.token));
	for (let n = 0; n < 100; n++)
		a.send(n % 2 ? b.token : "*", "n", { n, text: n % 10 ? "" : large });
	for (let n = 0; n < 100; n++) {
		const { n: value } = await b.next();
		assert.deepEqual([value.n, value.text.length], [n, n % 10 ? 0 : 60000]);
	}
	assert.deepEqual(await a.close(4000, "bye"), { code: 4000, reason: "bye" });
	await b.close();
});

test("Chromium: the page by https, its socket by wss, and a client of ws beside it", async () => {
	const browser = await launch();

	try {
		const context = await browser.newContext({ ignoreHTTPSErrors: true });
		const page = await openPage(context, server), other = new Client(Insecure, server.url);

		await other.ready;
		await other.until(() => other.metadata.indexes.includes(page.token));
		await page.waitForSelector(`#people li[data-token="${other.token}"]`);
		assert.deepEqual(page.errors, []);
		await other.close();
	} finally {
		await browser.close();
	}
});
