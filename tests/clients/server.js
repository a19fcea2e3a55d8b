/*
 * server.js - an instance of the real server for one test file.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

/* Start one on a port of its own; ends with stop(). */
export async function start(...options) {
	const name = `clients-${process.pid}-${Math.random().toString(36).slice(2)}`;
	const child = spawn(
	    process.env.ROSTERD,
	    ["--name", name, "--listen", "127.0.0.1:0", "--ready-fd", "3", ...options],
	    { stdio: ["ignore", "ignore", "pipe", "pipe"] });
	let log = "", ended;

	child.stderr.setEncoding("utf8").on("data", (text) => { log += text; });
	await once(child.stdio[3], "data");
	while (!/address=127\.0\.0\.1:\d+/.test(log))
		await once(child.stderr, "data");
	const port = Number(/address=127\.0\.0\.1:(\d+)/.exec(log)[1]);
	return {
		name,
		port,
		url: `ws://127.0.0.1:${port}/`,
		page: `http://127.0.0.1:${port}/`,
		log: () => log,
		/* May be called again: a test that failed half way is cleaned up after, too. */
		stop: () => ended ??= end(child, () => log),
	};
}

async function end(child, log) {
	child.kill("SIGTERM");
	const [code] = await once(child, "exit");
	if (code !== 0)
		throw new Error(`the server ended with ${code}:\n${log()}`);
}

/*
 * A client of any WebSocket class: keeps the newest metadata, hands out packets,
 * and waits for conditions.
 */
export class Client {
	constructor(WebSocket, url) {
		this.packets = [];
		this.waiting = [];
		this.closed = new Promise((resolve) => {
			this.socket = new WebSocket(url);
			this.socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason: String(reason) }));
		});
		this.socket.addEventListener("message", ({ data }) => this.take(JSON.parse(data)));
		this.ready = this.until(() => this.metadata);
	}

	take(packet) {
		if (packet.from === "server" && packet.type === "metadata")
			this.metadata = packet.metadata;
		else if (packet.from !== "server")
			this.packets.push(packet);
		this.waiting = this.waiting.filter(({ test, resolve }) => {
			const result = test();
			if (result)
				resolve(result);
			return !result;
		});
	}

	/* The result of test when it is true, after a packet; rejects after ms. */
	until(test, ms = 5000) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`not in ${ms} ms: ${test}`)), ms);
			this.waiting.push({ test, resolve: (result) => { clearTimeout(timer); resolve(result); } });
			this.take({ from: "server" });
		});
	}

	get token() { return this.metadata.index; }

	send(to, type, value) {
		this.socket.send(JSON.stringify({ to, packet: { type, [type]: value } }));
	}

	set(properties) { this.send("server", "properties", properties); }

	next() { return this.until(() => this.packets.shift()); }

	close(code = 1000, reason = "") { this.socket.close(code, reason); return this.closed; }
}
