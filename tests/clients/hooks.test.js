/* The examples of etc/hooks, asked by the real server about node's ws. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import Ws from "ws";
import { Client, start } from "./server.js";

const folder = mkdtempSync(join(tmpdir(), "rosterd-hooks-"));
const hook = (name) => fileURLToPath(new URL(`../../etc/hooks/${name}`, import.meta.url));
const run = (name, args, input = "") => execFileSync(hook(name), args, { encoding: "utf8", input }).trim();
const secret = "this is a secret of more than 32 bytes";

process.env.HOOK_TICKET_SECRET = join(folder, "secret");
process.env.HOOK_PASSWORDS = join(folder, "passwords");
process.env.HOOK_SESSIONS = join(folder, "sessions");
writeFileSync(process.env.HOOK_TICKET_SECRET, `${secret}\n`);
mkdirSync(process.env.HOOK_SESSIONS);
after(() => rmSync(folder, { recursive: true }));

/* One whose handshake has these headers. */
const withHeaders = (headers) => class extends Ws {
	constructor(url) { super(url, { headers }); }
};

/* What the server answers to one that it does not let in: [status, last line, challenge]. */
function refused(server, query, headers = {}) {
	return new Promise((resolve, reject) => {
		const socket = new Ws(server.url + query, { headers });

		socket.on("error", reject);
		socket.on("open", () => { socket.terminate(); reject(new Error("it was let in")); });
		socket.on("unexpected-response", (request, response) => {
			let text = "";

			response.setEncoding("utf8").on("data", (data) => { text += data; });
			response.on("end", () => resolve([response.statusCode, text.trim().split("\n").at(-1), response.headers["www-authenticate"]]));
		});
	});
}

/* It is let in, and another sees that it is this user. */
async function admitted(server, user, query, headers = {}) {
	const client = new Client(withHeaders(headers), server.url + query);

	await client.ready;
	const seen = await server.witness.until(() => server.witness.metadata.properties[client.token]);
	assert.deepEqual(seen, { "auth.user": user });
	await client.close();
}

/* A server with that hook, and somebody who is in already. */
function withHook(name, query, headers, tests) {
	describe(name, () => {
		const server = {};

		before(async () => {
			Object.assign(server, await start("--on-connect", hook(name), "--hook-timeout", "20000"));
			server.witness = new Client(withHeaders(headers()), server.url + query());
			await server.witness.ready;
		});
		after(() => server.stop?.());
		tests(server);
	});
}

/* As an application makes it, which shares nothing with the hook but the secret. */
function ticket(user, expires, key = secret) {
	const text = `${Buffer.from(user).toString("base64url")}.${expires}`;

	return `${text}.${createHmac("sha256", key).update(text).digest("hex")}`;
}
const now = () => Math.floor(Date.now() / 1000);

