/*
 * write.js - a packet to everybody, or to those that are ticked in the roster,
 * shown as it will go out.
 */
import { $, cut, nameOf, parse, say } from "./dom.js";

/* Tokens that are ticked; it tells whoever watches. */
export function choice() {
	const tokens = new Set();
	const watchers = [];

	return {
		tokens,
		has: (token) => tokens.has(token),
		watch: (watcher) => watchers.push(watcher),
		put(token, on) {
			if (tokens.has(token) === on)
				return;
			if (on)
				tokens.add(token);
			else
				tokens.delete(token);
			watchers.forEach((watcher) => watcher());
		},
	};
}

export function write(me, chosen) {
	const form = $("write");

	function receivers() {
		if (form.elements.to.value === "all")
			return "*";
		return chosen.tokens.size === 1 ? [...chosen.tokens][0] : [...chosen.tokens];
	}

	function preview() {
		const type = $("type").value;
		const packet = { to: receivers(), packet: { type, [type]: parse($("value").value) } };
		const names = [...chosen.tokens].map((token) => nameOf(token, me.roster.get(token)));

		say($("preview-text"), cut(JSON.stringify(packet, null, 1).replace(/\n\s*/g, " "), 1000));
		say($("chosen"), names.length > 0 ? `: ${cut(names.join(", "), 80)}` : "");
	}

	function onSubmit(event) {
		event.preventDefault();
		const to = receivers();

		if (to.length === 0) {
			say($("write-note"), "Nobody is ticked in the roster.");
			return;
		}
		try {
			const sent = me.send(to, $("type").value, parse($("value").value));

			say($("write-note"), sent ? "" : "Not sent: there is no connection.");
		} catch (error) {
			say($("write-note"), `Not sent: ${error.message}.`);
		}
	}

	form.addEventListener("submit", onSubmit);
	form.addEventListener("input", preview);
	$("value").addEventListener("keydown", (event) => {
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
			form.requestSubmit();
	});
	chosen.watch(() => {
		form.elements.to.value = chosen.tokens.size > 0 ? "chosen" : "all";
		preview();
	});
	me.on("change", preview);
	preview();
}
