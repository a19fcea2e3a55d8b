/*
 * dom.js - what the parts of the page share: elements, and how a client looks.
 *
 * Text of clients goes in as text, never as markup; the page's policy sees to
 * that, too.
 */

export const $ = (id) => document.getElementById(id);

/* make("li", { class: "x", "aria-label": "y" }, "text", element, ...) */
export function make(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes))
		if (value !== undefined && value !== false)
			element.setAttribute(name, value === true ? "" : value);
	element.append(...children);
	return element;
}

/* The same in SVG. */
export function draw(tag, attributes, ...children) {
	const element = document.createElementNS("http://www.w3.org/2000/svg", tag);

	for (const [name, value] of Object.entries(attributes))
		element.setAttribute(name, value);
	element.append(...children);
	return element;
}

/* Set only what is another: a screen reader speaks what was set. */
export function say(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

export function cut(text, length) {
	return text.length > length ? `${text.slice(0, length - 1)}\u2026` : text;
}

export const short = (token) => token.slice(0, 8);

/* JSON, or what is typed as it is. */
export function parse(text) {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/* The inverse: text that parse() makes the same value of. */
export function display(value) {
	return typeof value === "string" && parse(value) === value ? value : JSON.stringify(value);
}

export function kind(value) {
	if (value === null)
		return "null";
	if (Array.isArray(value))
		return "list";
	return { string: "text", number: "number", boolean: "yes/no", object: "object" }[typeof value];
}

export const isColour = (value) => typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value);

export function nameOf(token, properties) {
	const name = properties?.name;

	return typeof name === "string" && name.trim() !== "" ? cut(name.trim(), 24) : short(token);
}

/* What a client wants to be shown in, or a colour made of its token. */
export function colourOf(token, properties) {
	if (isColour(properties?.colour))
		return properties.colour;
	return `hsl(${parseInt(token.slice(0, 4), 16) % 360} 55% 50%)`;
}
