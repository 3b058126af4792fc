/*
 * product.js - the product page's data, its events, its headers.
 */
"use strict";
const crypto = require("crypto");
const { page, menuOf, cardsOf, buyable, was } = require("./page.js");

/* JSON that is safe to print inside a script element. */
const HEX = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };
const json = value => JSON.stringify(value).replace(/[<>&]/g, c => HEX[c]);

module.exports = (settings, shop) => {
	const { URL, HASHES, HOSTS, KEEP } = settings, { db } = shop;
	const hosts = " " + HOSTS.join(" ");
	const product = db.prepare("SELECT id, handle, title, body, vendor, " +
		"image, image_alt FROM product WHERE handle = ? AND published = 1");
	const variantsOf = db.prepare("SELECT id, name, sku, price, compare_at, " +
		"stock, oversell FROM variant WHERE product = ? " +
		"ORDER BY position, id");
	const categoriesOf = db.prepare("SELECT slug, name " +
		"FROM product_category WHERE product = ? ORDER BY position");
	const units = db.prepare("SELECT SUM(quantity) FROM cart_line " +
		"WHERE cart = ?").pluck();
	const collections = db.prepare(
		"SELECT g.slug, (SELECT name FROM product_category " +
		"WHERE product = g.first AND slug = g.slug) AS name FROM (" +
		"SELECT c.slug AS slug, " +
		"(SELECT f.product FROM collection_product f " +
		"WHERE f.slug = c.slug ORDER BY f.position, f.product LIMIT 1) " +
		"AS first FROM collection c) g ORDER BY " +
		"(SELECT position FROM product WHERE id = g.first), g.first, " +
		"(SELECT position FROM product_category " +
		"WHERE product = g.first AND slug = g.slug), g.slug");
	const relatedTo = db.prepare("WITH RECURSIVE mine AS (" +
		"SELECT c.slug AS slug, c.position AS position, " +
		"c.product AS product FROM product_category o " +
		"JOIN collection_product c " +
		"ON c.product = o.product AND c.slug = o.slug " +
		"WHERE o.product = ? ORDER BY o.position, o.slug LIMIT 8), " +
		"walk AS (SELECT slug, position, product, 0 AS step FROM mine " +
		"UNION ALL " +
		"SELECT n.slug, n.position, n.product, w.step + 1 " +
		"FROM walk w CROSS JOIN collection_product n " +
		"WHERE w.step < 12 AND n.product <> ? AND n.slug = w.slug " +
		"AND n.product = COALESCE(" +
		"(SELECT a.product FROM collection_product a " +
		"WHERE a.slug = w.slug AND a.position = w.position " +
		"AND a.product > w.product ORDER BY a.product LIMIT 1), " +
		"(SELECT b.product FROM collection_product b " +
		"WHERE b.slug = w.slug AND b.position > w.position " +
		"ORDER BY b.position, b.product LIMIT 1), " +
		"(SELECT c.product FROM collection_product c " +
		"WHERE c.slug = w.slug " +
		"ORDER BY c.position, c.product LIMIT 1))) " +
		"SELECT p.handle, p.title, p.vendor, p.image, p.image_alt, " +
		"(SELECT MIN(price) FROM variant WHERE product = p.id) AS low, " +
		"(SELECT MAX(price) FROM variant WHERE product = p.id) AS high, " +
		"(SELECT compare_at FROM variant WHERE product = p.id " +
		"ORDER BY price, position, id LIMIT 1) AS was, " +
		"(SELECT MAX(CASE WHEN stock > 0 OR oversell = 1 " +
		"THEN 1 ELSE 0 END) FROM variant WHERE product = p.id) AS there " +
		"FROM (SELECT k.product AS id, k.position AS position, " +
		"(SELECT COUNT(*) FROM mine m CROSS JOIN collection_product s " +
		"WHERE s.product = k.product AND s.slug = m.slug) AS shared, " +
		"CASE WHEN (k.position, k.product) > (t.position, t.product) " +
		"THEN 0 ELSE 1 END AS wrapped " +
		"FROM (SELECT DISTINCT product, position FROM walk " +
		"WHERE step > 0) k CROSS JOIN " +
		"(SELECT position, product FROM mine LIMIT 1) t " +
		"ORDER BY shared DESC, wrapped, k.position, k.product LIMIT 4) f " +
		"JOIN product p ON p.id = f.id " +
		"ORDER BY f.shared DESC, f.wrapped, f.position, f.id");
	const absolute = path => path[0] === "/" ? URL + path : path;

	/* An undefined property is left out by JSON.stringify(). */
	function events(p, v, categories) {
		const names = categories.map(c => c.name);
		const url = `${URL}/products/${encodeURIComponent(p.handle)}`;
		const compare = was(v) ? v.compare_at / 100 : undefined;
		const viewed = { ProductName: p.title, ProductID: p.id,
			SKU: v.sku || undefined, Categories: names,
			ImageURL: absolute(p.image) || undefined, URL: url,
			Brand: p.vendor || undefined, Price: v.price / 100,
			CompareAtPrice: compare };
		const item = { Title: p.title, ItemId: p.id, Categories: names,
			ImageUrl: absolute(p.image) || undefined, Url: url,
			Metadata: { Brand: p.vendor || undefined,
				Price: v.price / 100, CompareAtPrice: compare } };
		return `\n(function () {\n    klaviyo.track("Viewed Product", ` +
			`${json(viewed)});\n    klaviyo.trackViewedItem(` +
			`${json(item)});\n\n})();\n`;
	}

	/* [the page's three parts, the policy's hash]; null: no such page. */
	function make(handle) {
		const p = product.get(handle);
		if (p === undefined)
			return null;
		const variants = variantsOf.all(p.id);
		const categories = categoriesOf.all(p.id);
		const script = events(p, variants.find(buyable) || variants[0],
			categories);
		const hash = crypto.createHash("sha256").update(script)
			.digest("base64");
		return [page(settings, p, variants, categories,
			shop.kept("menu", () => menuOf(collections.all())),
			shop.kept("related " + p.id, () =>
				cardsOf(relatedTo.all(p.id, p.id))), script),
		` 'sha256-${hash}'`];
	}

	return (request, reply) => {
		const { handle } = request.params;
		const session = shop.session(request);
		const count = session ? units.get(session.cart) || 0 : 0;
		const made = KEEP === "page"
			? shop.kept("page " + handle, () => make(handle))
			: make(handle);
		if (made === null)
			return reply.code(404).send();
		const [parts, hash] = made;
		const text = parts[0] + (count === 0 ? " hidden" : "") +
			parts[1] + count + parts[2];
		reply.header("Content-Security-Policy", "default-src 'none'; " +
			`script-src 'strict-dynamic'${HASHES}${hash}; connect-src ` +
			`'self'${hosts}; img-src 'self' data: https:; ` +
			`style-src 'self' 'unsafe-inline'${hosts}; font-src ` +
			`'self'${hosts}; form-action 'self'; base-uri 'none'; ` +
			"frame-ancestors 'none'");
		reply.header("Content-Type", "text/html; charset=utf-8");
		reply.header("X-Content-Type-Options", "nosniff");
		reply.header("Referrer-Policy", "strict-origin-when-cross-origin");
		if (session) {
			reply.header("Cache-Control", "private, no-store");
		} else {
			const tag = `"${crypto.createHash("md5").update(text)
				.digest("base64url")}"`;
			reply.header("ETag", tag);
			reply.header("Cache-Control", "public, max-age=60");
			reply.header("Vary", "Cookie");
			if ((request.headers["if-none-match"] || "").includes(tag))
				return reply.code(304).send();
		}
		return reply.send(text);
	};
};
