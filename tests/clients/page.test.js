/* Chromium with the page that GET / answers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, afterEach, before, test } from "node:test";
import Ws from "ws";
import { launch, open, openPage } from "./browser.js";
import { Client, start } from "./server.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let server, browser, desk, a, b;

before(async () => {
	server = await start();
	browser = await launch();
	desk = await browser.newContext({ viewport: { width: 1360, height: 900 } });
	[a, b] = [await openPage(desk, server), await openPage(desk, server)];
});
after(async () => {
	await browser?.close();
	await server.stop();
});
afterEach(() => {
	assert.deepEqual(a.errors, []);
	assert.deepEqual(b.errors, []);
});

const row = (token) => `#people li[data-token="${token}"]`;

/* Wait until a row says so; the milliseconds that it took. */
async function reads(page, selector, text, timeout = 5000) {
	const begin = Date.now();

	await page.locator(selector, { hasText: text }).first().waitFor({ timeout });
	return Date.now() - begin;
}

/* The text of the newest packet of a type in the log. */
async function logged(page, direction, type, text) {
	const entry = page.locator(`#log li.${direction}[data-type="${type}"]`, { hasText: text }).first();

	await entry.waitFor();
	await entry.locator("summary").click();
	return JSON.parse(await entry.locator("pre").textContent());
}

test("two tabs see each other, under names and colours of their own", async () => {
	await a.bringToFront();
	await a.waitForSelector(row(b.token));
	await b.waitForSelector(row(a.token));
	assert.notEqual(await a.textContent(`${row(a.token)} strong`), await a.textContent(`${row(b.token)} strong`));
	assert.equal(await a.textContent("#count"), "2 clients");
	assert.equal(await a.locator(".you").count(), 1);
});

test("a property that is set in one tab shows in the other within a second, and goes when it is deleted", async () => {
	await b.bringToFront();
	await b.fill("#add-key", "mood");
	await b.fill("#add-value", '{"deep":[1,null]}');
	await b.click("#add button");
	await a.bringToFront();
	const took = await reads(a, row(b.token), 'mood{"deep":[1,null]}');
	assert.ok(took < 1000, `it took ${took} ms`);
	assert.deepEqual((await logged(b, "out", "properties", "deep")).packet.properties, { mood: { deep: [1, null] } });
	const input = b.locator('#mine [data-key="mood"] input');
	assert.equal(await input.inputValue(), '{"deep":[1,null]}');
	await input.fill("calm");
	await input.press("Enter");
	await reads(a, row(b.token), 'mood"calm"');
	await b.click('#mine [data-key="mood"] button');
	await a.waitForFunction((token) => !document.querySelector(`#people li[data-token="${token}"] dl`).textContent.includes("mood"), b.token);
});

test("markup in what a client says about itself is text", async () => {
	const evil = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
	const client = new Client(Ws, server.url);

	await client.ready;
	client.set({ name: evil, colour: "red;background:url(//x.example)", [evil]: evil, x: "1", y: { a: 1 } });
	await reads(a, row(client.token), "<img");
	client.send("*", evil.slice(0, 20), evil);
	await reads(a, "#log li.in", "<img src=x onerror");
	assert.equal(await a.locator("#people img, #people script, #log img, #board img").count(), 0);
	assert.equal(await a.title(), "rosterd");
	await client.close();
	await a.waitForSelector(row(client.token), { state: "detached" });
});

test("packets to everybody, to one and to several arrive, and the log has them whole", async () => {
	const c = new Client(Ws, server.url);

	await c.ready;
	await a.waitForSelector(row(c.token));
	await a.fill("#value", "to all");
	await a.click("#send");
	await reads(b, "#log li.in", "to all");
	assert.equal((await c.next()).hello, "to all");
	assert.deepEqual(await logged(a, "out", "hello", "to all"), { to: "*", packet: { type: "hello", hello: "to all" } });

	await a.check(`${row(b.token)} input`);
	assert.ok(await a.isChecked("#to-chosen"));
	await a.fill("#type", "greeting");
	await a.fill("#value", '{"only":["you"]}');
	assert.match(await a.textContent("#preview-text"), new RegExp(`"to": "${b.token}"`));
	await a.click("#send");
	assert.deepEqual(await logged(b, "in", "greeting", "only"), { from: a.token, type: "greeting", greeting: { only: ["you"] } });

	await a.check(`${row(c.token)} input`);
	await a.fill("#value", "you two");
	await a.click("#send");
	await reads(b, "#log li.in", "you two");
	const { from, greeting } = await c.next();
	assert.deepEqual([from, greeting], [a.token, "you two"], "what went to b alone did not come here");
	await a.uncheck(`${row(b.token)} input`);
	await a.uncheck(`${row(c.token)} input`);
	await c.close();
});

