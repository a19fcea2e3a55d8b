/*
 * supervisors.js - the real ones, each with the file that is shipped for it in
 * etc/ where there is one, and each with an instance of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync,
    rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const etc = join(dirname(fileURLToPath(import.meta.url)), "../../etc");
const binary = process.env.ROSTERD;
let serial = 0;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Look until it is so, or fail after ms. */
export async function until(test, ms = 8000, what = String(test)) {
	for (const end = Date.now() + ms; ; await pause(20)) {
		const result = await test();
		if (result)
			return result;
		if (Date.now() > end)
			throw new Error(`not in ${ms} ms: ${what}`);
	}
}

export async function freePort() {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address();
	server.close();
	await once(server, "close");
	return port;
}

/*
 * What is left of an instance: processes that have its segment mapped, by title or
 * its beginning (a number in it is whole); and files.
 */
export function processes(name, title = "") {
	const found = [], begin = new RegExp(`^rosterd: ${title}(?!\\d)`);

	for (const pid of readdirSync("/proc").filter((n) => /^\d+$/.test(n))) {
		try {
			if (!readFileSync(`/proc/${pid}/maps`, "latin1").match(`/dev/shm/rosterd\\.${name}( |\\n)`))
				continue;
			if (begin.test(readFileSync(`/proc/${pid}/cmdline`, "latin1")))
				found.push(Number(pid));
		} catch { /* it ended while we looked */ }
	}
	return found;
}

export const files = (name) => [`/dev/shm/rosterd.${name}`, `/dev/shm/rosterd-lock.${name}`].filter(existsSync);

/* Nobody and nothing is left of it. */
export const gone = (name, ms = 10000) =>
    until(() => processes(name).length === 0 && files(name).length === 0, ms, `${name} is gone`);

/* Those that are there still. */
export const kill = (pids) => pids.forEach((pid) => {
	try {
		process.kill(pid, "SIGKILL");
	} catch { /* it has ended already */ }
});

/* The one that is alone of its kind. */
export const only = async (name, title) => (await until(() => {
	const pids = processes(name, title);
	return pids.length === 1 && pids;
}))[0];

/* The one that comes after. */
export const next = (name, title, before, ms = 2000) => until(() => {
	const [pid] = processes(name, title);
	return pid && pid !== before && pid;
}, ms, `a new ${title} of ${name}`);

/* Those that keep an instance going. */
export const keepers = (s) => [...processes(s.name, "listener"), ...processes(s.name, "ticker")];

/* A file of etc/, for this binary and these arguments instead of the installed ones. */
function shipped(file, port, args) {
	return readFileSync(join(etc, file), "utf8")
	    .replaceAll("/usr/sbin/rosterd", binary)
	    .replaceAll("--config /etc/rosterd.conf", args)
	    .replaceAll("s6-setuidgid rosterd ", "").replaceAll("chpst -u rosterd ", "")
	    .replaceAll(/(user\s*=\s*)rosterd/g, "$1root").replaceAll("\trosterd\t", "\troot\t")
	    .replaceAll("13372", String(port));
}

/* What a test that failed has not stopped would keep the run from ending. */
const running = new Set();

after(async () => {
	for (const s of running) {
		s.child.kill("SIGKILL");
		await s.ended.catch(() => {});
		kill(processes(s.name));
		files(s.name).forEach((file) => rmSync(file, { force: true }));
		rmSync(s.folder, { recursive: true });
	}
});

class Supervised {
	constructor(kind) {
		this.name = `sup-${process.pid}-${serial++}`;
		this.folder = mkdtempSync(join(tmpdir(), "supervise-"));
		this.log = "";
		this.kind = kind;
	}

	run(command, args, options = {}) {
		this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
		for (const stream of [this.child.stdout, this.child.stderr])
			stream.setEncoding("utf8").on("data", (text) => { this.log += text; });
		this.ended = once(this.child, "exit");
		running.add(this);
	}

	/* Until somebody accepts there; nothing is said, so a guest that comes of it sees an end. */
	async accepts() {
		const target = this.path ? { path: this.path } : { port: this.port, host: "127.0.0.1" };

		await until(() => new Promise((resolve) => {
			const socket = connect(target);
			socket.on("connect", () => { socket.destroy(); resolve(true); });
			socket.on("error", () => resolve(false));
		}), 8000, `${this.kind} accepts: ${this.log}`);
	}

