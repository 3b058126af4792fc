/*
 * klaviyo.h - the public contract of libklaviyo.
 *
 * libklaviyo turns a shop's own data into what Klaviyo's guide "Integrate an
 * ecommerce platform without a pre-built Klaviyo integration" asks for: JSON
 * for the browser snippets, and rows in an outbox table that a delivery worker
 * posts to Klaviyo's API.  It knows Klaviyo; it knows no shop, no web server
 * and no template engine.
 *
 * Rules that hold for every function here:
 *
 * - Strings are UTF-8, NUL-terminated and borrowed for the call.  NULL and ""
 *   both mean "not known" and the property is left out.  Invalid UTF-8 is an
 *   error, never sent.
 * - A returned char * is the caller's to free().
 * - Money is int64_t in the currency's minor unit (cents for USD, yen for JPY,
 *   fils for KWD).  Zero means "not known" and is left out: Klaviyo treats a
 *   property of 0 as never set.
 * - Times are int64_t seconds since the Unix epoch.  `now` is an argument:
 *   CLOCK_REALTIME's, by which delivery is noted; time() is up to a tick behind.
 * - Functions return 0 or a pointer on success and -1 or NULL on failure;
 *   klaviyo_error() then says in one line what was wrong.  Nothing is printed,
 *   nothing exits, no thread is started, no signal is touched.
 * - Any function may be called from any thread.  A struct klaviyo and a
 *   connection belong to one thread at a time.
 */
#ifndef KLAVIYO_H
#define KLAVIYO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KLAVIYO_API __attribute__((visibility("default")))
#else
#define KLAVIYO_API
#endif

/* The API revision that requests carry unless the options name another. */
#define KLAVIYO_REVISION "2026-07-15"

/*
 * The text of this thread's last error; "" when there was none.  Valid until
 * the next call into the library on the same thread.
 */
KLAVIYO_API const char *klaviyo_error(void);

/*
 * 1: that error lay in the store or in memory, and the same call may succeed
 * later; 0: it lay in what was given.
 */
KLAVIYO_API int klaviyo_error_passes(void);

/* ------------------------------------------------------------------ values */

/* Where a person lives: profile location (guide: "location object"). */
struct klaviyo_location {
	const char *address1, *address2, *city, *region, *country, *zip;
	const char *timezone; /* IANA name, "Europe/Berlin" */
};

/*
 * A person.  At least one identifier must be known for a server event: id,
 * email, phone_number, external_id, anonymous_id or exchange_id.  Give only
 * identifiers that are really known (guide: "Placed Order", note).
 */
struct klaviyo_profile {
	const char *id;           /* Klaviyo's own profile id */
	const char *email;        /* at most 100 bytes, one @; a bad one is
	                             left out if another identifier is left,
	                             else an error.  Klaviyo takes addresses
	                             @example.com and @test.com, and drops
	                             their events without a word */
	const char *phone_number; /* E.164, "+15005550006"; anything else is
	                             left out, and the event still goes */
	const char *external_id;  /* the shop's customer id */
	const char *anonymous_id;
	const char *exchange_id;  /* _kx: from klaviyo_exchange_id() */
	const char *first_name, *last_name, *organization, *title, *locale;
	struct klaviyo_location location;
	const char *properties;   /* custom properties: a JSON object; 0, ""
	                             and null are sent, null clears */
};

/* A product as a visitor sees it, or one line of a cart or an order (guide:
   "Viewed Product Tracking Snippet", "Ordered Product", items of the others). */
struct klaviyo_item {
	const char *product_id;   /* equal to the id in the catalog feed */
	const char *sku;
	const char *name;
	const char *brand;
	const char *url;          /* absolute */
	const char *image_url;    /* absolute; PNG or JPEG for e-mails */
	const char *const *categories;
	size_t ncategories;
	int64_t price;            /* of one, minor units */
	int64_t compare_at_price; /* the price struck through; 0 = none */
	int quantity;             /* of a line; ignored for a view */
	const char *line;         /* of an order line: its id within the order,
	                             NULL = its position, counted from 1 */
};

/* A cart (guide: "Added to Cart", "Started Checkout"). */
struct klaviyo_cart {
	const char *id;           /* stable for the cart's life */
	int64_t revision;         /* grows by one with every change */
	int64_t changed_at;       /* time of the last change */
	const char *currency;     /* ISO 4217 */
	int64_t value;            /* total of the cart */
	const char *checkout_url; /* brings this cart back; absolute */
	const struct klaviyo_item *items;
	size_t nitems;
};

/* A postal address of an order (guide: "Placed Order": where the bill and the
   goods go to).  ${country_code} and ${region_code} as ISO 3166 has them. */
struct klaviyo_address {
	const char *first_name, *last_name, *company;
	const char *address1, *address2, *city, *region, *region_code;
	const char *country, *country_code, *zip, *phone;
};

/*
 * An order (guide: "Placed Order", "Ordered Product").  `id` is the order's
 * and must be random, never a counter: after a restored backup a counter
 * reissues ids, and Klaviyo would swallow the new orders as duplicates.
 */
struct klaviyo_order {
	const char *id;
	int64_t time;             /* when the order was placed */
	const char *currency;     /* ISO 4217 */
	int64_t total;            /* what the customer pays: the event's value */
	const char *discount_code;
	int64_t discount;         /* minor units; 0 = none */
	const char *shipping_method;
	const struct klaviyo_item *items;
	size_t nitems;
	struct klaviyo_address billing, shipping;
	struct klaviyo_profile profile;
};

