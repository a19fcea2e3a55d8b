/*
 * board.js - each sees the others' pointers.
 *
 * A move goes out as a packet to "*", at once and of the moment; where a pointer
 * rests becomes a property, so that whoever comes later sees it, too.  The more
 * clients there are, the fewer moves each tells: all of them together would be
 * the square of that.
 */
import { $, colourOf, cut, draw, make, nameOf, say } from "./dom.js";

const SHOWN = 60; /* pointers */
const MOVE_MS = 40; /* between packets, or ... */
const MOVE_MS_EACH = 4; /* ... so much for each client, if that is more */
const CROWD = 200; /* with more there are no packets, only properties */
const REST_MS = 250;
const BUBBLE_MS = 5000;
const STEP = 2; /* per cent, by an arrow key */

export function board(me) {
	const field = $("board");
	const pointers = new Map();
	let own = null; /* {x, y} in per cent */
	let sent = 0, moveTimer, restTimer;

	function build(token) {
		const pointer = {
			arrow: draw("path", { d: "M2 2 L2 19 L7 14.5 L10.2 21 L13 19.7 L9.9 13.5 L16.5 13.5 Z" }),
			name: make("span", {}),
			bubble: make("span", { class: "bubble", hidden: true }),
		};

		pointer.element = make("div", { class: token === me.token ? "pointer own" : "pointer", "data-token": token },
		    draw("svg", { viewBox: "0 0 20 24", width: "20", height: "24", "aria-hidden": "true" }, pointer.arrow),
		    pointer.name, pointer.bubble);
		field.append(pointer.element);
		pointers.set(token, pointer);
		return pointer;
	}

	function dress(token) {
		const pointer = pointers.get(token), properties = me.roster.get(token);

		pointer.arrow.style.fill = colourOf(token, properties);
		say(pointer.name, token === me.token ? "you" : nameOf(token, properties));
	}

	function place(token, x, y) {
		if (!inside(x) || !inside(y) || (!pointers.has(token) && pointers.size >= SHOWN))
			return;
		const { element } = pointers.get(token) ?? build(token);

		element.style.left = `${x}%`;
		element.style.top = `${y}%`;
		element.classList.toggle("turned", x > 70);
		dress(token);
	}

	const inside = (n) => typeof n === "number" && n >= 0 && n <= 100;
	const round = (n) => Math.round(Math.min(100, Math.max(0, n)) * 10) / 10;

	/* One's own pointer moved: show it, tell it, and a moment after the last move keep it. */
	function move(x, y) {
		own = { x: round(x), y: round(y) };
		if (me.token !== null)
			place(me.token, own.x, own.y);
		tell();
		clearTimeout(restTimer);
		restTimer = setTimeout(() => me.set(own), REST_MS);
	}

	function tell() {
		if (moveTimer !== undefined || me.roster.size > CROWD)
			return;
		const pause = Math.max(MOVE_MS, MOVE_MS_EACH * me.roster.size);

		moveTimer = setTimeout(() => {
			moveTimer = undefined;
			sent = performance.now();
			me.send("*", "pointer", own);
		}, Math.max(0, sent + pause - performance.now()));
	}

	function onKey(event) {
		const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
		const { x, y } = own ?? { x: 50, y: 50 };

		if (dx === undefined || event.ctrlKey || event.altKey || event.metaKey)
			return;
		event.preventDefault();
		move(x + dx * STEP * (event.shiftKey ? 5 : 1), y + dy * STEP * (event.shiftKey ? 5 : 1));
	}

	function onPointer(event) {
		const box = field.getBoundingClientRect();

		move((event.clientX - box.left) / box.width * 100, (event.clientY - box.top) / box.height * 100);
	}

	/* What somebody says is shown where they are. */
	function speak(from, text) {
		const pointer = pointers.get(from);

		if (pointer === undefined)
			return;
		say(pointer.bubble, cut(text, 60));
		pointer.bubble.hidden = false;
		clearTimeout(pointer.timer);
		pointer.timer = setTimeout(() => { pointer.bubble.hidden = true; }, BUBBLE_MS);
	}

	function onPacket({ from, type, value }) {
		if (type === "pointer" && from !== me.token && me.roster.has(from))
			place(from, value?.x, value?.y);
		else if (typeof value === "string")
			speak(from, value);
	}

	function onChange({ closed, changed, before }) {
		for (const token of closed) {
			pointers.get(token)?.element.remove();
			pointers.delete(token);
		}
		for (const token of changed) {
			const now = me.roster.get(token), then = before.get(token);

			if (token !== me.token && (now.x !== then?.x || now.y !== then?.y))
				place(token, now.x, now.y);
			else if (token === me.token && own === null)
				place(token, now.x, now.y);
			if (pointers.has(token))
				dress(token);
		}
	}

	field.addEventListener("pointermove", onPointer);
	field.addEventListener("pointerdown", onPointer);
	field.addEventListener("keydown", onKey);
	me.on("packet", onPacket);
	me.on("change", onChange);
	me.on("open", ({ token }) => own !== null && place(token, own.x, own.y));
}
