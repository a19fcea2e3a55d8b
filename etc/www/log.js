/*
 * log.js - every packet, in and out, the newest first.
 *
 * Bounded in every way: so many entries, so much text of each, and no more
 * drawn than a frame can show.  A packet is made readable when it is opened.
 */
import { $, cut, make, nameOf, say } from "./dom.js";

const ENTRIES = 150;
const LARGE = 8192; /* text longer than this is kept only of the newest few */
const LARGE_KEPT = 4;
const READABLE = 100000;

/* Types with a switch of their own; all else is "others". */
const KINDS = { properties: true, changes: true, metadata: true, pointer: false, others: true };

export function log(me) {
	const list = $("log");
	const shown = { ...KINDS };
	const hidden = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
	let queue = [], paused = false, missed = 0, large = [];

	const time = (date) => `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
	const named = (token) => token === me.token ? "you" : token === "*" ? "everybody" :
	    me.roster.has(token) ? nameOf(token, me.roster.get(token)) : cut(token, 10);

	function route({ direction, packet }) {
		if (direction === "in")
			return `${named(packet.from)} \u2192 you`;
		const to = [packet.to].flat();
		return `you \u2192 ${to.length > 3 ? `${to.length} clients` : to.map(named).join(", ")}`;
	}

	function gist({ direction, packet }) {
		const type = direction === "in" ? packet.type : packet.packet.type;
		const value = direction === "in" ? packet[type] : packet.packet[type];

		if (packet.from === "server" && type === "changes")
			return `${value.opened.length} came, ${value.closed.length} left, ${value.properties.length} changed`;
		if (packet.from === "server" && type === "metadata")
			return `${value.indexes.length} client${value.indexes.length === 1 ? "" : "s"}`;
		return cut(JSON.stringify(value), 70);
	}

	/* Pretty when it is opened; the DOM holds it only as long as it is. */
	function onToggle(details, entry) {
		details.querySelector("pre")?.remove();
		if (!details.open)
			return;
		const text = entry.text === null ? "It was large, and is not kept any more."
		    : cut(JSON.stringify(JSON.parse(entry.text), null, 2), READABLE);
		details.append(make("pre", { tabindex: "0", "aria-label": "the packet" }, text));
	}

	function build(entry) {
		const details = make("details", {}, make("summary", {},
		    make("span", { class: "way" }, entry.direction),
		    make("span", { class: "type" }, cut(entry.type, 24)),
		    make("span", { class: "route" }, entry.route),
		    make("time", {}, entry.time),
		    make("span", { class: "gist" }, entry.gist)));

		details.addEventListener("toggle", () => onToggle(details, entry));
		return make("li", { class: entry.direction, "data-type": cut(entry.type, 24) }, details);
	}

	function draw() {
		list.prepend(...queue.reverse().map(build));
		queue = [];
		while (list.children.length > ENTRIES)
			list.lastElementChild.remove();
		note();
	}

	function note() {
		for (const [kind, count] of Object.entries(hidden))
			say($(`count-${kind}`), count > 0 ? ` ${count} hidden` : "");
		say($("log-note"), paused ? `${missed} missed` : "");
	}

	/* Whatever is large is let go after a while: metadata of many clients comes twice a second. */
	function keep(entry) {
		if (entry.text.length <= LARGE)
			return;
		large.push(entry);
		if (large.length > LARGE_KEPT)
			large.shift().text = null;
	}

	function take(traffic) {
		const type = traffic.direction === "in" ? traffic.packet.type : traffic.packet.packet.type;
		const kind = Object.hasOwn(KINDS, type) ? type : "others";

		if (paused || !shown[kind]) {
			if (paused)
				missed++;
			else
				hidden[kind]++;
		} else {
			const entry = {
				direction: traffic.direction, type, text: traffic.text, time: time(new Date()),
				route: route(traffic), gist: gist(traffic),
			};

			keep(entry);
			queue.push(entry);
			if (queue.length > ENTRIES)
				queue.shift();
		}
		schedule();
	}

	let scheduled = false;
	function schedule() {
		if (scheduled)
			return;
		scheduled = true;
		requestAnimationFrame(() => {
			scheduled = false;
			draw();
		});
	}

	for (const kind of Object.keys(KINDS)) {
		const button = make("button", { type: "button", class: "kind-switch", "aria-pressed": String(shown[kind]) },
		    kind, make("span", { id: `count-${kind}`, class: "hint" }));

		button.addEventListener("click", () => {
			shown[kind] = !shown[kind];
			hidden[kind] = 0;
			button.setAttribute("aria-pressed", String(shown[kind]));
			note();
		});
		$("kinds").append(button);
	}
	$("pause").addEventListener("click", () => {
		paused = !paused;
		missed = 0;
		$("pause").setAttribute("aria-pressed", String(paused));
		note();
	});
	$("clear").addEventListener("click", () => {
		queue = [];
		large = [];
		list.replaceChildren();
	});
	me.on("traffic", take);
}
