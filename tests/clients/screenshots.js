/*
 * screenshots.js FOLDER - pictures of the page for README, with a few clients that are there.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Ws from "ws";
import { launch, openPage } from "./browser.js";
import { Client, start } from "./server.js";

const SHOTS = [
	{ file: "light.png", viewport: { width: 1280, height: 860 }, colorScheme: "light" },
	{ file: "dark.png", viewport: { width: 1280, height: 860 }, colorScheme: "dark" },
	{ file: "phone.png", viewport: { width: 390, height: 860 }, colorScheme: "light", isMobile: true, hasTouch: true },
];
const PEOPLE = [
	{ name: "Grace", colour: "#00798c", x: 22, y: 30, mood: "curious" },
	{ name: "Edsger", colour: "#c97b00", x: 63, y: 62 },
	{ name: "Radia", colour: "#7353ba", x: 14, y: 70, tree: [1, 2, { spanning: true }] },
];

const folder = process.argv[2];
const server = await start();
const browser = await launch();
const clients = [];
const row = (token) => `#people li[data-token="${token}"]`;
let count = 0;

mkdirSync(folder, { recursive: true });
for (const properties of PEOPLE) {
	const client = new Client(Ws, server.url);

	await client.ready;
	client.set(properties);
	clients.push(client);
}
for (const { file, ...options } of SHOTS) {
	const context = await browser.newContext(options);
	const page = await openPage(context, server);
	const board = await page.locator("#board").boundingBox();

	await page.evaluate(() => globalThis.rosterd.set({ name: "Ada", colour: "#d1495b" }));
	await page.locator('.pointer[data-token] span', { hasText: "Radia" }).waitFor();
	await page.mouse.move(board.x + board.width * 0.8, board.y + board.height * 0.86, { steps: 3 });
	await page.locator(row(page.token), { hasText: /"Ada".*y8/ }).waitFor();
	/* Who came, and the page before that left, are no longer highlighted. */
	await page.waitForFunction((people) => document.querySelectorAll("#people li").length === people &&
	    document.getAnimations().length === 0, PEOPLE.length + 1);
	await page.click("#send");
	clients[0].send("*", "hello", "Welcome, Ada!");
	const greeting = page.locator('#log li.in', { hasText: "Welcome" }).first();
	await greeting.locator("summary").click();
	clients[0].set({ mood: `glad: ${++count}` });
	await page.locator(row(clients[0].token), { hasText: `glad: ${count}` }).waitFor();
	await page.evaluate(() => scrollTo(0, 0));
	await page.screenshot({ path: join(folder, file) });
	await context.close();
}
await browser.close();
await Promise.all(clients.map((client) => client.close()));
await server.stop();
