/*
 * rosterd.js - a client of rosterd for browsers and node, in one module without
 * dependencies.
 *
 *	import { connect } from "/rosterd.js";
 *
 *	const me = connect();
 *	me.on("change", () => console.log(me.roster));
 *	me.on("packet", ({ from, type, value }) => console.log(from, type, value));
 *	me.set({ name: "Ada" });
 *	me.send("*", "hello", "Hello, everybody!");
 *
 * It comes back by itself when the connection is lost, and then says again what
 * it had said about itself.  rosterd.d.ts describes every part.
 */

const WAIT_MS = 1000; /* the longest pause before the first try to come back ... */
const WAIT_MAX_MS = 30000; /* ... doubled with each that fails, up to this */
const OPEN_MS = 20000; /* for a connection to open: some networks swallow what they do not like */
const STEADY_MS = 10000; /* a connection that held so long was a good one */
const SET_MS = 50; /* at most one packet with properties in this time */
const RELOAD_MS = 3000; /* everybody reloads within this time, not all at once */

/* What the server closes a connection for that said something wrong. */
const REFUSED = new Set([1007, 1008, 1009]);

/* Types that a packet may not have: they are the server's, or would forge the sender. */
const RESERVED = new Set(["metadata", "changes", "from", "type"]);

/* Make a client and connect it. */
export function connect(url, options) {
	return new Rosterd(url, options).connect();
}

export class Rosterd {
	#url = null;
	#askUrl = null; /* a function: where to connect to this time */
	#options;
	#WebSocket;
	#attempt = null; /* to connect, or what came of it: a connection */
	#socket = null;
	#handlers = new Map();
	#state = "closed";
	#token = null;
	#version = null;
	#roster = new Map();
	#changed = []; /* tokens whose properties the last changes packet named */
	#wanted = new Map(); /* own properties: what they are to be */
	#known = new Map(); /* and what the server is known to have taken */
	#reverted = false; /* to those; and not heard since that they were taken again */
	#unsent = new Map(); /* what it was not told yet; null deletes */
	#setTimer;
	#lastSet = -SET_MS;
	#failures = 0;
	#opened = null; /* when */
	#retryTimer;
	#openTimer;
	#wake = () => this.#retryNow();