/* Some units of one of an order's items. */
struct klaviyo_part {
	size_t item;  /* index into the order's items */
	int quantity; /* 1 up to that item's */
};

/*
 * What happened to an order after it was placed, or before it could be (guide:
 * "Fulfilled Order, Canceled Order, and Refunded Order", "Shipping
 * Notifications", "Created Invoice", "Failed Payment").  What does not apply
 * stays NULL or 0.
 */
struct klaviyo_change {
	const char *id;           /* within the order; see
	                             klaviyo_queue_change() */
	int64_t time;             /* when it happened */
	int64_t value;            /* minor units; 0 = of the parts, or the
	                             order's total */
	const struct klaviyo_part *parts; /* none = the whole order */
	size_t nparts;
	const char *reason;       /* of a cancellation or refund */
	const char *tracking_number, *tracking_url, *tracking_company;
	const char *update_type;  /* Shipping Update: "Shipped", "Out for
	                             delivery", "Delivered" */
	const char *payment_failure, *next_steps; /* Failed Payment */
	const char *const *missing; /* Created Invoice: what is missing */
	size_t nmissing;
};

/* The metrics of the guide.  Klaviyo's spelling: klaviyo_metric_name(). */
enum klaviyo_metric {
	KLAVIYO_VIEWED_PRODUCT,
	KLAVIYO_ADDED_TO_CART,
	KLAVIYO_STARTED_CHECKOUT,
	KLAVIYO_PLACED_ORDER,
	KLAVIYO_ORDERED_PRODUCT,
	/* of klaviyo_queue_change() */
	KLAVIYO_FULFILLED_ORDER,
	KLAVIYO_CANCELED_ORDER,
	KLAVIYO_REFUNDED_ORDER,
	KLAVIYO_SHIPPING_UPDATE,
	KLAVIYO_CREATED_INVOICE,
	KLAVIYO_FAILED_PAYMENT,
	/* of klaviyo_queue_account(), klaviyo_queue_reset() */
	KLAVIYO_CREATED_ACCOUNT,
	KLAVIYO_UPDATED_ACCOUNT,
	KLAVIYO_RESET_PASSWORD,
	/* of klaviyo_queue_lead() */
	KLAVIYO_BECAME_LEAD,
	KLAVIYO_NEW_LEAD,
	KLAVIYO_METRICS /* how many there are */
};
/* Static text; NULL for what is no metric. */
KLAVIYO_API const char *klaviyo_metric_name(enum klaviyo_metric metric);

/* ---------------------------------------------------------------- snippets */
/*
 * Browser payloads: each returns one JSON object as text, safe to print inside
 * a <script> element (no <, >, &, U+2028 or U+2029 in it) and safe to parse.
 * The partials in templates/klaviyo/ show where each goes.
 */

/* For klaviyo.identify() (guide: "Identify People"): the known visitor.  Needs
   email, phone_number, external_id or id.  A custom property may not be named as one of Klaviyo's
   own (email, id, first_name.., or anything with a leading $). */
KLAVIYO_API char *klaviyo_identify(const struct klaviyo_profile *profile);

/* For klaviyo.track("Viewed Product", ..) (guide: "Viewed Product Tracking
   Snippet").  ${currency} is that of the prices. */
KLAVIYO_API char *klaviyo_viewed_product(
    const struct klaviyo_item *item, const char *currency);

/* For klaviyo.trackViewedItem(..) (guide: the same snippet): the recently viewed
   items.  Needs product_id. */
KLAVIYO_API char *klaviyo_viewed_item(
    const struct klaviyo_item *item, const char *currency);

/*
 * For klaviyo.track("Added to Cart", ..) (guide: "Added to Cart Tracking
 * Snippet"): ${cart} as it is after the change, of which ${quantity} of
 * items[${added}] were just added; an error if there is no such item.  $event_id is
 * cart:revision, so a repeated report is dropped by Klaviyo.
 */
KLAVIYO_API char *klaviyo_added_to_cart(
    const struct klaviyo_cart *cart, size_t added, int quantity);

/* For klaviyo.track("Started Checkout", ..) (guide: "Started Checkout").
   $event_id is cart_changed_at. */
KLAVIYO_API char *klaviyo_started_checkout(const struct klaviyo_cart *cart);

/*
 * Any JSON text, made safe to print inside a <script> element.  The value is
 * the same.  NULL if ${json} is not JSON.
 */
KLAVIYO_API char *klaviyo_script_json(const char *json);

/* Any UTF-8 text as one JSON string, safe to print inside a <script>. */
KLAVIYO_API char *klaviyo_script_string(const char *text);

/*
 * The address of klaviyo.js for a public API key (guide: "Active on Site
 * Tracking Snippet"), as text, fit for an attribute of HTML.  ${base} is
 * "https://static.klaviyo.com" or a stand-in's address, NULL for the former.
 * Refuses a key that is not 4 to 12 letters and digits.
 */
KLAVIYO_API char *klaviyo_script_url(const char *base, const char *public_key);

/*
 * The visitor's exchange id (_kx) from the value of the __kla_id cookie, or
 * NULL.  The cookie is the visitor's to forge: of it only $exchange_id is
 * taken, never an address.
 */
KLAVIYO_API char *klaviyo_exchange_id(const char *cookie);

/* An amount as decimal text: 2998 "USD" is "29.98", 2998 "JPY" is "2998". */
KLAVIYO_API char *klaviyo_money(int64_t amount, const char *currency);

/* The number of decimals of a currency's minor unit: 2 for USD, 0 for JPY, 3
   for KWD; -1 for a text that is not three capital letters. */
KLAVIYO_API int klaviyo_exponent(const char *currency);

