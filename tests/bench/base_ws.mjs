/*
 * base_ws.mjs - the same protocol in one process, with node's `ws`.
 *
 * Written as one who knows both would: a tick's text is made once, a client's
 * properties are made text once per change, packets to all are made bytes once,
 * and the one part of the metadata that differs is sent as a fragment of its own,
 * so that nothing is copied per client.
 *
 *	node base_ws.mjs [tick in ms]
 */
import { randomBytes } from "node:crypto";
import { WebSocketServer } from "../clients/node_modules/ws/wrapper.mjs";

const TICK = Number(process.argv[2] ?? 500);
const TEXT = { binary: false };
const PART = { binary: false, fin: false };
const RESERVED = new Set(["metadata", "changes", "from", "type"]);

const clients = new Map(); // token -> client, in order of connection
let opened = new Set(), closed = new Set(), changed = new Set();
let names = "", people = "", rest = restOf("", "");

function restOf(tokens, properties) {
	return Buffer.from(`","indexes":[${tokens}],"properties":{${properties}},"version":"DEV"}}`);
}

/* One write for all that is sent in between. */
function together(socket, send) {
	socket.cork();
	send();
	socket.uncork();
}

function tick() {
	if (opened.size === 0 && closed.size === 0 && changed.size === 0)
		return;
	const list = (set) => [...set];
	const changes = Buffer.from(JSON.stringify({
		from: "server", type: "changes",
		changes: { opened: list(opened), closed: list(closed), properties: list(changed) },
	}));
	const nameList = [], peopleList = [];
	for (const { token, text } of clients.values()) {
		nameList.push(`"${token}"`);
		peopleList.push(`"${token}":${text}`);
	}
	names = nameList.join();
	people = peopleList.join();
	rest = restOf(names, people);
	for (const { socket, stream, head } of clients.values())
		together(stream, () => {
			socket.send(changes, TEXT);
			socket.send(head, PART);
			socket.send(rest);
		});
	for (const token of opened)
		clients.get(token).announced = true;
	opened = new Set();
	closed = new Set();
	changed = new Set();
}

function setProperties(client, value) {
	if (value === null || typeof value !== "object" || Array.isArray(value)) {
		client.socket.close(1008, "\"properties\" must be an object");
		return;
	}
	for (const key in value)
		if (value[key] === null)
			delete client.properties[key];
		else
			client.properties[key] = value[key];
	const text = JSON.stringify(client.properties);
	if (text !== client.text) {
		client.text = text;
		changed.add(client.token);
	}
}

function relay(from, to, type, value) {
	const text = JSON.stringify({ from, type, [type]: value });
	if (to.includes("*")) {
		const bytes = Buffer.from(text);
		for (const { socket } of clients.values())
			socket.send(bytes, TEXT);
	} else {
		for (const token of to)
			clients.get(token)?.socket.send(text);
	}
}

function onMessage(client, data) {
	let message;
	try {
		message = JSON.parse(data);
	} catch (error) {
		client.socket.close(1007, "not JSON");
		return;
	}
	const { to, packet } = message;
	const type = packet?.type;
	if (typeof type !== "string" || RESERVED.has(type)) {
		client.socket.close(1008, "bad type");
		return;
	}
	if (to === "server") {
		if (type === "properties")
			setProperties(client, packet.properties);
	} else if (typeof to === "string") {
		relay(client.token, [to], type, packet[type] ?? {});
	} else {
		const names = new Set(to);
		if (names.delete("server") && type === "properties")
			setProperties(client, packet.properties);
		if (names.size > 0)
			relay(client.token, [...names], type, packet[type] ?? {});
	}
}

const server = new WebSocketServer({
	host: "127.0.0.1", port: 0, backlog: 4096,
	perMessageDeflate: false, clientTracking: false, maxPayload: 65536,
});

server.on("connection", (socket, request) => {
	const token = randomBytes(16).toString("hex");
	const head = Buffer.from(`{"from":"server","type":"metadata","metadata":{"index":"${token}`);
	const client = { socket, stream: request.socket, token, head, properties: {}, text: "{}", announced: false };

	clients.set(token, client);
	opened.add(token);
	socket.on("message", (data) => onMessage(client, data));
	socket.on("error", () => {});
	socket.on("close", () => {
		clients.delete(token);
		changed.delete(token);
		if (!opened.delete(token))
			closed.add(token);
	});
	const comma = names === "" ? "" : ",";
	together(request.socket, () => {
		socket.send(head, PART);
		socket.send(restOf(`${names}${comma}"${token}"`, `${people}${comma}"${token}":{}`));
	});
});

server.on("listening", () => {
	process.stderr.write(`listening address=127.0.0.1:${server.address().port}\n`);
	setInterval(tick, TICK);
});
setInterval(() => { for (const { socket } of clients.values()) socket.ping(); }, 20000);
