/*
 * people.js - the roster as it changes: who came, who left, what changed.
 *
 * Rows are kept by token, and only those of the clients that changed are
 * touched.  At most ROWS are shown, however many are there.
 */
import { $, colourOf, cut, make, nameOf, say, short } from "./dom.js";

const ROWS = 100;
const CHIPS = 24; /* properties shown of one client */
const SEARCH_FROM = 12; /* clients, before there is something to search in */
const LEAVING_MS = 3000; /* how long one can see who left */
const LEAVING_MAX = 20;
const NEWS_MS = 2000; /* a screen reader is told at most so often */

export function people(me, chosen) {
	const list = $("people");
	const rows = new Map();
	let news = { came: [], left: [] }, newsTimer;

	/* One property: its key, its value as JSON. */
	function chip(key, value, fresh) {
		return make("div", { class: fresh ? "chip fresh" : "chip" },
		    make("dt", {}, cut(key, 40)), make("dd", {}, cut(JSON.stringify(value), 80)));
	}

	function fill(row, token, before) {
		const properties = me.roster.get(token);
		const keys = Object.keys(properties);
		const name = nameOf(token, properties);
		const fresh = (key) => before !== undefined &&
		    JSON.stringify(before[key]) !== JSON.stringify(properties[key]);

		row.dot.style.backgroundColor = colourOf(token, properties);
		say(row.name, name);
		row.pick.setAttribute("aria-label", `send to ${name}`);
		row.chips.replaceChildren(
		    ...keys.slice(0, CHIPS).map((key) => chip(key, properties[key], fresh(key))),
		    ...Object.keys(before ?? {}).filter((key) => !(key in properties))
		        .slice(0, CHIPS).map((key) => make("div", { class: "chip gone" }, make("dt", {}, cut(key, 40)), make("dd", {}, "deleted"))));
		if (keys.length > CHIPS)
			row.chips.append(make("div", { class: "chip" }, make("dt", {}, "and"), make("dd", {}, `${keys.length - CHIPS} more`)));
		row.chips.hidden = row.chips.children.length === 0;
	}

	function build(token, came) {
		const row = {
			dot: make("span", { class: "dot", "aria-hidden": "true" }),
			name: make("strong", {}),
			pick: make("input", { type: "checkbox" }),
			note: make("span", { class: "note" }, came ? "came" : ""),
			chips: make("dl", {}),
		};

		row.pick.checked = chosen.has(token);
		row.pick.addEventListener("change", () => chosen.put(token, row.pick.checked));
		row.item = make("li", { "data-token": token, class: came ? "came" : "" },
		    make("div", { class: "who" }, row.pick, row.dot, row.name,
		        ...(token === me.token ? [make("span", { class: "you" }, "you")] : []),
		        make("code", { title: token }, short(token)), row.note),
		    row.chips);
		fill(row, token);
		rows.set(token, row);
		return row;
	}

	function matches(token, wanted) {
		return wanted === "" || token.includes(wanted) ||
		    JSON.stringify(me.roster.get(token)).toLowerCase().includes(wanted);
	}

	/* Whose rows are to be shown: oneself first, the others in order of connection. */
	function visible() {
		const wanted = $("search").value.trim().toLowerCase();
		const found = [...me.roster.keys()].filter((token) => token === me.token || matches(token, wanted));

		found.sort((a, b) => (b === me.token) - (a === me.token));
		return found;
	}

	function remove(token) {
		rows.get(token)?.item.remove();
		rows.delete(token);
	}

	/* Bring the list in line with who is to be seen; rows of those who left stay where they are. */
	function arrange(opened = new Set()) {
		const found = visible();
		const shown = found.slice(0, ROWS);
		const wanted = new Set(shown);
		let at;

		for (const [token, row] of rows)
			if (!row.leaving && !wanted.has(token))
				remove(token);
		at = list.firstElementChild;
		for (const token of shown) {
			const row = rows.get(token) ?? build(token, opened.has(token));

			while (at?.classList.contains("left"))
				at = at.nextElementSibling;
			if (at === row.item)
				at = at.nextElementSibling;
			else
				list.insertBefore(row.item, at);
		}
		$("people-more").hidden = found.length <= ROWS;
		say($("people-more"), `and ${found.length - ROWS} more`);
		$("search-label").hidden = me.roster.size < SEARCH_FROM;
		say($("count"), me.roster.size === 1 ? "only you" : `${me.roster.size} clients`);
	}

	function leave(token) {
		const row = rows.get(token);

		if (row === undefined)
			return;
		row.leaving = true;
		row.item.className = "left";
		row.pick.disabled = true;
		say(row.note, "left");
		setTimeout(() => rows.get(token) === row && row.leaving && remove(token), LEAVING_MS);
	}

	function announce() {
		const { came, left } = news;
		const list = (names) => names.length > 3 ? `${names.length} clients` : names.join(", ");

		newsTimer = undefined;
		news = { came: [], left: [] };
		say($("news"), [came.length > 0 ? `${list(came)} came.` : "", left.length > 0 ? `${list(left)} left.` : ""].join(" ").trim());
	}

	function update({ opened, closed, changed, before }) {
		const fresh = new Set(opened);

		closed.slice(0, LEAVING_MAX).forEach(leave);
		closed.slice(LEAVING_MAX).forEach(remove);
		closed.forEach((token) => chosen.put(token, false));
		arrange(fresh);
		for (const token of changed) {
			const row = rows.get(token);

			if (row === undefined || fresh.has(token))
				continue;
			fill(row, token, before.get(token));
			row.item.className = "changed";
			say(row.note, "changed");
		}
		news.came.push(...opened.filter((token) => token !== me.token).map((token) => nameOf(token, me.roster.get(token))));
		news.left.push(...closed.map((token) => nameOf(token, before.get(token))));
		if (news.came.length + news.left.length > 0)
			newsTimer ??= setTimeout(announce, NEWS_MS);
	}

	/* The marks last as long as the highlights of style.css. */
	list.addEventListener("animationend", ({ target }) => {
		const item = target.closest("li");

		if (target.classList.contains("gone"))
			target.remove();
		target.classList.remove("fresh");
		if (item === null || item.classList.contains("left") || target.classList.contains("chip"))
			return;
		item.classList.remove("came", "changed");
		say(item.querySelector(".note"), "");
	});
	$("search").addEventListener("input", () => arrange());
	chosen.watch(() => {
		for (const [token, row] of rows)
			row.pick.checked = chosen.has(token);
	});
	me.on("change", update);
	return { row: (token) => rows.get(token)?.item };
}