/* Whether a phone number is E.164 as Klaviyo takes it. */
KLAVIYO_API int klaviyo_phone_ok(const char *phone_number);

/* ------------------------------------------------------------ catalog feed */
/*
 * The custom catalog feed (guide: "Catalog Feed Integration"): a file that
 * Klaviyo fetches about every six hours, flat, one item a product.
 */
enum klaviyo_feed_format { KLAVIYO_FEED_JSON, KLAVIYO_FEED_XML };

struct klaviyo_feed_item {
	const char *id;          /* equal to product_id in events */
	const char *title, *link, *description, *image_link; /* not blank */
	int64_t price;           /* minor units of ${currency} */
	const char *currency;
	const char *const *categories;
	size_t ncategories;
	int64_t inventory_quantity;
	int inventory_policy;    /* 1: not recommended when out of stock; 0 and
	                            2: shown all the same */
};
/* Takes a piece of the feed; non-zero ends it. */
typedef int klaviyo_write(void *arg, const char *data, size_t n);

struct klaviyo_feed;
/* Begins a feed; NULL on failure.  Memory is 64 KiB, however long it gets. */
KLAVIYO_API struct klaviyo_feed *klaviyo_feed_new(
    enum klaviyo_feed_format format, klaviyo_write *write, void *arg);
/* 0; 1 if the item may not be in a feed (klaviyo_error() says why) and was left
   out; -1 when ${write} failed. */
KLAVIYO_API int klaviyo_feed_add(
    struct klaviyo_feed *feed, const struct klaviyo_feed_item *item);
/* Ends and frees it, also after a failure.  The number of items, or -1. */
KLAVIYO_API int64_t klaviyo_feed_end(struct klaviyo_feed *feed);

/* ------------------------------------------------------------- Catalog API */
/*
 * The other way than the feed, never beside it (guide: "Catalog Feed
 * Integration", note): the host tells Klaviyo what has changed, in jobs of up to
 * 100 items or variants.  Items are created before their variants, and deleted
 * after them.  These functions make the bodies and read the answers;
 * klaviyo_ask() sends them.
 */
#define KLAVIYO_CATALOG_JOB 100 /* entries of one job */
#define KLAVIYO_CATALOG_JOBS 500 /* jobs that may be in progress */

enum klaviyo_catalog_kind { KLAVIYO_CATALOG_ITEM, KLAVIYO_CATALOG_VARIANT };
enum klaviyo_catalog_step {
	KLAVIYO_CATALOG_CREATE,
	KLAVIYO_CATALOG_UPDATE,
	KLAVIYO_CATALOG_DELETE
};

struct klaviyo_catalog_item {
	const char *id;           /* equal to product_id in events */
	const char *title, *description, *url; /* not blank */
	const char *image_url;    /* absolute; NULL = none */
	int64_t price;            /* minor units of ${currency}; may be 0 */
	const char *currency;
	const char *brand;
	const char *const *categories;
	size_t ncategories;
	int published;            /* 0: kept, and shown nowhere */
};

struct klaviyo_catalog_variant {
	const char *id;           /* stable, unique among all variants */
	const char *item;         /* its item's id */
	const char *title, *description, *url; /* not blank */
	const char *sku;          /* NULL = the id: Klaviyo wants one */
	const char *image_url;
	int64_t price;
	const char *currency;
	int64_t inventory_quantity;
	int inventory_policy;     /* 1: not recommended when out of stock; 0 and
	                             2: shown all the same */
	int published;
};

/* One entry of a job as JSON: whole, so that an update leaves nothing of what
   was there before.  Of a deletion only the id matters. */
KLAVIYO_API char *klaviyo_catalog_item(const struct klaviyo_catalog_item *item,
    enum klaviyo_catalog_step step);
KLAVIYO_API char *klaviyo_catalog_variant(
    const struct klaviyo_catalog_variant *variant,
    enum klaviyo_catalog_step step);

/* Where a job is posted, "/api/..", static text; and the body of one of ${n}
   entries, at most KLAVIYO_CATALOG_JOB and 5 MB. */
KLAVIYO_API const char *klaviyo_catalog_path(
    enum klaviyo_catalog_kind kind, enum klaviyo_catalog_step step);
KLAVIYO_API char *klaviyo_catalog_job(enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *const entry[], size_t n);

/* What Klaviyo says of a job. */
struct klaviyo_catalog_job {
	char path[512];          /* where to ask for it again */
	int done;                /* 1; 0: in progress; -1: cancelled */
	int64_t failed;          /* entries */
};
enum klaviyo_catalog_fault {
	KLAVIYO_CATALOG_UNCLEAR,
	KLAVIYO_CATALOG_INVALID, /* the entry itself: it will not do better */
	KLAVIYO_CATALOG_EXISTS,  /* created already: update it */
	KLAVIYO_CATALOG_MISSING  /* not there: create it, or it is deleted */
};
/* ${entry} counts from 0; -1 when Klaviyo does not say which.  Not 0 ends it. */
typedef int klaviyo_catalog_error(void *arg, long entry,
    enum klaviyo_catalog_fault fault, const char *words);
/* Reads the answer to a job that was posted or asked for; calls ${each} for
   every error in it. */
KLAVIYO_API int klaviyo_catalog_answer(enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *body,
    struct klaviyo_catalog_job *job, klaviyo_catalog_error *each, void *arg);

