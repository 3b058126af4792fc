/*
 * checkout.js - the checkout's form, posted: an order, as the storefront makes
 * one.  Sums are of the database; order, lines, stock and events are one
 * transaction, WAL with synchronous=FULL; the answer follows the commit.
 */
"use strict";
const crypto = require("crypto");

const ADDRESS = ["first_name", "last_name", "address1", "address2", "city",
	"region", "zip", "country"];
const FIELDS = ["email", "phone", ...ADDRESS,
	...ADDRESS.map(name => "billing_" + name), "discount", "shipping",
	"payment"];
const NEEDED = ["email", "first_name", "last_name", "address1", "city", "zip",
	"country", "shipping", "payment"];
const MOST = 240;
const BURST = 20; /* orders of an address, */
const EACH = 360; /* and seconds until there is one more */
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

const randomId = () => Array.from(crypto.randomBytes(16),
	byte => LETTERS[byte & 31]).join("");
const set = text => text || undefined; /* JSON leaves undefined out */

/* The address as Klaviyo has it in an order. */
const orderAddress = (a, phone) => ({ FirstName: set(a.first_name),
	LastName: set(a.last_name), Address1: set(a.address1),
	Address2: set(a.address2), City: set(a.city), Region: set(a.region),
	RegionCode: /^[A-Z0-9]{2,3}$/.test(a.region) ? a.region : undefined,
	CountryCode: set(a.country), Zip: set(a.zip), Phone: set(phone) });

const eventText = (metric, id, properties, value, now) => JSON.stringify({
	properties, time: new Date(now * 1000).toISOString().slice(0, 19) + "Z",
	value: value / 100, value_currency: "USD", unique_id: id,
	metric: { data: { type: "metric", attributes: { name: metric } } } });

class Refused extends Error {
	constructor(status, why) {
		super(why);
		this.status = status;
	}
}

/* The rows of the outbox: [id, profile, event]. */
function eventsOf(URL, o, lines) {
	const home = o.home;
	const profile = JSON.stringify({ type: "profile", attributes: {
		email: o.email, phone_number: set(o.phone),
		first_name: set(home.first_name), last_name: set(home.last_name),
		location: { address1: set(home.address1),
			address2: set(home.address2), city: set(home.city),
			region: set(home.region), country: set(home.country),
			zip: set(home.zip) } } });
	const items = lines.map(l => ({ ProductID: l.product, SKU: set(l.sku),
		ProductName: l.title, Quantity: l.quantity,
		ItemPrice: l.price / 100, RowTotal: l.price * l.quantity / 100,
		ProductURL: `${URL}/products/${encodeURIComponent(l.handle)}`,
		ImageURL: l.image[0] === "/" ? URL + l.image : set(l.image),
		Categories: l.categories, Brand: set(l.vendor) }));
	const made = [["Placed Order/" + o.id, profile,
		eventText("Placed Order", o.id, { OrderId: o.id,
			Categories: [...new Set(lines.flatMap(l => l.categories))],
			ItemNames: lines.map(l => l.title), DiscountCode: set(o.code),
			DiscountValue: o.discount / 100 || undefined,
			ShippingMethod: o.method,
			Brands: [...new Set(lines.map(l => l.vendor))], Items: items,
			BillingAddress: orderAddress(home, o.phone),
			ShippingAddress: orderAddress(o.ship, o.phone) },
		o.total, o.time)]];
	lines.forEach((l, n) => {
		const id = `${o.id}:${n + 1}`, item = items[n];
		made.push(["Ordered Product/" + id, profile,
			eventText("Ordered Product", id, { OrderId: o.id,
				ProductID: l.product, SKU: item.SKU,
				ProductName: l.title, Quantity: l.quantity,
				ProductURL: item.ProductURL, ImageURL: item.ImageURL,
				Categories: l.categories, ProductBrand: item.Brand },
			l.price * l.quantity, o.time)]);
	});
	return made;
}