withHook("ticket", () => `?ticket=${ticket("witness", now() + 600)}`, () => ({}), (server) => {
	test("a valid one is let in, by query or cookie, and others see whose it is", async () => {
		await admitted(server, "ada", `?ticket=${ticket("ada", now() + 600)}`);
		await admitted(server, "h\u00e9 \"\u{1F600}\"\n", `?room=1&ticket=${ticket("h\u00e9 \"\u{1F600}\"\n", now() + 600)}`);
		await admitted(server, "bob", "", { Cookie: `a=b; rosterd-ticket=${ticket("bob", now() + 600)}; c=d` });
		await admitted(server, "eve", `?ticket=${run("ticket", ["make", "eve", "600"])}`);
	});

	test("one that has expired is refused", async () => {
		assert.deepEqual((await refused(server, `?ticket=${ticket("ada", now() - 1)}`)).slice(0, 2),
		    [403, "This ticket has expired."]);
	});

	test("one that let somebody in is refused when its time is over", async () => {
		const expires = now() + 8, used = ticket("ada", expires);

		await admitted(server, "ada", `?ticket=${used}`);
		while (now() <= expires)
			await new Promise((resolve) => setTimeout(resolve, 100));
		assert.deepEqual((await refused(server, `?ticket=${used}`)).slice(0, 2), [403, "This ticket has expired."]);
	});

	test("one that is forged is refused", async () => {
		const [user, expires, signature] = ticket("ada", now() + 600).split(".");
		const other = Buffer.from("eve").toString("base64url");

		for (const forged of [ticket("ada", now() + 600, "another secret"), `${other}.${expires}.${signature}`,
		    `${user}.${Number(expires) + 1}.${signature}`, `${user}.${expires}.${"0".repeat(64)}`,
		    ticket("ada", now() - 1, "another secret")])
			assert.deepEqual((await refused(server, `?ticket=${forged}`)).slice(0, 2),
			    [403, "This ticket is not genuine."], forged);
	});

	test("none, and what is no ticket, is refused", async () => {
		const good = ticket("ada", now() + 600);

		for (const query of ["", "?ticket=", "?ticket", `?ticket=${good}0`, `?ticket=${good.toUpperCase()}`,
		    `?ticket=${good.slice(0, -1)}`, `?ticket=${good}%0A`, `?tickets=${good}`, "?ticket=%C3%A9..", "?ticket=a.b.c"])
			assert.deepEqual((await refused(server, query)).slice(0, 2), [403, "Show a ticket."], query);
	});

	test("without its secret it lets nobody in, and the log says that it failed", async () => {
		const good = ticket("ada", now() + 600);

		for (const text of ["", "short"]) {
			writeFileSync(process.env.HOOK_TICKET_SECRET, text);
			try {
				assert.equal((await refused(server, `?ticket=${good}`))[0], 503);
				assert.equal((await refused(server, `?ticket=${ticket("ada", now() + 600, text)}`))[0], 503);
			} finally {
				writeFileSync(process.env.HOOK_TICKET_SECRET, `${secret}\n`);
			}
		}
		assert.match(server.log(), /hook-failed/);
	});
});

const basic = (text) => ({ Authorization: `Basic ${Buffer.from(text).toString("base64")}` });

writeFileSync(process.env.HOOK_PASSWORDS, ["witness", "ada", "h\u00e9"].map((name) =>
    `${run("basic-auth", ["make", name], name === "ada" ? "a:b c\n" : "open\n")}\n`).join(""));

withHook("basic-auth", () => "", () => basic("witness:open"), (server) => {
	test("name and password are let in, and others see whose they are", async () => {
		await admitted(server, "ada", "", basic("ada:a:b c"));
		await admitted(server, "h\u00e9", "", basic("h\u00e9:open"));
	});

	test("wrong ones are answered 401", async () => {
		for (const wrong of ["ada:open", "ada:", "ada:a:b c ", "eve:open", ":open", "Ada:a:b c"])
			assert.deepEqual(await refused(server, "", basic(wrong)),
			    [401, "Name or password are wrong.", 'Basic realm="rosterd", charset="UTF-8"'], wrong);
	});

	test("none are answered 401", async () => {
		for (const headers of [{}, basic("ada"), { Authorization: "Basic" }, { Authorization: "Basic !" },
		    { Authorization: "Basic /////w==" }, { Authorization: basic("ada:a:b c").Authorization.replace("Basic", "Bearer") }])
			assert.deepEqual(await refused(server, "", headers),
			    [401, "Say who you are.", 'Basic realm="rosterd", charset="UTF-8"'], JSON.stringify(headers));
	});
});

function session(value, user) {
	const name = createHash("sha256").update(value).digest("hex");

	writeFileSync(join(process.env.HOOK_SESSIONS, name), JSON.stringify({ "auth.user": user }));
	return { name, headers: { Cookie: `a=b; session=${value}` } };
}

withHook("cookie", () => "", () => session("w", "witness").headers, (server) => {
	test("a session is let in, and others see whose it is", async () => {
		await admitted(server, "ada", "", session("x=1./../*$(id)", "ada").headers);
	});

	test("one that has ended is refused", async () => {
		const { name, headers } = session("ended", "ada");

		rmSync(join(process.env.HOOK_SESSIONS, name));
		assert.deepEqual((await refused(server, "", headers)).slice(0, 2), [403, "Log in first."]);
	});

	test("none, and one that never was, is refused", async () => {
		const { name } = session("real", "ada");

		/* The file without a value must not be found, nor one by its own name. */
		session("", "nobody");
		for (const Cookie of ["", "a=b", "session=", "session", "session=eve", `session=${name}`, "xsession=real",
		    "session=../sessions", "session=; session=real"])
			assert.deepEqual((await refused(server, "", Cookie ? { Cookie } : {})).slice(0, 2), [403, "Log in first."], Cookie);
	});
});
