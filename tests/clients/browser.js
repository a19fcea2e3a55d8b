/*
 * browser.js - Chromium for one test file, and pages that must not complain.
 */
import { chromium } from "playwright-core";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function launch() {
	return chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
}

/* What a page says on its console as an error, or throws, is kept in page.errors. */
export async function open(context, url) {
	const page = await context.newPage();

	page.errors = [];
	page.on("pageerror", (error) => page.errors.push(error.message));
	page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
	await page.goto(url);
	return page;
}

export async function openPage(context, server) {
	const page = await open(context, server.page);

	await page.waitForSelector('#state[data-state="connected"]');
	await page.waitForSelector("#mine [data-key=name]");
	page.token = await page.textContent("#me");
	return page;
}