function readForm(posted) {
	const form = {};
	for (const name of FIELDS)
		form[name] = (posted.get(name) || "").replace(/\s+/g, " ").trim();
	for (const name of NEEDED)
		if (form[name] === "")
			throw new Refused(422, name);
	for (const name of FIELDS)
		if (form[name].length > MOST)
			throw new Refused(422, name);
	if (!/^[^\s@"(),:;<>[\]\\]{1,64}@[^\s@]+\.[^\s@.]+$/.test(form.email) ||
			form.payment !== "approve")
		throw new Refused(422, "email");
	return form;
}

module.exports = (settings, shop) => {
	const { db } = shop, { URL } = settings;
	const byKey = db.prepare("SELECT id, body_hash FROM orders WHERE key = ?");
	const cartOf = db.prepare("SELECT revision FROM cart WHERE id = ?");
	const linesOf = db.prepare("SELECT v.id, l.quantity, p.id AS product, " +
		"p.handle, p.title, p.vendor, p.image, v.name, v.sku, v.price " +
		"FROM cart_line l JOIN variant v ON v.id = l.variant " +
		"JOIN product p ON p.id = v.product " +
		"WHERE l.cart = ? AND p.published = 1 ORDER BY l.position");
	const categoriesOf = db.prepare("SELECT name FROM product_category " +
		"WHERE product = ? ORDER BY position").pluck();
	const methods = db.prepare("SELECT code, name, price, free_from " +
		"FROM shipping_method ORDER BY position");
	const rule = db.prepare("SELECT code, kind, value, minimum " +
		"FROM discount WHERE code = ?");
	const takeCart = db.prepare("UPDATE cart SET revision = revision + 1, " +
		"changed_at = ? WHERE id = ? AND revision = ?");
	const emptyCart = db.prepare("DELETE FROM cart_line WHERE cart = ?");
	const dropAdded = db.prepare("DELETE FROM cart_added WHERE cart = ?");
	const addOrder = db.prepare("INSERT INTO orders (id, session, key, " +
		"body_hash, time, currency, status, email, phone, " +
		"shipping_address, billing_address, shipping_name, discount_code, " +
		"subtotal, discount, shipping, total) VALUES (?, ?, ?, ?, ?, " +
		"'USD', 'placed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	const takeStock = db.prepare("UPDATE variant SET stock = stock - ? " +
		"WHERE id = ? AND (oversell = 1 OR stock >= ?)");
	const addLine = db.prepare("INSERT INTO order_line (orders, line, " +
		"variant, product, handle, title, variant_name, sku, vendor, " +
		"image, categories, price, quantity) " +
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	const addEvent = db.prepare("INSERT INTO klaviyo_outbox (id, kind, " +
		"lane, profile, event, created_at, due_at) " +
		"VALUES (?, 'event', 0, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");
	const identify = db.prepare("UPDATE session SET email = ?, phone = ?, " +
		"first_name = ?, last_name = ? WHERE id = ?");

	const fullAt = db.prepare("SELECT full_at FROM throttle WHERE key = ?")
		.pluck();
	const count = db.prepare("INSERT INTO throttle (key, full_at) " +
		"VALUES (@key, @now + @each) ON CONFLICT (key) DO UPDATE SET " +
		"full_at = MAX(throttle.full_at, @now) + @each " +
		"WHERE throttle.full_at <= @most");

	/* [code, amount, whether the delivery is free] */
	function amountOff(typed, subtotal) {
		const code = typed.replace(/\s+/g, "").toUpperCase();
		if (code === "")
			return ["", 0, false];
		const r = rule.get(code);
		if (r === undefined || subtotal < r.minimum)
			throw new Refused(422, "discount");
		return r.kind === "percent"
			? [code, Math.floor(subtotal * r.value / 100), false]
			: r.kind === "amount"
				? [code, Math.min(r.value, subtotal), false]
				: [code, 0, true];
	}

	/* Sums and addresses, from the cart and the form. */
	function orderOf(form, posted, session, cart, lines) {
		const subtotal = lines.reduce((n, l) => n + l.price * l.quantity, 0);
		const method = methods.all().find(m => m.code === form.shipping);
		if (method === undefined)
			throw new Refused(422, "shipping");
		const shipping = method.free_from !== null &&
			subtotal >= method.free_from ? 0 : method.price;
		let [code, discount, free] = amountOff(form.discount, subtotal);
		if (free)
			discount = shipping;
		const part = prefix => Object.fromEntries(ADDRESS.map(name =>
			[name, form[prefix + name]]));
		const ship = part("");
		return { id: randomId(), time: Math.floor(Date.now() / 1000),
			revision: cart.revision, email: form.email, phone: form.phone,
			first_name: form.first_name, last_name: form.last_name,
			method: method.name, code, subtotal, discount, shipping,
			total: subtotal + shipping - discount, ship,
			home: posted.has("billing_same") ? ship : part("billing_") };
	}

	const place = db.transaction((o, lines, session, key, hash, events,
		bucket) => {
		if (byKey.get(key) !== undefined ||
				takeCart.run(o.time, session.cart, o.revision)
					.changes !== 1)
			throw new Refused(409, "changed");
		emptyCart.run(session.cart);
		dropAdded.run(session.cart);
		addOrder.run(o.id, session.id, key, hash, o.time, o.email, o.phone,
			ADDRESS.map(name => o.ship[name]).join("\n"),
			ADDRESS.map(name => o.home[name]).join("\n"), o.method,
			o.code, o.subtotal, o.discount, o.shipping, o.total);
		lines.forEach((l, n) => {
			if (takeStock.run(l.quantity, l.id, l.quantity)
					.changes !== 1)
				throw new Refused(409, "sold out");
			addLine.run(o.id, n + 1, l.id, l.product, l.handle, l.title,
				l.name, l.sku, l.vendor, l.image,
				l.categories.join("\n"), l.price, l.quantity);
		});
		for (const [id, profile, event] of events)
			addEvent.run(id, profile, event, o.time, o.time);
		identify.run(o.email, o.phone, o.first_name, o.last_name,
			session.id);
		/* Orders of an address are counted: twenty, then one in six
		   minutes. */
		if (count.run({ key: bucket, now: o.time, each: EACH,
			most: o.time + (BURST - 1) * EACH }).changes !== 1)
			throw new Refused(429, "often");
	}).immediate;

	/* The order's id. */
	function order(request) {
		const posted = request.body, session = shop.session(request);
		const key = posted.get("key") || "";
		if (!session || posted.get("token") !== shop.mac("form", session.id))
			throw new Refused(403, "stale");
		const revision = /^[0-9a-z]{26}-([0-9]+)$/.exec(key);
		if (revision === null)
			throw new Refused(409, "key");
		const form = readForm(posted);
		const hash = shop.b64(crypto.createHash("sha256")
			.update(FIELDS.map(name => form[name]).join("\0")).digest());
		const before = byKey.get(key);
		if (before !== undefined && before.body_hash !== hash)
			throw new Refused(409, "used");
		if (before !== undefined)
			return before.id;
		const cart = cartOf.get(session.cart);
		const lines = linesOf.all(session.cart);
		if (lines.length === 0 || cart.revision !== Number(revision[1]))
			throw new Refused(409, "cart");
		for (const line of lines)
			line.categories = categoriesOf.all(line.product);
		const o = orderOf(form, posted, session, cart, lines);
		const bucket = shop.mac("throttle order", o.email.toLowerCase());
		if (fullAt.get(bucket) > o.time + (BURST - 1) * EACH)
			throw new Refused(429, "often");
		place(o, lines, session, key, hash, eventsOf(URL, o, lines), bucket);
		return o.id;
	}

	return (request, reply) => {
		reply.header("Cache-Control", "private, no-store");
		try {
			const id = order(request);
			reply.header("Location", `${URL}/orders/${id}`);
			reply.header("X-Content-Type-Options", "nosniff");
			reply.header("Referrer-Policy",
				"strict-origin-when-cross-origin");
			return reply.code(303).send();
		} catch (error) {
			return reply.code(error.status || 503).send(error.message);
		}
	};
};