/* ------------------------------------------------------------------- store */
/*
 * The one seam: a function that runs one SQL statement on the host's
 * connection, inside the host's transaction.  ${arg} are ${n} text parameters
 * for $1..$n (NULL is SQL's NULL); ${row}, when not NULL, is called for each
 * row with its columns as text (NULL for SQL's NULL), borrowed for the call;
 * a non-zero return of it stops the statement and fails it.  The statement is
 * a string literal or lives as long as the connection.  The statements BEGIN,
 * COMMIT and ROLLBACK come through the same function; BEGIN must take the
 * write lock at once (SQLite: BEGIN IMMEDIATE).
 *
 * Returns the number of rows changed or returned, or -1 on failure.
 */
typedef int klaviyo_row(void *rowarg, int n, const char *const col[]);
typedef int64_t klaviyo_sql(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg);

struct klaviyo_store {
	klaviyo_sql *sql;
	void *conn;
	int64_t limit; /* unsent events that the queue may hold; 0 = 1,000,000.
	                  Events of orders are queued beyond it */
	const char *origin; /* of what is queued from now on: the request, say,
	                       that it comes of, by the name that the host's log
	                       has for it; kept with the row, never sent; NULL:
	                       none */
};

/*
 * For ${conn} an sqlite3 *.  Statements stay prepared on the connection;
 * klaviyo_sqlite_finish() drops them, to be called before sqlite3_close().
 * "UPDATE", a space and a comment of nothing but OR FAIL begin what is SQLite's own
 * UPDATE OR FAIL: one that fails is undone by its transaction's end, which a full
 * disk or a lack of memory brings at once.  The library updates many rows so, and
 * rolls back.  In triggers of yours on klaviyo_outbox OR IGNORE and OR REPLACE are
 * OR FAIL then.
 */
KLAVIYO_API int64_t klaviyo_sqlite(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg);
KLAVIYO_API void klaviyo_sqlite_finish(void *conn);

/*
 * For ${conn} a PGconn *, of client encoding UTF8.  BEGIN asks for READ
 * COMMITTED, which is what the library's statements are made for.  Statements
 * stay prepared on the connection and go with it; after PQreset() they are
 * prepared again.  CREATE TABLE and ALTER TABLE are given in SQLite's words,
 * and translated:
 *
 *	INTEGER PRIMARY KEY AUTOINCREMENT   BIGINT GENERATED BY DEFAULT AS
 *	                                    IDENTITY PRIMARY KEY
 *	INTEGER                             BIGINT
 *	) STRICT                            )
 *
 * All rows of a statement are in memory at once.  Notices go to the host's
 * notice receiver.  A host sets idle_in_transaction_session_timeout (20 s) and
 * lock_timeout (5 s): else one that is stopped in the middle of a transaction,
 * or cut off, keeps its locks and nobody can send.  klaviyo_pgsql_state() is
 * the SQLSTATE of the last statement, "" if it did not fail or the server did
 * not say.  A COMMIT that fails without one, or on a connection that is lost
 * (PQstatus), has an unknown outcome.
 */
KLAVIYO_API int64_t klaviyo_pgsql(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg);
KLAVIYO_API const char *klaviyo_pgsql_state(void *conn);

/* ------------------------------------------------------------------ outbox */

/* Creates the tables klaviyo_outbox, klaviyo_sender, klaviyo_lease and
   klaviyo_bound where missing, and gives those of an older library the columns
   that they lack and today's indexes, which reads the outbox once: best while
   nothing else uses it.  Own transaction. */
KLAVIYO_API int klaviyo_outbox_create(const struct klaviyo_store *store);

enum klaviyo_lane {
	KLAVIYO_REALTIME = 0,
	KLAVIYO_HISTORICAL = 1 /* low priority, `backfill`: starts no flow */
};

/*
 * Queues the events of one order inside the host's open transaction: for
 * KLAVIYO_PLACED_ORDER that event and one Ordered Product a line.  All or
 * none: on failure the host's transaction is as it was.  Queueing the same
 * event twice is a no-op.  ${now} is the time of queueing, the row's due time;
 * a historical event is due at its own time, so that the oldest goes first.
 * ${metric} is KLAVIYO_PLACED_ORDER; the order needs an id, a currency and
 * lines of different ids.  Returns 0, -1, or, for a historical order only, 1:
 * not queued, the queue is full, queue it again later.
 *
 * After -1 ask klaviyo_error_passes().  If it does, roll the order back, too,
 * and answer that it could not be placed: committed, it would be an order that
 * Klaviyo never hears of.  If it does not, Klaviyo cannot be told of this order
 * at all, which is for the log, and must not stop it.
 */
KLAVIYO_API int klaviyo_queue_order(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const struct klaviyo_order *order,
    enum klaviyo_lane lane, int64_t now);

/*
 * The same in two steps, for a shop whose orders wait for one another: the
 * texts are most of the work, and are made before the transaction begins and
 * holds its locks.  ${order} needs its id by then, and may be gone after.
 * klaviyo_prepare_order() returns NULL, with klaviyo_error_passes() as above;
 * free what it returns, NULL too, with klaviyo_prepared_free().  It may be
 * queued again, should the transaction have been rolled back, and by another
 * thread.  klaviyo_queue_prepared() returns what klaviyo_queue_order() does.
 */
struct klaviyo_prepared;
KLAVIYO_API struct klaviyo_prepared *klaviyo_prepare_order(
    enum klaviyo_metric metric, const struct klaviyo_order *order,
    enum klaviyo_lane lane, int64_t now);
KLAVIYO_API int klaviyo_queue_prepared(const struct klaviyo_store *store,
    const struct klaviyo_prepared *prepared);
KLAVIYO_API void klaviyo_prepared_free(struct klaviyo_prepared *prepared);