	async stop() {
		this.child.kill("SIGTERM");
		await this.ended;
		for (const pid of processes(this.name, "listener"))
			process.kill(pid, "SIGTERM");
		await gone(this.name);
		rmSync(this.folder, { recursive: true });
		running.delete(this);
	}
}

const starters = {
	"xinetd wait": (s, args) => xinetd(s, "xinetd/rosterd", args),
	"xinetd nowait": (s, args) => xinetd(s, "xinetd/rosterd-nowait", args),
	"openbsd-inetd wait": (s, args) => openbsd(s, "\twait\t", args),
	"openbsd-inetd nowait": (s, args) => openbsd(s, "\tnowait\t", args),
	tcpserver: (s, args) => s.run("tcpserver",
	    ["-H", "-R", "-l", "0", "-c", "500", "127.0.0.1", String(s.port), binary, ...args]),
	tcpsvd: (s, args) => s.run("tcpsvd",
	    ["-c", "500", "-l", "localhost", "127.0.0.1", String(s.port), binary, ...args]),
	"s6-ipcserver": (s, args) => {
		s.path = join(s.folder, "socket");
		s.run("s6-ipcserver", ["-c", "500", s.path, binary, ...args]);
	},
	"systemd-socket-activate": (s, args) => s.run("systemd-socket-activate",
	    ["-l", `127.0.0.1:${s.port}`, binary, ...args]),
	"systemd-socket-activate --fdname=tls": (s, args) => s.run("systemd-socket-activate",
	    ["--fdname=tls", "-l", `127.0.0.1:${s.port}`, binary, ...args]),
	"systemd-socket-activate -a": (s, args) => s.run("systemd-socket-activate",
	    ["-a", "-l", `127.0.0.1:${s.port}`, binary, ...args]),
	"s6-supervise": (s, args) => service(s, "s6", "s6-supervise", args),
	runsv: (s, args) => service(s, "runit", "runsv", args),
};

export const kinds = Object.keys(starters).filter((kind) => !kind.endsWith("=tls"));

/* Those where each client's process is started by somebody else than us. */
export const guestKinds = ["xinetd nowait", "openbsd-inetd nowait", "tcpserver", "tcpsvd",
    "s6-ipcserver", "systemd-socket-activate -a"];

function xinetd(s, file, args) {
	const conf = join(s.folder, "xinetd.conf");

	writeFileSync(conf, `defaults\n{\n}\n${shipped(file, s.port, args.join(" "))
	    .replace("disable", "bind = 127.0.0.1\n\tdisable")}`);
	s.run("xinetd", ["-dontfork", "-f", conf, "-pidfile", join(s.folder, "pid")]);
}

function openbsd(s, which, args) {
	const conf = join(s.folder, "inetd.conf");
	const lines = shipped("inetd/rosterd.inetd.conf", `127.0.0.1:${s.port}`, args.join(" "));

	writeFileSync(conf, lines.split("\n").map((line) => line.replace(/^#(?=127)/, ""))
	    .filter((line) => !line.startsWith("#") && line.includes(which)).join("\n") + "\n");
	s.run("inetd", ["-i", "-R", "0", conf]);
}

function service(s, family, supervisor, args) {
	const folder = join(s.folder, "service");
	const run = shipped(`${family}/rosterd/run`, s.port,
	    `${args.join(" ")} --listen 127.0.0.1:${s.port} --listen unix:${s.folder}/socket`);

	cpSync(join(etc, family, "rosterd"), folder, { recursive: true });
	rmSync(join(folder, "log"), { recursive: true });
	writeFileSync(join(folder, "run"), run);
	chmodSync(join(folder, "run"), 0o755);
	s.run(supervisor, [folder]);
}

/* An instance under one of them; ends with stop(). */
export async function start(kind, ...options) {
	const s = new Supervised(kind);

	mkdirSync(s.folder, { recursive: true });
	s.port = await freePort();
	starters[kind](s, ["--name", s.name, "--idle-exit", "1", ...options]);
	await s.accepts();
	s.url = s.path ? `ws+unix://${s.path}:/` : `ws://127.0.0.1:${s.port}/`;
	return s;
}