	constructor(url = "/", options = {}) {
		if (typeof url === "function")
			this.#askUrl = url;
		else
			this.#url = absolute(url);
		this.#options = options;
		this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
		if (typeof this.#WebSocket !== "function")
			throw new TypeError("there is no WebSocket here: pass one as options.WebSocket");
		if (options.properties)
			this.set(options.properties);
	}

	get url() { return this.#url; }
	get state() { return this.#state; }
	get token() { return this.#token; }
	get version() { return this.#version; }
	get roster() { return this.#roster; }
	get properties() { return Object.fromEntries(this.#wanted); }

	/* Handlers. */

	on(event, handler) {
		if (typeof handler !== "function")
			throw new TypeError("a handler is a function");
		if (!this.#handlers.has(event))
			this.#handlers.set(event, new Set());
		this.#handlers.get(event).add(handler);
		return () => this.off(event, handler);
	}

	off(event, handler) {
		this.#handlers.get(event)?.delete(handler);
		return this;
	}

	/* A handler that throws is its owner's affair: the others are called as ever. */
	#emit(event, detail) {
		for (const handler of [...this.#handlers.get(event) ?? []]) {
			try {
				handler(detail);
			} catch (error) {
				queueMicrotask(() => { throw error; });
			}
		}
	}

	/* The connection. */

	connect() {
		if (this.#state !== "closed")
			return this;
		globalThis.addEventListener?.("online", this.#wake);
		this.#failures = 0;
		this.#start();
		return this;
	}

	close(code = 1000, reason = "") {
		if (this.#state === "closed")
			return this;
		this.#flush();
		globalThis.removeEventListener?.("online", this.#wake);
		clearTimeout(this.#retryTimer);
		this.#socket?.close(code, reason);
		this.#lose({ code, reason }, null);
		return this;
	}

	retry() {
		this.#retryNow();
		return this;
	}

	#start() {
		const attempt = this.#attempt = {};

		this.#state = "connecting";
		this.#openTimer = setTimeout(() => {
			this.#socket?.close();
			this.#onClose({ code: 1006, reason: "no answer" });
		}, this.#options.timeout ?? OPEN_MS);
		if (this.#askUrl === null)
			this.#dial();
		else
			this.#askAndDial(attempt);
	}

	async #askAndDial(attempt) {
		try {
			/* Later, so that there are handlers if it fails. */
			const url = absolute(await Promise.resolve().then(this.#askUrl));

			if (attempt !== this.#attempt)
				return;
			this.#url = url;
			this.#dial();
		} catch (error) {
			if (attempt === this.#attempt)
				this.#onClose({ code: 1006, reason: error?.message ?? error });
		}
	}

	#dial() {
		const socket = new this.#WebSocket(this.#url);
		const ours = (handler) => (event) => socket === this.#socket && handler(event);

		this.#socket = socket;
		socket.addEventListener("message", ours(({ data }) => this.#take(data)));
		socket.addEventListener("close", ours((event) => this.#onClose(event)));
		/* A close follows and says why; but not in node up to 22, if there was no connection yet. */
		socket.addEventListener("error", ours(() => {
			if (this.#state === "connecting")
				setTimeout(ours(() => this.#onClose({ code: 1006, reason: "" })));
		}));
	}

	#onClose({ code, reason }) {
		const steady = this.#opened !== null && performance.now() - this.#opened >= STEADY_MS;

		if (REFUSED.has(code))
			this.#revert();
		this.#failures = steady ? 0 : this.#failures;
		const wait = this.#pause();
		this.#failures++;
		this.#retryTimer = setTimeout(() => this.#start(), wait);
		this.#lose({ code, reason: String(reason) }, wait);
	}

	/*
	 * What was refused would be refused again, for ever: go back to what was taken.  If that
	 * is refused, too, the server's rules are others than they were: say nothing.
	 */
	#revert() {
		this.#wanted = new Map(this.#reverted ? [] : this.#known);
		this.#reverted = true;
	}

	/* Full jitter: clients that were lost together do not come back together. */
	#pause() {
		const { wait = WAIT_MS, maxWait = WAIT_MAX_MS } = this.#options;

		return Math.random() * Math.min(maxWait, wait * 2 ** this.#failures);
	}

	#retryNow() {
		if (this.#state !== "waiting")
			return;
		clearTimeout(this.#retryTimer);
		this.#start();
	}

	#lose({ code, reason }, wait) {
		const wasOpen = this.#state === "open";

		this.#state = wait === null ? "closed" : "waiting";
		this.#attempt = null;
		this.#socket = null;
		this.#token = null;
		this.#opened = null;
		clearTimeout(this.#openTimer);
		clearTimeout(this.#setTimer);
		this.#setTimer = undefined;
		this.#emit("close", { code, reason, wasOpen, wait });
	}

	/* What comes in. */

	#take(text) {
		const packet = JSON.parse(text);

		this.#emit("traffic", { direction: "in", packet, text });
		if (packet.from !== "server")
			this.#emit("packet", { from: packet.from, type: packet.type, value: packet[packet.type] });
		else if (packet.type === "changes")
			this.#changed = packet.changes.properties;
		else if (packet.type === "metadata")
			this.#update(packet.metadata);
	}

	#update({ index, indexes, properties, version }) {
		const before = new Map(this.#roster);
		const first = this.#state !== "open";
		const previous = this.#version;

		this.#roster.clear();
		for (const token of indexes)
			this.#roster.set(token, properties[token] ?? {});
		this.#version = version;
		if (first)
			this.#open(index);
		else
			this.#learn(Object.entries(this.#roster.get(index) ?? {}));
		this.#report(before, first);
		if (previous !== null && version !== previous)
			this.#reload(version, previous);
	}

	/*
	 * The server itself may have set some (--on-connect), and they are not for a client to
	 * say: ours are those that came to what they were to be.
	 */
	#learn(own) {
		const isOurs = ([key, value]) => this.#wanted.has(key) &&
		    (this.#known.has(key) || JSON.stringify(value) === JSON.stringify(this.#wanted.get(key)));

		this.#known = new Map(own.filter(isOurs));
		this.#reverted = false;
	}

	#open(token) {
		clearTimeout(this.#openTimer);
		this.#token = token;
		this.#state = "open";
		this.#opened = performance.now();
		this.#unsent = new Map(this.#wanted);
		this.#flush();
		this.#emit("open", { token, version: this.#version });
	}

	/*
	 * The first metadata is compared with what was there before the connection was
	 * lost; after that, the server says whose properties are others.
	 */
	#report(before, first) {
		const closed = [...before.keys()].filter((token) => !this.#roster.has(token));
		const opened = [...this.#roster.keys()].filter((token) => !before.has(token));
		const named = first ? this.#roster.keys() : new Set([...opened, ...this.#changed]);
		const changed = [...named].filter((token) => this.#roster.has(token) &&
		    JSON.stringify(before.get(token) ?? {}) !== JSON.stringify(this.#roster.get(token)));

		this.#changed = [];
		if (closed.length + opened.length + changed.length > 0)
			this.#emit("change", { opened, closed, changed, before });
	}

	#reload(version, previous) {
		const { reload } = this.#options;

		this.#emit("version", { version, previous });
		if (typeof reload === "function")
			reload(version, previous);
		else if (reload && globalThis.location)
			setTimeout(() => globalThis.location.reload(), Math.random() * RELOAD_MS);
	}

	/* What goes out. */

	send(to, type, value = {}) {
		checkReceivers(to);
		if (typeof type !== "string" || RESERVED.has(type))
			throw new TypeError(`a packet cannot have the type ${JSON.stringify(type)}`);
		const key = JSON.stringify(type);
		const content = JSON.stringify(value);

		if (content === undefined)
			throw new TypeError("the value cannot be written as JSON");
		return this.#write(`{"to":${JSON.stringify(to)},"packet":{"type":${key},${key}:${content}}}`);
	}

	set(properties) {
		if (typeof properties !== "object" || properties === null || Array.isArray(properties))
			throw new TypeError("properties are an object");
		/* A copy, as the server will see it: what is changed later is not meant. */
		for (const [key, value] of Object.entries(JSON.parse(JSON.stringify(properties)))) {
			if (value === null)
				this.#wanted.delete(key);
			else
				this.#wanted.set(key, value);
			this.#unsent.set(key, value);
		}
		this.#flushSoon();
		return this;
	}

	/* Set at once if it was not just done; a pointer that moves need not be told at every pixel. */
	#flushSoon() {
		if (this.#state !== "open" || this.#setTimer !== undefined)
			return;
		const pause = this.#lastSet + SET_MS - performance.now();

		if (pause <= 0)
			this.#flush();
		else
			this.#setTimer = setTimeout(() => this.#flush(), pause);
	}

	#flush() {
		clearTimeout(this.#setTimer);
		this.#setTimer = undefined;
		if (this.#state !== "open" || this.#unsent.size === 0)
			return;
		const properties = Object.fromEntries(this.#unsent);

		this.#unsent.clear();
		this.#lastSet = performance.now();
		this.#write(JSON.stringify({ to: "server", packet: { type: "properties", properties } }));
	}

	#write(text) {
		if (this.#state !== "open" || this.#socket.readyState !== 1)
			return false;
		this.#socket.send(text);
		if (this.#handlers.get("traffic")?.size > 0)
			this.#emit("traffic", { direction: "out", packet: JSON.parse(text), text });
		return true;
	}
}

/* In a browser, relative to the page; http becomes ws. */
function absolute(url) {
	const absolute = new URL(url, globalThis.location?.href);

	absolute.protocol = absolute.protocol.replace(/^http/, "ws");
	absolute.hash = "";
	return absolute.href;
}

function checkReceivers(to) {
	const all = Array.isArray(to) ? to : [to];

	if (all.length === 0 || !all.every((one) => typeof one === "string"))
		throw new TypeError("a packet goes to a token, \"*\", \"server\", or an array of these");
}
