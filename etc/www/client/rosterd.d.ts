/*
 * rosterd.d.ts - what rosterd.js offers.
 *
 * P are the properties that clients have in your application; every one of them
 * may be missing, as each client says about itself what it likes.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Properties = { [key: string]: any };

/** 32 lower-case hex digits; a client has a new one with each connection. */
export type Token = string;

export interface Options<P extends Properties = Properties> {
	/** Properties to begin with, as if given to set() at once. */
	properties?: Partial<P>;
	/**
	 * What to do when the server's version of the application has changed: true
	 * reloads the page (within three seconds, not everybody at once), a function
	 * is called.  Nothing if not given; the event "version" comes in any case.
	 */
	reload?: boolean | ((version: string, previous: string) => void);
	/** A class like the browsers' WebSocket, where there is none: older versions of node. */
	WebSocket?: unknown;
	/** Longest pause before the first try to come back, in ms (1000); doubled with each that fails ... */
	wait?: number;
	/** ... up to this (30000).  The pause is a random part of it. */
	maxWait?: number;
	/** How long a connection may take to open, in ms (20000); then it is tried again. */
	timeout?: number;
}

export interface Change<P extends Properties = Properties> {
	/** Who came; in the first change after a connection, everybody that was not there before. */
	opened: Token[];
	/** Who left. */
	closed: Token[];
	/** Whose properties are others than before, newcomers that have some included. */
	changed: Token[];
	/** The roster as it was before: what those who left had said about themselves. */
	before: Map<Token, Partial<P>>;
}

export interface Packet {
	from: Token;
	type: string;
	value: any;
}

export interface Opened {
	token: Token;
	version: string;
}

export interface Closed {
	/** Of the close frame; 1006 if there was none. */
	code: number;
	reason: string;
	/** Whether the connection had been open, or this was a try that failed. */
	wasOpen: boolean;
	/** Milliseconds until the next try; null after close(). */
	wait: number | null;
}

export interface Traffic {
	direction: "in" | "out";
	/** As it travels: {from, type, ...} comes in, {to, packet} goes out. */
	packet: any;
	text: string;
}

export interface Events<P extends Properties = Properties> {
	/** Connected, and the roster is known. */
	open: Opened;
	/** The connection was lost, a try to connect failed, or close() was called. */
	close: Closed;
	/** The roster is another. */
	change: Change<P>;
	/** From another client, or from this one if it sent to "*" or to itself. */
	packet: Packet;
	/** The operator has set another version of the application. */
	version: { version: string; previous: string };
	/** Everything that goes over the connection. */
	traffic: Traffic;
}

export type Url = string | URL | (() => string | URL | Promise<string | URL>);

export class Rosterd<P extends Properties = Properties> {
	/**
	 * A client that is not connected yet.  The url may begin with ws, wss, http or
	 * https; in a browser it is relative to the page, and "/" if not given.  A
	 * function is asked for it before each try to connect: for a ticket that is
	 * good for a while only, for example.  If it fails, so has the try.
	 */
	constructor(url?: Url, options?: Options<P>);

	/** Of this connection or the last one; null before a function was first asked. */
	readonly url: string | null;
	readonly state: "connecting" | "open" | "waiting" | "closed";
	/** Who this client is; null while it is not connected. */
	readonly token: Token | null;
	/** The version of the application that the operator has set. */
	readonly version: string | null;
	/**
	 * Everybody, this client included, in order of connection.  Always the same
	 * Map; while the connection is lost, it stays as it was.
	 */
	readonly roster: Map<Token, Partial<P>>;
	/**
	 * What this client says about itself, sent or not; a copy.  Without what the
	 * operator's program (--on-connect) says of it: that is in the roster only.
	 */
	readonly properties: Partial<P>;

	/** Call handler on each event.  What is returned ends that. */
	on<E extends keyof Events<P>>(event: E, handler: (detail: Events<P>[E]) => void): () => void;
	off<E extends keyof Events<P>>(event: E, handler: (detail: Events<P>[E]) => void): this;

	/**
	 * Change own properties, key by key; null deletes one.  Goes out at once, or
	 * together with other changes at most 50 ms later.  May be called at any time:
	 * after each connection the server is told all of them.  But after the server
	 * has refused something (1007, 1008, 1009), only what it had taken before, and
	 * if it refuses that, too, nothing.
	 */
	set(properties: { [K in keyof P]?: P[K] | null }): this;

	/**
	 * Send a packet to a token, to "*" (everybody, the sender included), to
	 * "server", or to several.  False if there is no connection: packets are of
	 * the moment, and not kept for later.
	 */
	send(to: Token | Token[], type: string, value?: unknown): boolean;

	/** Connect, and stay connected. */
	connect(): this;
	/** If it waits to try again: try now. */
	retry(): this;
	/** End the connection for good. */
	close(code?: number, reason?: string): this;
}

/** new Rosterd(url, options).connect() */
export function connect<P extends Properties = Properties>(url?: Url, options?: Options<P>): Rosterd<P>;
