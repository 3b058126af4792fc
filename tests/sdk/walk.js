/*
 * walk.js - Klaviyo's own SDK for Node does all that an integrator does with it.
 *
 *	node walk.js URL STEP..
 *
 * URL is that of klaviyo-sandbox, in place of https://a.klaviyo.com.  Prints
 * one line of JSON a step: its name, the status, and the SDK's own reading of
 * the answer, or of the refusal.  test_sdk.py says what they should be.
 */
"use strict";
const {
	AccountsApi, ApiKeySession, CatalogsApi, EventsApi, MetricsApi,
	ProfilesApi, RetryWithExponentialBackoff,
} = require("klaviyo-api");

const [url, ...asked] = process.argv.slice(2);
/* Tries again after a 429 and a 5xx, as it does by itself, but sooner. */
const again = new RetryWithExponentialBackoff({ numRetries: 4, maxInterval: 1 });
again.baseInterval = 0.01;
const session = new ApiKeySession("pk_sandbox", again);
const at = api => Object.assign(api, { basePath: url });
const accounts = at(new AccountsApi(session));
const catalogs = at(new CatalogsApi(session));
const events = at(new EventsApi(session));
const metrics = at(new MetricsApi(session));
const profiles = at(new ProfilesApi(session));

const SARAH = "sarah.mason@klaviyo-demo.com";
const ITEM = {
	ProductID: "1111", SKU: "WINNIE", ProductName: "Winnie the Pooh",
	Quantity: 1, ItemPrice: 9.99, RowTotal: 9.99,
	ProductURL: "https://shop.klaviyo-demo.com/products/winnie",
	ImageURL: "https://shop.klaviyo-demo.com/winnie.png",
	Categories: ["Fiction", "Children"],
};
const ADDRESS = {
	FirstName: "Sarah", LastName: "Mason", Address1: "123 Abc St",
	City: "Boston", Region: "Massachusetts", RegionCode: "MA",
	Country: "United States", CountryCode: "US", Zip: "02110",
	Phone: "+15005550006",
};
const ORDER = {
	OrderId: "1234", Categories: ["Fiction", "Children"],
	ItemNames: ["Winnie the Pooh"], DiscountCode: "FREE", DiscountValue: 1,
	Brands: ["Kids Books"], Items: [{ ...ITEM, Brand: "Kids Books" }],
	BillingAddress: ADDRESS, ShippingAddress: ADDRESS,
};
const profile = attributes => ({ data: { type: "profile", attributes } });
const sarah = () => profile({
	email: SARAH, phoneNumber: "+15005550006", firstName: "Sarah",
	lastName: "Mason", externalId: "customer-1",
});

function attributes(name, properties, uniqueId) {
	return {
		properties, uniqueId, value: 9.99, valueCurrency: "USD",
		time: new Date("2026-07-01T12:00:00Z"),
		metric: { data: { type: "metric", attributes: { name } } },
	};
}

function send(name, properties, uniqueId, who = sarah()) {
	return events.createEvent({ data: { type: "event", attributes: {
		...attributes(name, properties, uniqueId), profile: who } } });
}

function bulk(n) {
	const data = Array.from({ length: n }, (_, i) => ({
		type: "event",
		attributes: attributes("Ordered Product",
			{ ...ITEM, OrderId: "1234" }, `1234:${i}`),
	}));
	return events.bulkCreateEvents({ data: {
		type: "event-bulk-create-job",
		attributes: { eventsBulkCreate: { data: [{
			type: "event-bulk-create",
			attributes: { profile: sarah(), events: { data } },
		}] } } } });
}

function consent(word) {
	const one = {
		type: "profile",
		attributes: { email: SARAH, subscriptions: {
			email: { marketing: { consent: word } } } },
	};
	return data => ({ data: { type: data,
		attributes: { profiles: { data: [one] } } } });
}

/* Every page of what Klaviyo holds of a metric. */
async function held(name) {
	const all = (await metrics.getMetrics()).body.data;
	const { id } = all.find(metric => metric.attributes.name === name);
	const ids = [];
	let pageCursor, last;

	do {
		last = await events.getEvents({ pageCursor, pageSize: 2,
			filter: `equals(metric_id,"${id}")`, sort: "datetime" });
		for (const event of last.body.data)
			ids.push(event.attributes.eventProperties.$event_id);
		const next = last.body.links.next;
		pageCursor = next &&
			new URL(next).searchParams.get("page[cursor]");
	} while (pageCursor);
	return { response: last.response, body: ids };
}

async function renamed() {
	const found = await profiles.getProfiles(
		{ filter: `equals(email,"${SARAH}")` });
	const { id } = found.body.data[0];

	return profiles.updateProfile(id, { data: { type: "profile", id,
		attributes: { email: "sarah@klaviyo-demo.com" } } });
}

async function catalogue() {
	const job = await catalogs.bulkCreateCatalogItems({ data: {
		type: "catalog-item-bulk-create-job",
		attributes: { items: { data: [{
			type: "catalog-item",
			attributes: {
				externalId: "1111", integrationType: "$custom",
				catalogType: "$default", title: "Winnie the Pooh",
				description: "A bear", url: ITEM.ProductURL,
				price: 9.99, published: true,
			},
		}] } } } });
	let state;

	do
		state = await catalogs.getBulkCreateCatalogItemsJob(
			job.body.data.id);
	while (state.body.data.attributes.status !== "complete");
	return catalogs.getCatalogItems();
}

const STEPS = {
	account: () => accounts.getAccounts(),
	placed: () => send("Placed Order", ORDER, "1234"),
	placedAgain: () => send("Placed Order", ORDER, "1234"),
	misspelled: () => {
		const { OrderId, ...rest } = ORDER;

		return send("Fulfilled Order", { ...rest, OrderID: OrderId },
			"1234:f1");
	},
	incomplete: () => send("Shipping Update", { OrderId: "1234" }, "1234:s1"),
	otherName: () => send("Place Order", ORDER, "1235"),
	nobody: () => send("Placed Order", ORDER, "1236", profile({})),
	demoAddress: () => send("Placed Order", ORDER, "1237",
		profile({ email: "somebody@example.com" })),
	bulk: () => bulk(5),
	held: () => held("Ordered Product"),
	renamed,
	subscribed: () => profiles.bulkSubscribeProfiles(consent("SUBSCRIBED")(
		"profile-subscription-bulk-create-job")),
	unsubscribed: () => profiles.bulkUnsubscribeProfiles(consent("UNSUBSCRIBED")(
		"profile-subscription-bulk-delete-job")),
	catalogue,
};

async function main() {
	for (const step of asked) {
		const told = { step };

		try {
			const { response, body } = await STEPS[step]();
			told.status = response.status;
			told.body = body;
		} catch (error) {
			if (!error.response)
				throw error;
			told.status = error.response.status;
			told.errors = error.response.data.errors;
		}
		console.log(JSON.stringify(told));
	}
}

main().catch(error => {
	console.error(error);
	process.exit(1);
});
