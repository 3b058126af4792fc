/*
 * post.js - Klaviyo's own SDK for Node posts the events of a file.
 *
 *	node post.js URL BODIES N IN_FLIGHT
 *
 * BODIES has the body of one POST /api/events a line; they are turned into the
 * SDK's objects before the time begins.  Prints events, seconds and processor
 * seconds, without the first 20 % of the events, in which node compiles.  The
 * certificate authority is in NODE_EXTRA_CA_CERTS.
 */
"use strict";
const fs = require("fs");
const { ApiKeySession, EventsApi } = require("klaviyo-api");

const [url, file, count, inFlight] = process.argv.slice(2);
const most = Number(count), warm = Math.floor(most / 5);

/* The SDK names its own fields in camel case; properties stay as they are. */
function typed(value) {
	if (Array.isArray(value) || value === null || typeof value !== "object")
		return value;
	return Object.fromEntries(Object.entries(value).map(([name, inner]) => [
		name.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase()),
		name === "properties" ? inner : typed(inner)]));
}

async function main() {
	const api = new EventsApi(new ApiKeySession("pk_bench"));
	const events = fs.readFileSync(file, "utf8").trimEnd().split("\n")
		.map(line => typed(JSON.parse(line)));
	let started = 0, finished = 0, begin, processor;

	api.basePath = url;
	async function one() {
		while (started < most) {
			const { response } = await api.createEvent(
				events[started++ % events.length]);
			if (response.status !== 202)
				throw new Error(`HTTP ${response.status}`);
			if (++finished === warm) {
				begin = process.hrtime.bigint();
				processor = process.cpuUsage();
			}
		}
	}
	await Promise.all(Array.from({ length: Number(inFlight) }, one));
	const used = process.cpuUsage(processor);
	const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
	console.log(most - warm, seconds.toFixed(3),
		((used.user + used.system) / 1e6).toFixed(3));
}

main().catch(error => {
	console.error(String(error));
	process.exit(1);
});
