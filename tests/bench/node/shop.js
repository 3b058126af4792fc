/*
 * shop.js - the peer in Node: fastify, two workers, better-sqlite3.
 *
 *	node shop.js SETTINGS.json
 *
 * How it is tuned, and why: one worker for each of the machine's two cores, on
 * a Unix socket, to which nginx keeps its connections; no logger; statements
 * are prepared once a worker; what is made of the catalogue is kept for as long
 * as SQLite says that nobody else has written (a changed price shows at the next
 * request, as in the storefront).  KEEP says how much: "parts", the menu and the
 * related products as HTML; or "page", all that is the same for everyone.
 */
"use strict";
const cluster = require("cluster");
const fs = require("fs");

const settings = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

if (cluster.isPrimary) {
	for (let i = 0; i < 2; i++)
		cluster.fork();
	process.on("SIGTERM", () => {
		for (const worker of Object.values(cluster.workers))
			worker.process.kill("SIGTERM");
		process.exit(0);
	});
} else {
	process.on("SIGTERM", () => process.exit(0));
	serve();
}

function serve() {
	const shop = require("./database.js")(settings);
	const app = require("fastify")({ logger: false });

	/* Forms; URLSearchParams is what Node has for them. */
	app.addContentTypeParser("application/x-www-form-urlencoded",
		{ parseAs: "string" }, (request, body, done) =>
			done(null, new URLSearchParams(body)));
	app.get("/products/:handle", require("./product.js")(settings, shop));
	app.post("/checkout", require("./checkout.js")(settings, shop));
	app.get("/healthz", (request, reply) => reply.send("ok\n"));
	app.listen({ path: settings.SOCKET, backlog: 511 }).then(() =>
		fs.chmodSync(settings.SOCKET, 0o666));
}
