/* Chromium with the page that GET / answers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { start } from "./server.js";

const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"];
let server, browser, errors;

before(async () => {
	server = await start();
	browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
});
after(async () => {
	await browser?.close();
	await server.stop();
});

async function open() {
	const page = await browser.newPage();
	errors = [];
	page.on("pageerror", (error) => errors.push(error));
	page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
	await page.goto(server.page);
	await page.waitForSelector("#state.on");
	await page.waitForFunction(() => document.querySelector("#me").textContent.length === 32);
	return page;
}

const token = (page) => page.textContent("#me");

test("two tabs see each other, and a property set in one shows in the other within a second", async () => {
	const a = await open(), b = await open();
	const me = await token(b);
	await a.waitForSelector(`#roster tr[data-token="${me}"]`, { timeout: 1500 });
	await b.fill("#key", "colour");
	await b.fill("#value", "green");
	const start = Date.now();
	await b.click("#set button");
	await a.waitForFunction((me) => document.querySelector(`#roster tr[data-token="${me}"]`)
	    .textContent.includes('{"colour":"green"}'), me, { timeout: 3000 });
	assert.ok(Date.now() - start < 1000, `it took ${Date.now() - start} ms`);
	await b.close();
	await a.waitForFunction((me) => !document.querySelector(`#roster tr[data-token="${me}"]`), me);
	assert.deepEqual(errors, []);
	await a.close();
});

test("a packet to one and a packet to everybody", async () => {
	const a = await open(), b = await open();
	const me = await token(a), other = await token(b);
	await a.waitForSelector(`#to option[value="${other}"]`, { state: "attached" });
	await a.selectOption("#to", other);
	await a.fill("#packet", "only you");
	await a.click("#send button");
	await b.waitForFunction((me) => document.querySelector("#log").textContent
	    .includes(`{"from":"${me}","type":"hello","hello":"only you"}`), me);
	await a.selectOption("#to", "*");
	await a.fill("#packet", '{"all":[1,2]}');
	await a.click("#send button");
	for (const page of [a, b])
		await page.waitForFunction((me) => document.querySelector("#log").textContent
		    .includes(`{"from":"${me}","type":"hello","hello":{"all":[1,2]}}`), me);
	assert.deepEqual(errors, []);
	await a.close();
	await b.close();
});

test("the page comes back by itself", async () => {
	const own = await start();
	const page = await browser.newPage();
	await page.goto(own.page);
	await page.waitForSelector("#state.on");
	await own.stop();
	await page.waitForFunction(() => /not connected \(1001/.test(document.querySelector("#state").textContent));
	const again = await start("--listen", `127.0.0.1:${own.port}`);
	await page.waitForSelector("#state.on", { timeout: 20000 });
	await page.close();
	await again.stop();
});