/*
 * Queues one event about an order: what happened to it, and to which part.
 * The unique_id is
 *
 *   Fulfilled Order, Failed Payment    order:id, of a shipment or an attempt
 *   Canceled Order, Refunded Order     order, for the first: Klaviyo takes it
 *                                      off the customer's lifetime value only
 *                                      under the Placed Order's id; order:id
 *                                      for a further one ("c2", "r2")
 *   Shipping Update                    order:id:update_type
 *   Created Invoice                    id, the invoice's
 *
 * with ${change}'s id, which only a first cancellation or refund may lack.
 * Same rules and results as klaviyo_queue_order().
 */
KLAVIYO_API int klaviyo_queue_change(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const struct klaviyo_order *order,
    const struct klaviyo_change *change, enum klaviyo_lane lane, int64_t now);

/*
 * Queues one event about an order for which the guide has no metric, under a
 * name of the shop's own ("Ready for Pickup"): with the properties and the
 * profile of the others, so that a flow's e-mail is made like theirs.  The
 * unique_id is order:id; ${change} needs an id.  A metric of the guide is an
 * error.  Same rules and results as klaviyo_queue_order().
 */
KLAVIYO_API int klaviyo_queue_own_change(const struct klaviyo_store *store,
    const char *metric, const struct klaviyo_order *order,
    const struct klaviyo_change *change, enum klaviyo_lane lane, int64_t now);

/*
 * Queues one event of any metric (guide: "Server-side metrics").
 * ${properties} is a JSON object, NULL for none.  ${value} is in the minor
 * unit of ${currency}; 0 or NULL: no value.  Members of ${properties} that are
 * 0, "", null or empty are left out, its numbers keep their digits.  ${metric}
 * has at most 127 bytes and no slash, ${unique_id} at most 255.  Checked before
 * queueing against Klaviyo's limits, the error naming the path of the field.
 *
 * Returns 0, or 1 if the event was not queued because the queue is full, which
 * is counted (klaviyo_status, refused): browsing and historical events are
 * refused from half the store's limit on, others at the limit, those of an
 * order (Placed Order to Refunded Order, Shipping Update, Created Invoice,
 * Failed Payment) never while they are real time.  A historical one is not
 * counted: whoever queues the past comes again.
 */
KLAVIYO_API int klaviyo_queue_event(const struct klaviyo_store *store,
    const char *metric, const char *unique_id, int64_t time,
    const struct klaviyo_profile *profile, int64_t value, const char *currency,
    const char *properties, enum klaviyo_lane lane, int64_t now);

/* ------------------------------------------------ accounts, leads, consent */
/*
 * All of these run in the host's open transaction and have
 * klaviyo_queue_event()'s results: 0; 1, the queue is full and it was not
 * queued; -1.  Queueing the same id twice is a no-op.
 */

/* One property of a person that was changed (guide: "Updated Account"); a value
   that is "" was, or is now, not set.  A password has no values here, in any form. */
struct klaviyo_updated {
	const char *name;         /* "FirstName" */
	const char *before, *after;
};

/*
 * Created Account or Updated Account (guide: "Account Notifications").
 * ${unique_id} is the account's id or, of an update, account:change.  ${type}
 * and ${updated} are an update's: UpdateType ("Name Update"),
 * UpdatedProperties, OldValues and NewValues.
 */
KLAVIYO_API int klaviyo_queue_account(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const char *unique_id, int64_t time,
    const struct klaviyo_profile *profile, const char *type,
    const struct klaviyo_updated *updated, size_t nupdated, int64_t now);

/*
 * A person's address has changed (guide: "Updated Email"): finds the profile of
 * ${old_email} and gives it ${new_email}.  ${id} is account:change.
 *
 * Until that is done, whatever is queued after it for ${new_email} is held back
 * (15 minutes at most): the first of it would make a second profile.  So it is
 * queued before the Updated Account that it comes with.  If there is no profile
 * of the old address, there is nothing to do.  If the new address is another
 * profile's already (409), both stay as they are and what comes goes to that
 * one: a dead letter says so, for only the operator can tell whether the two
 * are one person, and a merge cannot be undone.
 */
KLAVIYO_API int klaviyo_queue_email(const struct klaviyo_store *store,
    const char *id, const char *old_email, const char *new_email, int64_t now);

/* 1: a klaviyo_queue_email() to this address is not done yet, so that a page
   should not identify its visitor by it; 0: there is none; -1. */
KLAVIYO_API int klaviyo_email_pending(
    const struct klaviyo_store *store, const char *email);

/*
 * Reset Password (guide: "Reset Password").  ${id} is the request's, which is
 * no secret.  The link is not queued: it is asked for when the event is about
 * to be sent (struct klaviyo_options, reset_link), so that no table and no
 * backup has it.  Whoever can read the account at Klaviyo can read the link:
 * it should be valid for less than an hour, and once.
 */
KLAVIYO_API int klaviyo_queue_reset(const struct klaviyo_store *store,
    const char *id, int64_t time, const struct klaviyo_profile *profile,
    int64_t now);

/*
 * A lead (guide: "Became a Lead", "New Lead"): Became Lead on the prospect's
 * profile, and New Lead on the representative's, if that has an identifier.
 */
struct klaviyo_lead {
	const char *id;           /* both events' unique_id */
	int64_t time;
	const char *action;       /* Action, LeadAction: "Contact form" */
	const char *source;       /* MostRecentLeadSource, of the profile */
	const char *phone;        /* as typed: LeadPhoneNumber */
	struct klaviyo_profile prospect, representative;
};
KLAVIYO_API int klaviyo_queue_lead(const struct klaviyo_store *store,
    const struct klaviyo_lead *lead, int64_t now);

