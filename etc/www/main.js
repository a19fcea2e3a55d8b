/*
 * main.js - the page: a client of the server that it came from.
 *
 *	people.js	the roster
 *	board.js	pointers
 *	mine.js		own properties
 *	write.js	packets to others
 *	log.js		what goes over the wire
 */
import { connect } from "./rosterd.js";
import { board } from "./board.js";
import { $, colourOf, parse, say, short } from "./dom.js";
import { log } from "./log.js";
import { mine } from "./mine.js";
import { people } from "./people.js";
import { choice, write } from "./write.js";

const NAMES = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia", "Dennis", "Hedy",
    "Claude", "Katherine", "Linus", "Margaret", "Niklaus", "Sophie", "Tim", "Lynn", "Guido", "Karen", "Vint"];
const COLOURS = ["#d1495b", "#00798c", "#c97b00", "#5a7d2a", "#7353ba", "#2866c9", "#b5478c", "#0a8a5c"];
const THEMES = { system: "light", light: "dark", dark: "system" };

const any = (list) => list[Math.floor(Math.random() * list.length)];

/* Storage may be forbidden; then nothing is remembered. */
function recall(storage, key) {
	try {
		return globalThis[storage].getItem(key);
	} catch {
		return null;
	}
}

function remember(storage, key, value) {
	try {
		globalThis[storage].setItem(key, value);
	} catch { /* forbidden or full */ }
}

/* A tab is who it was before it was reloaded; a new one gets what nobody has yet. */
function introduce(me) {
	if (me.properties.name !== undefined)
		return;
	const taken = new Set([...me.roster.values()].flatMap(({ name, colour }) => [name, colour]));
	const free = (list) => list.filter((item) => !taken.has(item));

	me.set({ name: any(free(NAMES)) ?? short(me.token), colour: any(free(COLOURS)) ?? any(COLOURS) });
}

function showState(me) {
	let again, timer;

	const count = () => {
		const left = Math.ceil((again - performance.now()) / 1000);

		say($("state-wait"), left > 0 ? ` \u2013 again in ${left} s` : "");
	};

	function show(state, text) {
		$("state").dataset.state = state;
		document.documentElement.dataset.state = state;
		say($("state-text"), text);
		$("retry").hidden = state !== "lost";
		clearInterval(timer);
		say($("state-wait"), "");
	}

	me.on("open", ({ token, version }) => {
		show("connected", "connected");
		say($("me"), token);
		say($("version"), version);
	});
	me.on("version", ({ version }) => say($("version"), version));
	me.on("close", ({ code, reason, wasOpen, wait }) => {
		/* Why it was lost says more than why a try to come back failed. */
		const known = !wasOpen && $("state").dataset.state === "lost";

		show("lost", known ? $("state-text").textContent : `not connected (${code}${reason ? `: ${reason}` : ""})`);
		say($("me"), "nobody now");
		again = performance.now() + wait;
		count();
		timer = setInterval(count, 1000);
	});
	$("retry").addEventListener("click", () => me.retry());
}

function themes() {
	let theme = recall("localStorage", "rosterd-theme") ?? "system";

	const apply = () => {
		if (theme === "system")
			delete document.documentElement.dataset.theme;
		else
			document.documentElement.dataset.theme = theme;
		say($("theme"), `Colours: ${theme}`);
	};

	$("theme").addEventListener("click", () => {
		theme = THEMES[theme] ?? "system";
		remember("localStorage", "rosterd-theme", theme);
		apply();
	});
	apply();
}

function sample() {
	say($("code"), `import { connect } from "${location.origin}/rosterd.js";

const me = connect("${location.origin.replace(/^http/, "ws")}/");
me.set({ name: "Ada" });
me.on("change", () => console.log(me.roster));
me.on("packet", ({ from, type, value }) =>
    console.log(from, type, value));
me.send("*", "hello", "Hello!");`);
}

function start() {
	const kept = parse(recall("sessionStorage", "rosterd") ?? "");
	const properties = typeof kept.name === "string" ? { name: kept.name, colour: kept.colour } : {};
	const me = connect("/", { properties, reload: true });
	const chosen = choice();

	themes();
	sample();
	showState(me);
	log(me);
	people(me, chosen);
	board(me);
	const own = mine(me);
	write(me, chosen);
	me.on("open", () => {
		introduce(me);
		own.show();
	});
	me.on("change", () => {
		const { name, colour } = me.properties;

		remember("sessionStorage", "rosterd", JSON.stringify({ name, colour }));
		document.documentElement.style.setProperty("--own", colourOf(me.token, me.properties));
	});
	globalThis.rosterd = me;
}

start();
