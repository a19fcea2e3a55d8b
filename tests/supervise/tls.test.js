/* TLS on sockets that others have opened: by their name, or by --tls. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import Ws from "../clients/node_modules/ws/wrapper.mjs";
import { Checked } from "./client.js";
import { start, until } from "./supervisors.js";

const folder = mkdtempSync(join(tmpdir(), "supervise-tls-"));
const files = ["--cert", join(folder, "cert.pem"), "--key", join(folder, "key.pem")];

class Insecure extends Ws {
	constructor(url) { super(url.replace("ws:", "wss:"), { rejectUnauthorized: false }); }
}

before(() => execFileSync("openssl", ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", files[1], "-keyout", files[3]], { stdio: "ignore" }));
after(() => rmSync(folder, { recursive: true }));

for (const [kind, options] of Object.entries({
	"systemd-socket-activate --fdname=tls": [],
	"xinetd wait": ["--tls", "on"],
	"systemd-socket-activate -a": ["--tls", "on"],
	"openbsd-inetd nowait": ["--tls", "on"],
	tcpserver: ["--tls", "on"],
})) {
	describe(`TLS under ${kind}`, { concurrency: 1 }, () => {
		let s;

		before(async () => { s = await start(kind, ...options, ...files); });
		after(() => s?.stop());

		test("two clients see each other and themselves", async () => {
			const [a, b] = [new Checked(s.url, Insecure), new Checked(s.url, Insecure)];

			await Promise.all([a.ready, b.ready]);
			await a.sees(b);
			b.set({ name: "Ada" });
			await a.until(() => a.metadata.properties[b.token]?.name === "Ada");
			a.send(b.token, "text", "x".repeat(50000));
			assert.equal((await b.next()).text.length, 50000);
			await a.close();
			await b.close();
		});

		test("who does not speak it is told", async () => {
			const response = await until(() => fetch(s.url.replace("ws:", "http:")).catch(() => null));

			assert.equal(response.status, 400);
			assert.match(await response.text(), /speaks TLS/);
		});
	});
}