/*
 * Somebody has said yes to marketing, or takes it back (Klaviyo: "Subscribe
 * Profiles", "Unsubscribe Profiles").  Only what the person ticked themselves.
 */
struct klaviyo_subscription {
	const char *id;           /* of this consent, unique for ever */
	const char *email;        /* NULL: not by e-mail */
	const char *phone_number; /* E.164; NULL: not by SMS.  A bad one is an
	                             error: consent for nobody is none */
	const char *list;         /* a list's id; NULL: the account's default */
	const char *source;       /* "Checkout"; not with an unsubscription */
	int unsubscribe;
};
KLAVIYO_API int klaviyo_queue_subscription(const struct klaviyo_store *store,
    const struct klaviyo_subscription *subscription, int64_t now);

/* Tell ${profile} (by e-mail) when a sold-out article is there again: Klaviyo's
   "Create Back In Stock Subscription".  ${variant} is the id that the catalog
   item's variant has at Klaviyo, without its prefix "$custom:::$default:::". */
KLAVIYO_API int klaviyo_queue_back_in_stock(const struct klaviyo_store *store,
    const char *id, const struct klaviyo_profile *profile, const char *variant,
    int64_t now);

/* ------------------------------------------------ onsite events by the server */
/*
 * The browser's events, sent by the server for a visitor who is identified
 * (guide: "Server-side", of Viewed Product, Added to Cart and Started
 * Checkout), for ad blockers.  Never both sides for one event: their ids are
 * not deduped against each other.  The properties are the snippets'; $event_id
 * becomes the unique_id.  They are LOW: the first to be refused when the queue
 * is full.  Results as above.
 */
KLAVIYO_API int klaviyo_queue_viewed_product(const struct klaviyo_store *store,
    const char *unique_id, int64_t time, const struct klaviyo_profile *profile,
    const struct klaviyo_item *item, const char *currency, int64_t now);
KLAVIYO_API int klaviyo_queue_added_to_cart(const struct klaviyo_store *store,
    int64_t time, const struct klaviyo_profile *profile,
    const struct klaviyo_cart *cart, size_t added, int quantity, int64_t now);
KLAVIYO_API int klaviyo_queue_started_checkout(
    const struct klaviyo_store *store, int64_t time,
    const struct klaviyo_profile *profile, const struct klaviyo_cart *cart,
    int64_t now);

/* A cart has become an order: what is unsent of the two events above of the
   cart ${cart} is dropped, in the host's transaction, so that none follows
   Placed Order, a dead letter by a later retry neither.  Returns how many,
   or -1. */
KLAVIYO_API int64_t klaviyo_drop_cart(
    const struct klaviyo_store *store, const char *cart);

/* What one row of the outbox is; strings are borrowed for the call. */
struct klaviyo_entry {
	const char *id;      /* "Metric/unique_id" */
	const char *state;   /* waiting, claimed, sent, dead or dropped */
	int lane;
	int64_t created_at, due_at, sent_at; /* 0 = none */
	int attempts;
	const char *error;   /* Klaviyo's words on the last attempt, or NULL */
	const char *profile; /* JSON, "" once sent */
	const char *event;   /* JSON, "" once sent */
	const char *kind;    /* "event"; "reset", one that lacks its link;
	                        "email", an address that has changed, the new
	                        one in ${event}; "subscription",
	                        "unsubscription", "back-in-stock" */
	const char *origin;  /* its store's when it was queued, or NULL */
};
typedef int klaviyo_each(void *arg, const struct klaviyo_entry *entry);

/* Calls ${each} for entries, oldest first: of one ${state}, or all for NULL;
   of the one ${id}, or all for NULL; at most ${limit}. */
KLAVIYO_API int klaviyo_outbox_list(const struct klaviyo_store *store,
    const char *state, const char *id, int64_t now, int limit,
    klaviyo_each *each, void *arg);

/* The body of its POST /api/events, byte for byte; of kind "event", and not
   emptied yet. */
KLAVIYO_API char *klaviyo_entry_body(const struct klaviyo_entry *entry);

/*
 * Klaviyo turns out not to hold an event: queues ${entry}, which a
 * klaviyo_queue_..() has made in another store (in memory, say), in place of
 * the sent one of its id.  In the host's open transaction.  Returns 1; 0: one
 * of its id waits, is dead or was dropped, and stays so; -1.
 */
KLAVIYO_API int klaviyo_requeue(const struct klaviyo_store *store,
    const struct klaviyo_entry *entry, int64_t now);

/*
 * Try again now, because the cause is mended: makes dead entries, and those
 * that wait for another attempt, due: the one ${id}, or all for NULL.  For all,
 * a pause ends too: the next pass sends one event to see.  Returns how many
 * entries, or -1.
 */
KLAVIYO_API int64_t klaviyo_outbox_retry(
    const struct klaviyo_store *store, const char *id, int64_t now);

/*
 * Ends a dead entry, or one that waits: it is not sent, its body is emptied,
 * its id stays taken.  The one ${id}, or all dead ones for NULL.  An entry that
 * is being sent is left alone.  Returns how many, or -1.
 */
KLAVIYO_API int64_t klaviyo_outbox_drop(
    const struct klaviyo_store *store, const char *id, int64_t now);

/*
 * Deletes up to ${max} entries that were sent, or queued and then dropped,
 * before the time ${before}: their ids may be queued again.  Klaviyo itself
 * still knows them.  Own transaction; returns how many, or -1.
 */
