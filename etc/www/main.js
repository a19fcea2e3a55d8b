"use strict";
const $ = (id) => document.getElementById(id);
let socket, wait = 500;

const parse = (text) => { try { return JSON.parse(text); } catch { return text; } };

function note(direction, packet) {
	const text = JSON.stringify(packet);
	const line = `${new Date().toISOString().slice(11, 23)} ${direction} ` +
	    (text.length > 2000 ? text.slice(0, 2000) + "..." : text);
	const lines = $("log").textContent.split("\n").slice(0, 99);
	$("log").textContent = [line, ...lines].join("\n");
}

function show(metadata) {
	const rows = metadata.indexes.map((token) => {
		const row = document.createElement("tr");
		const name = row.insertCell().appendChild(document.createElement("code"));
		const text = row.insertCell().appendChild(document.createElement("code"));
		name.textContent = token;
		text.textContent = JSON.stringify(metadata.properties[token]);
		row.dataset.token = token;
		row.className = token === metadata.index ? "me" : "";
		return row;
	});
	$("roster").replaceChildren(...rows);
	$("count").textContent = metadata.indexes.length;
	$("me").textContent = metadata.index;
	$("version").textContent = metadata.version;
	const chosen = $("to").value;
	$("to").replaceChildren(new Option("everybody", "*"),
	    ...metadata.indexes.map((token) => new Option(token, token)));
	$("to").value = metadata.indexes.includes(chosen) ? chosen : "*";
}

function state(text, on) {
	$("state").textContent = text;
	$("state").classList.toggle("on", on);
}

function send(to, type, value) {
	if (socket.readyState !== WebSocket.OPEN)
		return;
	const packet = { to, packet: { type, [type]: value } };
	socket.send(JSON.stringify(packet));
	note("out", packet);
}

function connect() {
	socket = new WebSocket(location.href.replace(/^http/, "ws"));
	socket.onopen = () => { wait = 500; state("connected", true); };
	socket.onmessage = ({ data }) => {
		const packet = JSON.parse(data);
		if (packet.from === "server" && packet.type === "metadata")
			show(packet.metadata);
		else
			note("in ", packet);
	};
	socket.onclose = ({ code, reason }) => {
		state(`not connected (${code}${reason ? ": " + reason : ""})`, false);
		setTimeout(connect, wait * (0.5 + Math.random() / 2));
		wait = Math.min(wait * 2, 15000);
	};
}

$("set").onsubmit = (event) => {
	event.preventDefault();
	send("server", "properties", { [$("key").value]: parse($("value").value) });
};
$("send").onsubmit = (event) => {
	event.preventDefault();
	send($("to").value, $("type").value, parse($("packet").value));
};
connect();
