/*
 * mine.js - one's own properties, edited in place.
 *
 * A row is marked until the roster that comes back from the server has what was
 * set: that takes until the next tick.
 */
import { $, cut, display, isColour, kind, make, parse, say } from "./dom.js";

export function mine(me) {
	const list = $("mine");
	const rows = new Map();

	function set(key, value) {
		me.set({ [key]: value });
		show();
	}

	function build(key, colour) {
		const id = `mine-${crypto.randomUUID?.() ?? Math.random()}`;
		const row = {
			colour,
			input: make("input", { id, type: colour ? "color" : "text", autocomplete: "off", spellcheck: "false" }),
			kind: make("span", { class: "kind" }),
			remove: make("button", { type: "button", class: "quiet", "aria-label": `delete ${cut(key, 40)}`, title: "delete" }, "\u00d7"),
		};

		row.item = make("li", { "data-key": key }, make("label", { for: id }, cut(key, 40)), row.input, row.kind, row.remove);
		row.input.addEventListener("input", () => {
			if (colour)
				set(key, row.input.value);
			else
				say(row.kind, kind(parse(row.input.value)));
		});
		row.input.addEventListener("change", () => set(key, parse(row.input.value)));
		row.input.addEventListener("keydown", (event) => {
			if (event.key === "Escape" && !colour)
				row.input.value = display(me.properties[key] ?? "");
			else if (event.key === "Enter" && !colour)
				set(key, parse(row.input.value));
		});
		row.remove.addEventListener("click", () => {
			const next = row.item.nextElementSibling ?? row.item.previousElementSibling;

			set(key, null);
			(next?.querySelector("input") ?? $("add-key")).focus();
		});
		return row;
	}

	function fill(row, key, value) {
		const seen = me.roster.get(me.token)?.[key];

		if (document.activeElement !== row.input || row.colour)
			row.input.value = row.colour ? value : display(value);
		if (document.activeElement !== row.input)
			say(row.kind, kind(value));
		row.item.classList.toggle("pending", JSON.stringify(seen) !== JSON.stringify(value));
	}

	function show() {
		const properties = me.properties;

		for (const [key, row] of rows) {
			if (key in properties && isColour(properties[key]) === row.colour)
				continue;
			row.item.remove();
			rows.delete(key);
		}
		for (const [key, value] of Object.entries(properties)) {
			if (!rows.has(key)) {
				rows.set(key, build(key, isColour(value)));
				list.append(rows.get(key).item);
			}
			fill(rows.get(key), key, value);
		}
	}

	$("add").addEventListener("submit", (event) => {
		event.preventDefault();
		set($("add-key").value, parse($("add-value").value));
		$("add-key").value = $("add-value").value = "";
		$("add-key").focus();
	});
	me.on("change", show);
	me.on("close", show);
	return { show };
}