test("each tab sees the other's pointer, and where it rests is a property", async () => {
	await a.bringToFront();
	const box = await a.locator("#board").boundingBox();

	await a.mouse.move(box.x + box.width * 0.2, box.y + box.height * 0.5);
	await a.mouse.move(box.x + box.width * 0.25, box.y + box.height * 0.4, { steps: 4 });
	const seen = `.pointer[data-token="${a.token}"]`;
	await b.waitForFunction((seen) => {
		const { left, top } = document.querySelector(seen)?.style ?? {};

		return Math.abs(parseFloat(left) - 25) < 1 && Math.abs(parseFloat(top) - 40) < 1;
	}, seen, { polling: 50 });
	await reads(b, row(a.token), /x2[45]/);
});

test("all of it works by keyboard alone", async () => {
	await b.bringToFront();
	await b.focus("#board");
	for (let n = 0; n < 5; n++)
		await b.keyboard.press("ArrowRight");
	await b.keyboard.press("Shift+ArrowDown");
	await reads(a, row(b.token), "x60");
	await reads(a, row(b.token), "y60");

	/* By Tab alone from the top to every control. */
	const wanted = new Set(["theme", "board", "add-key", "add-value", "type", "value", "send", "pause", "clear", "log"]);
	await b.evaluate(() => document.activeElement.blur());
	for (let n = 0; n < 80 && wanted.size > 0; n++) {
		await b.keyboard.press("Tab");
		const { id, ring } = await b.evaluate(() => ({
			id: document.activeElement.id,
			ring: getComputedStyle(document.activeElement).outlineStyle,
		}));
		if (wanted.delete(id))
			assert.notEqual(ring, "none", `${id} shows that it has the focus`);
	}
	assert.deepEqual([...wanted], []);
	await b.focus("#value");
	await b.fill("#value", "by keyboard");
	await b.keyboard.press("Control+Enter");
	await reads(a, "#log li.in", "by keyboard");
});

test("switches choose what the log shows, and pausing stops it", async () => {
	const types = () => a.$$eval("#log li", (items) => items.map(({ dataset }) => dataset.type));

	assert.ok(!(await types()).includes("pointer"));
	await a.click("#kinds button:has-text('pointer')");
	await a.click("#kinds button:has-text('metadata')");
	await a.click("#clear");
	await a.bringToFront();
	await a.focus("#board");
	await a.keyboard.press("ArrowLeft");
	await a.waitForSelector('#log li.in[data-type="pointer"]');
	await a.waitForSelector('#log li.in[data-type="changes"]');
	assert.ok(!(await types()).includes("metadata"));
	await a.click("#pause");
	const before = await a.locator("#log li").count();
	await a.click("#send");
	await reads(a, "#log-note", "missed");
	assert.equal(await a.locator("#log li").count(), before);
	await a.click("#pause");
	await a.click("#kinds button:has-text('pointer')");
	await a.click("#kinds button:has-text('metadata')");
});

test("more clients than there are rows, and thousands of packets, leave the page small", async () => {
	const all = [];

	/* A few at a time: each is a process, and this machine may be busy. */
	while (all.length < 120) {
		const some = Array.from({ length: 20 }, () => new Client(Ws, server.url));

		await Promise.all(some.map((client) => client.ready));
		all.push(...some);
	}
	all.forEach((client, n) => client.set({ name: `client ${n}`, x: n % 100, y: n % 90, text: "x".repeat(50) }));
	await reads(a, "#count", "122 clients", 15000);
	await reads(a, "#people-more", "and 22 more", 15000);
	assert.equal(await a.locator("#people li").count(), 100);
	for (let n = 0; n < 2000; n++)
		all[n % 120].send(a.token, "load", { n });
	await reads(a, "#log li.in", '{"n":1999}', 15000);
	const { entries, nodes, pointers } = await a.evaluate(() => ({
		entries: document.querySelectorAll("#log li").length,
		nodes: document.querySelectorAll("*").length,
		pointers: document.querySelectorAll(".pointer").length,
	}));
	assert.ok(entries <= 150 && pointers <= 60 && nodes < 4000, `${entries} entries, ${pointers} pointers, ${nodes} elements`);
	await a.fill("#search", all[110].token);
	await a.waitForSelector(row(all[110].token));
	await a.waitForFunction(() => document.querySelectorAll("#people li").length === 2);
	await a.fill("#search", "");
	await Promise.all(all.map((client) => client.close()));
	await reads(a, "#count", "2 clients", 15000);
	await a.waitForFunction(() => document.querySelectorAll("#people li").length === 2);
});

/* axe-core with all its rules, in both colour schemes. */
async function checkAccess(page, where) {
	await page.evaluate(AXE);
	for (const colorScheme of ["light", "dark"]) {
		await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
		/* Highlights come and go: their end is waited for. */
		await page.waitForFunction(() => document.getAnimations().length === 0);
		const { violations } = await page.evaluate(() => globalThis.axe.run());
		assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]), [], `${where}, ${colorScheme}`);
	}
}

