/*
 * proxies.js - nginx, haproxy and hitch in front of an instance, each way in which
 * they can say who the client is; where they speak TLS, with the files of etc/.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as server from "../clients/server.js";
import { freePort, until } from "../supervise/supervisors.js";

/* A file of etc/ with these ports and this certificate. */
const shipped = (file, port, target, folder) =>
    readFileSync(new URL(`../../etc/${file}`, import.meta.url), "utf8")
	.replaceAll("127.0.0.1:13372", target)
	.replaceAll("[127.0.0.1]:13372", target.replace("127.0.0.1", "[127.0.0.1]"))
	.replace("listen 443", `listen 127.0.0.1:${port}`).replace(/:443\b/, `:${port}`)
	.replaceAll("/etc/ssl/rosterd", folder).replaceAll("_hitch", "root");

const nginx = (port, target, folder) => ["nginx", ["-e", "stderr", "-p", folder, "-c"], `
daemon off;
master_process off;
pid ${folder}/pid;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path ${folder}/body;
	proxy_temp_path ${folder}/proxy;
	fastcgi_temp_path ${folder}/fastcgi;
	uwsgi_temp_path ${folder}/uwsgi;
	scgi_temp_path ${folder}/scgi;
	map $http_upgrade $connection_upgrade { default upgrade; "" close; }
	server {
		listen 127.0.0.1:${port};
		location / {
			proxy_pass http://${target};
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		}
	}
}`];

const haproxy = (mode, how, more = "") => (port, target, folder) => ["haproxy", ["-db", "-f"], `
global
	stats socket ${folder}/stats
defaults
	mode ${mode}
	timeout connect 5s
	timeout client 1m
	timeout server 1m
	timeout tunnel 1h
listen rosterd
	bind 127.0.0.1:${port}
	${more}
	server one ${target} ${how}
`];

const nginxTls = (port, target, folder) => ["nginx", ["-e", "stderr", "-p", folder, "-c"], `
daemon off;
master_process off;
pid ${folder}/pid;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path ${folder}/body;
	proxy_temp_path ${folder}/proxy;
	fastcgi_temp_path ${folder}/fastcgi;
	uwsgi_temp_path ${folder}/uwsgi;
	scgi_temp_path ${folder}/scgi;
	${shipped("nginx/rosterd.conf", port, target, folder)}
}`];

const haproxyTls = (...args) => ["haproxy", ["-db", "-f"], shipped("haproxy/rosterd.cfg", ...args)];
const hitchTls = (...args) => ["hitch", ["--config"], shipped("hitch/rosterd.conf", ...args)];

/* What is in front, and what the operator says to rosterd about it. */
export const kinds = {
	"nginx, X-Forwarded-For": {
		configure: nginx, options: ["--trust", "127.0.0.1"],
	},
	"nginx, X-Forwarded-For by a Unix socket": {
		configure: nginx, unix: true, options: ["--trust", "unix"],
	},
	"haproxy, X-Forwarded-For": {
		configure: haproxy("http", "", "option forwardfor"), options: ["--trust", "127.0.0.1"],
	},
	"haproxy, Forwarded": {
		configure: haproxy("http", "", "http-request set-header Forwarded for=%[src]"),
		options: ["--trust", "127.0.0.1", "--client-header", "Forwarded"],
	},
	"haproxy, PROXY protocol 1": {
		configure: haproxy("tcp", "send-proxy"), ports: true,
		options: ["--trust", "127.0.0.1", "--proxy-protocol", "on"],
	},
	"haproxy, PROXY protocol 2": {
		configure: haproxy("tcp", "send-proxy-v2 check inter 200ms", `option httpchk
	http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host localhost`),
		ports: true, checks: true,
		options: ["--trust", "127.0.0.1", "--proxy-protocol", "on"],
	},
	"nginx with TLS": {
		configure: nginxTls, tls: true, options: ["--trust", "127.0.0.1/32"],
	},
	"haproxy with TLS": {
		configure: haproxyTls, tls: true, ports: true,
		options: ["--trust", "127.0.0.1/32", "--proxy-protocol", "on"],
	},
	"hitch with TLS": {
		configure: hitchTls, tls: true, ports: true,
		options: ["--trust", "127.0.0.1/32", "--proxy-protocol", "on"],
	},
};

/* cert.pem, key.pem, and both in one. */
function certify(folder) {
	const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];

	execFileSync("openssl", ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
	    "-newkey", "rsa:2048", "-keyout", key, "-out", cert], { stdio: "ignore" });
	writeFileSync(join(folder, "both.pem"), readFileSync(cert) + readFileSync(key));
}

const listens = (port) => new Promise((resolve) => {
	const socket = connect(port, "127.0.0.1");

	socket.on("connect", () => { socket.destroy(); resolve(true); }).on("error", () => resolve(false));
});

/* An instance with these options more, behind a proxy of that kind; ends with stop(). */
export async function start(kind, ...options) {
	const folder = mkdtempSync(join(tmpdir(), "rosterd-proxy-")), path = join(folder, "rosterd");
	const rosterd = await server.start(...kind.options,
	    ...kind.unix ? ["--listen", `unix:${path}`] : [], ...options);
	const port = await freePort();
	const target = !kind.unix ? `127.0.0.1:${rosterd.port}` : `unix:${path}:`;
	if (kind.tls)
		certify(folder);
	const [program, args, text] = kind.configure(port, target, folder);
	const file = join(folder, "configuration");

	writeFileSync(file, text);
	const proxy = spawn(program, [...args, file], { stdio: ["ignore", "pipe", "pipe"] });
	const exited = once(proxy, "exit");
	let said = "";
	for (const output of [proxy.stdout, proxy.stderr])
		output.setEncoding("utf8").on("data", (more) => { said += more; });
	await until(() => proxy.exitCode !== null || listens(port));
	if (proxy.exitCode !== null) {
		await rosterd.stop();
		throw new Error(`${program} ended:\n${said}`);
	}
	return {
		rosterd,
		url: `${kind.tls ? "wss" : "ws"}://127.0.0.1:${port}/`,
		page: `${kind.tls ? "https" : "http"}://127.0.0.1:${port}/`,
		stats: join(folder, "stats"),
		stop: async () => {
			proxy.kill("SIGKILL");
			await exited;
			await rosterd.stop();
			rmSync(folder, { recursive: true });
		},
	};
}

/* What haproxy says to a command on its stats socket. */
export async function ask(socket, command) {
	let answer = "";
	const connection = connect(socket).setEncoding("utf8").on("data", (more) => { answer += more; });

	connection.end(`${command}\n`);
	await once(connection, "close");
	return answer;
}
