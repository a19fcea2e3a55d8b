/* The examples of README: short, and each does what it says, in a project of its own. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import Ws from "ws";
import { Client, start } from "./server.js";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const CLIENT = fileURLToPath(new URL("../../etc/www/client/rosterd.js", import.meta.url));
const UNDICI = fileURLToPath(new URL("node_modules/undici/index.js", import.meta.url));
let server, folder;

before(async () => {
	server = await start();
	folder = mkdtempSync(join(tmpdir(), "rosterd-examples-"));
});
after(async () => {
	rmSync(folder, { recursive: true });
	await server.stop();
});

/* The code of a language in the section about clients, for the server of this test. */
function example(language) {
	const section = /^## A client$(.*?)^## /ms.exec(README)[1];
	const code = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms").exec(section)[1];

	assert.ok(code.trim().split("\n").length < 10, `${language}: under ten lines`);
	assert.match(code, /13372/);
	return code.replaceAll("13372", server.port);
}

function write(name, text) {
	const path = join(folder, name);

	writeFileSync(path, text);
	return path;
}

/* It tells its name to everybody, and prints a packet that it is sent. */
async function check(t, name, ...command) {
	const child = spawn(command[0], command.slice(1), { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
	const witness = new Client(Ws, server.url);
	let output = "";

	t.after(() => child.kill());
	child.stdout.setEncoding("utf8");
	await witness.ready;
	const token = await witness.until(() => witness.metadata.indexes.find((one) => witness.metadata.properties[one].name === name), 20000);
	const printed = new Promise((resolve) => child.stdout.on("data", (text) => {
		output += text;
		if (output.includes("a word for"))
			resolve();
	}));
	witness.send(token, "word", `a word for ${name}`);
	await printed;
	await witness.close();
}

test("the example in JavaScript", async (t) => {
	const code = example("js").replace(/from "[^"]*"/, `from ${JSON.stringify(CLIENT)}`);
	const prelude = globalThis.WebSocket ? "" : `globalThis.WebSocket = (await import(${JSON.stringify(UNDICI)})).WebSocket;\n`;

	await check(t, "Ada", process.execPath, "--no-warnings", write("example.mjs", prelude + code));
});

test("the example in Python", (t) => check(t, "Guido", "/usr/bin/python3", "-u", write("example.py", example("python"))));

test("the example in C", (t) => {
	const program = join(folder, "example");

	execFileSync("cc", ["-Wall", "-Werror", "-o", program, write("example.c", example("c")), "-lwebsockets"]);
	return check(t, "Dennis", "stdbuf", "-oL", program);
});
