/*
 * database.js - the connection of a worker, what is kept of the catalogue, and
 * who is visiting.
 */
"use strict";
const crypto = require("crypto");
const Database = require("better-sqlite3");

const b64 = bytes => bytes.toString("base64url");

module.exports = settings => {
	const db = new Database(settings.DATABASE, { timeout: 10000 });
	const secret = Buffer.from(settings.SECRET);
	const kept = new Map();
	let version = -1;

	db.pragma("journal_mode = WAL");
	db.pragma("synchronous = FULL");
	db.pragma("foreign_keys = ON");
	const changed = db.prepare("PRAGMA data_version").pluck();
	const find = db.prepare("SELECT s.id, s.cart, s.email, l.account " +
		"FROM session s LEFT JOIN login l ON l.session = s.id " +
		"WHERE s.id = ? AND s.seen_at > ?");

	const mac = (purpose, text) => b64(crypto.createHmac("sha256", secret)
		.update(purpose + "\0" + text).digest().subarray(0, 16));

	return {
		db, b64, mac,

		/* What make() returns, made again when the database has changed. */
		kept(name, make) {
			const now = changed.get();
			if (now !== version) {
				kept.clear();
				version = now;
			}
			let found = kept.get(name);
			if (found === undefined) {
				found = make();
				kept.set(name, found);
			}
			return found;
		},

		/* The visitor's session, or undefined. */
		session(request) {
			const cookie = /(?:^|; )sid=([^;]+)/.exec(
				request.headers.cookie || "");
			if (cookie === null)
				return undefined;
			const token = cookie[1], dot = token.lastIndexOf(".");
			if (dot < 0 || mac("session", token.slice(0, dot)) !==
					token.slice(dot + 1))
				return undefined;
			return find.get(
				b64(crypto.createHash("sha256").update(token).digest()),
				Math.floor(Date.now() / 1000) - 30 * 86400);
		},
	};
};