KLAVIYO_API int64_t klaviyo_outbox_prune(
    const struct klaviyo_store *store, int64_t before, int max);

/*
 * Empties what the outbox still holds of a person: every unsent entry whose
 * profile has one of the identifiers of ${who} (compared without case; a phone
 * number as E.164) becomes a dropped one, even while it is being sent; so does
 * an Updated Email from or to their address.  It does
 * not look for other identifiers of the same person, nor for the person in
 * others' events: give each identifier that is known.  Sent entries hold
 * nothing of anybody.  What Klaviyo holds is erased there (its Data Privacy
 * API).  The bytes go from an SQLite file with PRAGMA secure_delete=ON, from
 * its -wal when that is written over or closed, from PostgreSQL with VACUUM;
 * backups are the host's.  Returns how many entries, or -1.
 */
KLAVIYO_API int64_t klaviyo_outbox_erase(
    const struct klaviyo_store *store, const struct klaviyo_profile *who);

/* Every entry is in one of the five states: their sum is all. */
struct klaviyo_status {
	int64_t waiting, claimed, sent, dead, dropped;
	int64_t refused;         /* never queued: the queue was full */
	int64_t oldest;          /* created_at of the oldest unsent event; 0 */
	int64_t oldest_realtime; /* the same without historical ones */
	int64_t sent_minute;     /* sent in the last 60 s */
	int64_t last_sent;       /* time of the last delivery; 0 = none */
	int64_t paused_until;    /* 0 = not paused */
	char reason[256];        /* why it is paused; "" */
	char sender[96];         /* "web1 pid 1234"; "" = nobody sends */
	int64_t sender_since;    /* since when; 0 */
	int64_t heartbeat;       /* its last sign of life, every 5 s; 0 */
};
KLAVIYO_API int klaviyo_outbox_status(const struct klaviyo_store *store,
    int64_t now, struct klaviyo_status *status);

/* How many unsent events are how old: counts those younger than ${limit}[0]
   seconds, younger than ${limit}[1] .., and all others.  ${limit} rises. */
enum { KLAVIYO_AGES = 5 };
KLAVIYO_API int klaviyo_outbox_ages(const struct klaviyo_store *store,
    int64_t now, const int64_t limit[KLAVIYO_AGES - 1],
    int64_t count[KLAVIYO_AGES]);

/* What went wrong with events that wait for another attempt, or are dead: each
   error once, with how many events have it, most first; at most ${limit}.
   Strings are borrowed for the call; ${each} returns 0 to go on. */
struct klaviyo_trouble {
	const char *state;      /* "waiting" or "dead" */
	const char *error;      /* Klaviyo's words, or the network's */
	int64_t events, oldest; /* how many; created_at of the oldest */
};
typedef int klaviyo_trouble_each(
    void *arg, const struct klaviyo_trouble *trouble);
KLAVIYO_API int klaviyo_outbox_troubles(const struct klaviyo_store *store,
    int limit, klaviyo_trouble_each *each, void *arg);

/* The last hours, for plots: fills ${n} spans of ${step} seconds, the first
   beginning at ${since}.  Of dead and dropped events nothing is known here. */
struct klaviyo_span {
	int64_t begin;
	int64_t queued;  /* in the span; sent since, or still waiting */
	int64_t sent;
	int64_t waiting; /* at the span's end */
	int64_t slowest; /* of those sent, historical ones left out: the
	                    longest time in the queue, in seconds */
};
KLAVIYO_API int klaviyo_outbox_spans(const struct klaviyo_store *store,
    int64_t since, int64_t step, int n, struct klaviyo_span *span);

/* ---------------------------------------------------------------- delivery */

/*
 * Makes the link of the reset request ${id}, *${link} for free(): 1; 0: it is
 * used or has expired, and the event is dropped; -1: not now, the event waits.
 * Called between transactions, on the thread of klaviyo_deliver().
 */
typedef int klaviyo_link(void *arg, const char *id, char **link);

/*
 * How a row that was claimed ended, for the host's log; strings are borrowed
 * for the call, and hold nothing of a person but what the host's unique_id does.
 * Called between transactions, on the thread of klaviyo_deliver(), once that is
 * committed.  A row that the host has dropped or erased meanwhile stays so,
 * whatever is said of it here.
 */
enum klaviyo_outcome {
	KLAVIYO_SENT,
	KLAVIYO_RETRIED,  /* failed, will be tried again at ${due_at} */
	KLAVIYO_DEAD,     /* refused for good */
	KLAVIYO_RELEASED, /* given back untried: no answer is told */
	KLAVIYO_DROPPED   /* ended unsent: a reset that is over */
};
struct klaviyo_settlement {
	const char *id;         /* "Metric/unique_id" */
	const char *origin;     /* its store's when it was queued, or NULL */
	enum klaviyo_outcome outcome;
	int attempts;           /* so far */
	int64_t due_at;         /* 0 = it is over */
	int together;           /* how many rows went in its request; 0 = there
	                           was none */
	long status;            /* HTTP; 0 = there was no answer */
	const char *request_id; /* what Klaviyo calls the request; "" */
};
typedef void klaviyo_settled(
    void *arg, const struct klaviyo_settlement *settlement);

/* How fast requests may go: so many a second and a minute.  Klaviyo's own word
   in its headers lowers it. */
struct klaviyo_rate {
	int second, minute; /* 0 = what Klaviyo allows an account */
};