test("axe finds nothing, in light and in dark", async () => {
	await a.click("#clear");
	await a.click("#send");
	await a.click('#log li.out summary');
	await checkAccess(a, "desk");
});

test("axe finds nothing on a phone, nor while there is no connection", async () => {
	const own = await start();
	const phone = await browser.newContext({ viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true });
	const page = await openPage(phone, own);

	await page.tap("#send");
	await page.tap('#log li.out summary');
	await checkAccess(page, "phone");
	await own.stop();
	await reads(page, "#state-text", "not connected (1001");
	await checkAccess(page, "not connected");
	await phone.close();
});

test("colours can be chosen against the system's, and are remembered", async () => {
	const paper = () => a.evaluate(() => getComputedStyle(document.body).backgroundColor);

	await a.emulateMedia({ colorScheme: "light" });
	const light = await paper();
	await a.click("#theme");
	assert.equal(await paper(), light);
	await a.click("#theme");
	const dark = await paper();
	assert.notEqual(dark, light);
	await a.reload();
	await a.waitForSelector('#state[data-state="connected"]');
	a.token = await a.textContent("#me");
	assert.equal(await paper(), dark);
	await a.click("#theme");
	assert.equal(await paper(), light);
});

test("on a phone nothing is wider than the screen", async () => {
	for (const width of [320, 390]) {
		const phone = await browser.newContext({ viewport: { width, height: 800 }, isMobile: true, hasTouch: true });
		const page = await openPage(phone, server);

		await page.evaluate(() => globalThis.rosterd.set({ name: "N".repeat(300), long: "y".repeat(300), ["k".repeat(90)]: 1 }));
		await reads(page, "#people", "yyyy");
		assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `wider than ${width}`);
		await page.tap("#board", { position: { x: 50, y: 50 } });
		await reads(page, "#people", /x\d/);
		await phone.close();
	}
});

test("the page comes back when the server was restarted, is who it was, and reloads for a new version", async () => {
	const own = await start();
	const page = await openPage(desk, own);

	await page.fill("#add-key", "kept");
	await page.fill("#add-value", "yes");
	await page.click("#add button");
	await reads(page, row(page.token), 'kept"yes"');
	const name = await page.textContent(`${row(page.token)} strong`);
	await own.stop();
	await reads(page, "#state-text", "not connected (1001");
	const again = await start("--listen", `127.0.0.1:${own.port}`);
	await page.waitForSelector('#state[data-state="connected"]', { timeout: 20000 });
	const token = await page.textContent("#me");
	assert.notEqual(token, page.token);
	await reads(page, row(token), 'kept"yes"');
	assert.equal(await page.textContent(`${row(token)} strong`), name);
	await again.stop();
	await page.evaluate(() => { globalThis.loadedBefore = true; });
	const newer = await start("--listen", `127.0.0.1:${own.port}`, "--app-version", "2");
	await page.waitForFunction(() => !globalThis.loadedBefore && document.querySelector("#version")?.textContent === "2", null, { timeout: 30000 });
	await page.waitForSelector('#state[data-state="connected"]');
	await reads(page, row(await page.textContent("#me")), name);
	await page.close();
	await newer.stop();
});

/* The page of somebody else, on another port, that takes the client from the server. */
async function foreign(t, target) {
	const site = createServer((request, response) => response.setHeader("Content-Type", "text/html").end(
	    `<!doctype html><link rel="icon" href="data:,"><script type="module">
	    import { connect } from "${target.page}rosterd.js";
	    const me = connect("${target.url}", { wait: 20, maxWait: 20 });
	    me.on("open", () => { document.title = "open"; });
	    me.on("close", ({ code }) => { document.title = "closed " + code; });
	    </script>`));

	await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
	t.after(() => { site.closeAllConnections(); site.close(); });
	return `http://127.0.0.1:${site.address().port}`;
}

test("a page of another origin cannot connect, and the server says which and how", async (t) => {
	const origin = await foreign(t, server);
	const page = await open(desk, origin);

	await page.waitForFunction(() => document.title === "closed 1006");
	assert.match(page.errors.join(), /403/);
	assert.match(server.log(), new RegExp(`status=403 reason="Pages of ${origin} may not connect to 127.0.0.1:${server.port}; .*--origin`));
	await page.close();
});

test("a page of another origin that is in the list can connect, and so can the server's own", async (t) => {
	/* The port of the page is known before the server is started, not the other way round. */
	const target = await start("--origin", "http://127.0.0.1:1");
	const origin = await foreign(t, target);
	await target.stop();
	const allowing = await start("--listen", `127.0.0.1:${target.port}`, "--origin", `${origin},self`);
	const page = await open(desk, origin);

	await page.waitForFunction(() => document.title === "open");
	await (await openPage(desk, allowing)).close();
	await page.close();
	await allowing.stop();
});
