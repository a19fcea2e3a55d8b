/*
 * bridge.js - WebSockets of other languages and programs, for tests to use as if they were node's.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PYTHON = fileURLToPath(new URL("bridge.py", import.meta.url));

class Bridge extends EventTarget {
	extensions = "";

	happened(kind, detail) {
		if (kind === "open")
			this.extensions = detail.extensions;
		this.dispatchEvent(Object.assign(new Event(kind), detail));
	}

	send(text) { this.order("send", text); }

	close(code, reason) { this.order("close", code, reason); }
}

/* One of python's websockets. */
export class PythonSocket extends Bridge {
	constructor(url) {
		super();
		this.child = spawn("/usr/bin/python3", [PYTHON, url], { stdio: ["pipe", "pipe", "inherit"] });
		createInterface(this.child.stdout).on("line", (line) => this.happened(...JSON.parse(line)));
		this.child.on("exit", () => this.happened("close", { code: 1006, reason: "" }));
	}

	order(...words) { this.child.stdin.write(`${JSON.stringify(words)}\n`); }
}

/* The class of WebSockets of a page of playwright's. */
export async function socketsOf(page) {
	const sockets = [];

	await page.exposeFunction("happened", (n, kind, detail) => sockets[n].happened(kind, detail));
	await page.evaluate(() => { window.sockets = []; });
	return class extends Bridge {
		constructor(url) {
			super();
			this.n = sockets.push(this) - 1;
			page.evaluate(([n, url]) => {
				const socket = window.sockets[n] = new WebSocket(url);

				socket.onopen = () => window.happened(n, "open", { extensions: socket.extensions });
				socket.onmessage = ({ data }) => window.happened(n, "message", { data });
				socket.onclose = ({ code, reason }) => window.happened(n, "close", { code, reason });
			}, [this.n, url]);
		}

		order(what, ...values) {
			page.evaluate(([n, what, values]) => window.sockets[n][what](...values), [this.n, what, values]);
		}
	};
}