struct klaviyo_options {
	const char *name;        /* of this sender, for the operator; NULL =
	                            the host's */
	const char *api_url;     /* NULL = "https://a.klaviyo.com"; https, or
	                            http to a loopback address */
	const char *private_key; /* "pk_.."; copied, wiped by klaviyo_free() */
	const char *revision;    /* NULL = KLAVIYO_REVISION */
	const char *ca_file;     /* NULL = the system's */
	const char *user_agent;  /* NULL = "libklaviyo/VERSION" */
	int in_flight;           /* requests at once, up to 256; 0 = 32 */
	int connect_timeout_ms;  /* 0 = 5000 */
	int timeout_ms;          /* of a whole request, up to 60000;
	                            0 = 15000 */
	klaviyo_link *reset_link; /* for klaviyo_queue_reset()'s events; NULL:
	                            they wait for a sender that has one */
	void *link_arg;
	int dry_run;             /* claim nothing, send nothing: only count
	                            what is due, as released; needs no key */
	int ask_once;            /* klaviyo_ask() tries again only after a 429 */
	struct klaviyo_rate events; /* of single events; 0 = 350 and 3500 */
	struct klaviyo_rate jobs;   /* of bulk requests, of up to a thousand
	                               events each; 0 = 10 and 150; below 0 =
	                               none: all events go one by one */
	klaviyo_settled *settled; /* NULL: nobody is told */
	void *settled_arg;
};

struct klaviyo; /* a sender: connections, pacer, key; not to be shared with a
                   forked child */
/* NULL when an option is wrong, or memory is short.  The options are copied;
   klaviyo_free() takes NULL, too. */
KLAVIYO_API struct klaviyo *klaviyo_new(const struct klaviyo_options *options);
KLAVIYO_API void klaviyo_free(struct klaviyo *klaviyo);

/* What a pass did.  claimed = sent + retried + dead + released + dropped. */
struct klaviyo_tally {
	int64_t claimed;
	int64_t sent;
	int64_t retried;   /* failed, will be tried again */
	int64_t dead;      /* refused for good */
	int64_t released;  /* given back untried, no attempt used */
	int64_t wait_ms;   /* nothing may be sent for so long: sleep.  0: pass
	                      again, at once if anything was claimed */
	int standby;       /* 1: another sender is the active one */
	char reason[256];  /* why the queue pauses or waits; "" */
	int64_t dropped;   /* ended unsent: a reset that is over */
};

/*
 * Of all senders on one outbox, on however many hosts, one is active: it holds
 * a lease of 30 s (longer for a longer timeout) and renews it in every pass, so
 * passes must follow each other within seconds.  The pass of any other claims
 * nothing and says so: standby.  When the active sender ends without
 * klaviyo_leave(), another takes over as soon as the lease is over, or, on the
 * same host, as soon as its process is gone.  One that cannot reach Klaviyo, or
 * whose key is refused, gives up the lease for the time being, so that another
 * may try.
 *
 * One delivery pass: claims up to ${max} due events, posts them with many
 * requests in flight, judges each answer and settles each row.  Historical
 * events, and those of a backlog, go a thousand in a request, so ${max} should
 * be some thousands.  No transaction is open while a request is under way.
 * Stops early, giving the rest back, once *${stop} is non-zero (may be NULL).
 * Returns 0 when the pass ran (whatever Klaviyo answered) and -1 when the store
 * failed.
 *
 * Rows that are no events go by endpoints of their own.  One that refuses the
 * key (it lacks a scope) or fails 20 times in a row is left alone for five
 * minutes: the reason says which, and the scope; everything else goes on.
 */
KLAVIYO_API int klaviyo_deliver(struct klaviyo *klaviyo,
    const struct klaviyo_store *store, int max, const volatile int *stop,
    struct klaviyo_tally *tally);

/* Gives up the lease, so that another sender need not wait for its end.  To be
   called before klaviyo_free() by whoever stops sending. */
KLAVIYO_API int klaviyo_leave(
    struct klaviyo *klaviyo, const struct klaviyo_store *store);

/* --------------------------------------------------------- asking Klaviyo */
/*
 * Requests that are answered: each waits for its answer, within the rate
 * limits of its endpoint, and tries again for a minute what may pass (429,
 * 5xx, the network).  They need no lease and touch no outbox.  -1:
 * klaviyo_error() says what Klaviyo said, and what to do.
 */

struct klaviyo_reply {
	long status;             /* 2xx, or 404; after -1 what it was refused
	                            with, 0 = there was no answer */
	char *body;              /* JSON, up to 16 MB, "" if there is none; the
	                            caller frees */
	int64_t date;            /* Klaviyo's clock, in any case; 0 = not told */
};
/* ${path} begins with /api/, is encoded, and may be absolute (a "next" link of
   Klaviyo's own address).  ${body} NULL: none. */
KLAVIYO_API int klaviyo_ask(struct klaviyo *klaviyo, const char *method,
    const char *path, const char *body, struct klaviyo_reply *reply);

/* The account that the private key belongs to; *${public_key} for free().
   Scope accounts:read. */
KLAVIYO_API int klaviyo_account(struct klaviyo *klaviyo, char **public_key);

/*
 * Calls ${each} with the unique_id ($event_id; "" if it has none) and time of
 * every event of ${metric} that Klaviyo holds with since <= time < until.  Scopes metrics:read,
 * events:read.  Returns how many, or -1; a metric that Klaviyo has never seen
 * has none.
 */
typedef int klaviyo_held_each(void *arg, const char *unique_id, int64_t time);
KLAVIYO_API int64_t klaviyo_held(struct klaviyo *klaviyo,
    enum klaviyo_metric metric, int64_t since, int64_t until,
    klaviyo_held_each *each, void *arg);

#ifdef __cplusplus
}
#endif
#endif
