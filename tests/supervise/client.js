/*
 * client.js - a client that checks what it is told: the changes are the
 * difference between two metadata packets.
 */
import assert from "node:assert/strict";
import Ws from "../clients/node_modules/ws/wrapper.mjs";
import { Client } from "../clients/server.js";

export class Checked extends Client {
	constructor(url, WebSocket = Ws) {
		super(WebSocket, url);
		this.lost = new Set(); /* tokens of those who were said to have left */
		this.socket.addEventListener("error", (error) => { this.error = error; });
	}

	take(packet) {
		if (packet.from === "server" && packet.type === "changes") {
			this.changes = packet.changes;
			for (const token of this.changes.closed)
				this.lost.add(token);
		}
		if (packet.from === "server" && packet.type === "metadata") {
			this.ticks = (this.ticks ?? 0) + 1;
			if (this.metadata && this.changes) {
				const after = new Set([...this.metadata.indexes, ...this.changes.opened]);
				for (const token of this.changes.closed)
					after.delete(token);
				/* Its own token was in its first metadata already. */
				assert.deepEqual([...after].sort(), [...packet.metadata.indexes].sort());
			}
		}
		super.take(packet);
	}

	sees(other, ms = 3000) {
		return this.until(() => this.metadata?.indexes.includes(other.token), ms);
	}

	misses(token, ms = 3000) {
		return this.until(() => !this.metadata?.indexes.includes(token), ms);
	}
}

/* Connected and told who is there; who is not let in is not waited for. */
export async function open(url) {
	const client = new Checked(url);

	client.ready.catch(() => {});
	await Promise.race([client.ready, client.closed.then(({ code, reason }) => {
		throw client.error?.error ?? new Error(`closed: ${code} ${reason}`);
	})]);
	return client;
}
