/*
 * session.c - who is visiting: the session cookie, form and link tokens.
 *
 * Promises: a session's cookie is 256 random bits and a keyed check (junk is
 * refused before the database is asked); the database holds only its hash; form
 * tokens are a MAC of the session; links are signed, for one purpose, and
 * expire.  No cookie exists before there is a cart or a form that needs one.
 *
 * A visitor is "known" by the account that the session is logged in to, or by
 * the address typed into a form of this very session, never by a URL or a cookie
 * of somebody else's.  A session is another one, with another cookie, before and
 * after each log-in and log-out.  A login ends after half an hour without a
 * request and after twelve hours at the latest; the session goes on with its
 * cart, as a guest's who is not known.
 */
#include "storefront.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#define COOKIE_DAYS 30
#define EMPTY_SECONDS 86400 /* of a session without cart or name */
#define SWEEP_ONE_IN 64     /* new sessions */
#define LOGIN_IDLE (INT64_C(30) * 60)
#define LOGIN_LONGEST (INT64_C(12) * 3600)
#define LOGIN_NOTED 60 /* how exact login.seen_at is */
#define B64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* The first 128 bits of a keyed hash over purpose and text. */
void
secret_mac(const struct shop *shop, const char *purpose, const char *text,
    char out[24])
{
	unsigned char hash[16];
	crypto_generichash_state state;

	crypto_generichash_init(
	    &state, shop->secret, sizeof(shop->secret), sizeof(hash));
	/* The NUL between the two keeps them apart. */
	crypto_generichash_update(&state, (const unsigned char *)purpose,
	    strlen(purpose) + 1);
	crypto_generichash_update(
	    &state, (const unsigned char *)text, strlen(text));
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2base64(out, 24, hash, sizeof(hash), B64);
}

static bool
same(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strlen(b) == n && sodium_memcmp(a, b, n) == 0;
}

static const char *
cookie_name(const struct shop *shop)
{
	/* The prefix demands Secure; plain http is for trying out only. */
	return shop->settings->https ? "__Host-sid" : "sid";
}

static void
hash_token(const char *token, char id[44])
{
	unsigned char hash[32];

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)token,
	    strlen(token), NULL, 0);
	sodium_bin2base64(id, 44, hash, sizeof(hash), B64);
}

struct loading {
	struct arena *arena;
	struct session *session;
	int64_t now;
	bool note; /* that the login was used */
};

/* account, since, seen_at, email, phone, first_name, last_name */
static void
login_row(struct loading *l, const char *const col[])
{
	struct session *s = l->session;
	bool on = num(col[1]) > l->now - LOGIN_LONGEST &&
	    num(col[2]) > l->now - LOGIN_IDLE;

	l->note = on && num(col[2]) <= l->now - LOGIN_NOTED;
	/* One who comes after the login's end is anybody. */
	s->account = on ? arena_copy(l->arena, col[0]) : "";
	s->email = on ? arena_copy(l->arena, col[3]) : "";
	s->phone = on ? arena_copy(l->arena, col[4]) : "";
	s->first_name = on ? arena_copy(l->arena, col[5]) : "";
	s->last_name = on ? arena_copy(l->arena, col[6]) : "";
}

/* What session_row() reads, with the cart's two numbers, in SQL. */
#define SESSION_WITH(units)                                                    \
	"SELECT s.cart, s.email, s.phone, s.first_name, s.last_name, " units   \
	", l.account, l.since, l.seen_at, a.email, a.phone, a.first_name, "    \
	"a.last_name FROM session s LEFT JOIN login l ON l.session = s.id "    \
	"LEFT JOIN account a ON a.id = l.account "
#define BY_COOKIE "WHERE s.id = $1 AND s.seen_at > CAST($2 AS BIGINT)"

static int
session_row(void *arg, int n, const char *const col[])
{
	struct loading *l = arg;

	(void)n;
	l->session->cart = arena_copy(l->arena, col[0]);
	l->session->email = arena_copy(l->arena, col[1]);
	l->session->phone = arena_copy(l->arena, col[2]);
	l->session->first_name = arena_copy(l->arena, col[3]);
	l->session->last_name = arena_copy(l->arena, col[4]);
	l->session->units = (int)num(col[5]);
	l->session->added = num(col[6]) > 0;
	if (col[7] != NULL)
		login_row(l, col + 7);
	return arena_failed(l->arena) ? -1 : 0;
}

static void
session_none(struct session *session)
{
	memset(session, 0, sizeof(*session));
	session->cart = session->email = session->phone = "";
	session->first_name = session->last_name = session->account = "";
}

/* That the login was used.  A page does not fail of it. */
static void
note_login(struct db *db, const char *session, int64_t now)
{
	if (db_begin(db) != 0)
		return;
	if (db_run(db, NULL, NULL,
	        "UPDATE login SET seen_at = $2 WHERE session = $1", session,
	        NUM(now)) < 0 ||
	    db_commit(db) != 0)
		db_rollback(db);
}

int
session_load(
    struct shop *shop, struct request *request, struct session *session)
{
	struct loading loading = {
	    request->arena, session, request->now, false};
	const char *token, *dot;
	char check[24];
	int64_t rows;

	session_none(session);
	token = request_cookie(request, cookie_name(shop));
	dot = strchr(token, '.');
	if (dot == NULL || strlen(token) >= sizeof(session->token))
		return 0;
	secret_mac(shop, "session",
	    arena_copyn(request->arena, token, (size_t)(dot - token)), check);
	if (!same(check, dot + 1))
		return 0;
	hash_token(token, session->id);
	/* The cart's number is on every page: not asked for by itself. */
	rows = db_run(shop->db, session_row, &loading,
	    request_posts(request) ? SESSION_WITH("0, 0") BY_COOKIE
	                           : SESSION_WITH(CART_UNITS("s.cart"))
	                             BY_COOKIE,
	    session->id, NUM(request->now - COOKIE_DAYS * INT64_C(86400)));
	if (rows == 1)
		snprintf(session->token, sizeof(session->token), "%s", token);
	else
		session_none(session);
	if (loading.note)
		note_login(shop->db, session->id, request->now);
	return rows < 0 ? -1 : 0;
}

int
session_of_cart(struct db *db, struct arena *arena, const char *cart,
    int64_t now, struct session *session)
{
	struct loading loading = {arena, session, now, false};

	session_none(session);
	/* Of several, the one that was seen last. */
	return db_run(db, session_row, &loading,
	           SESSION_WITH("0, 0")
	           "WHERE s.cart = $1 AND (s.email <> '' "
	           "OR l.account IS NOT NULL) ORDER BY s.seen_at",
	           cart) < 0
	           ? -1
	           : 0;
}

/* Deletes, now and then, what no cookie leads to any more, and what was only
 * made for a form's token. */
static int
sweep(struct db *db, int64_t now)
{
	if (randombytes_uniform(SWEEP_ONE_IN) != 0)
		return 0;
	return db_run(db, NULL, NULL,
	           "DELETE FROM session WHERE seen_at < CAST($1 AS BIGINT)",
	           NUM(now - COOKIE_DAYS * INT64_C(86400))) < 0 ||
	               db_run(db, NULL, NULL,
	                   "DELETE FROM session WHERE cart IS NULL AND "
	                   "email = '' AND seen_at < CAST($1 AS BIGINT)",
	                   NUM(now - EMPTY_SECONDS)) < 0
	           ? -1
	           : 0;
}

/* A new session with its cookie; the session's cart stays. */
static int
session_make(
    struct shop *shop, struct request *request, struct session *session)
{
	unsigned char random[32];
	char text[48], check[24];

	if (sweep(shop->db, request->now) != 0)
		return -1;
	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(text, sizeof(text), random, sizeof(random), B64);
	secret_mac(shop, "session", text, check);
	snprintf(session->token, sizeof(session->token), "%s.%s", text, check);
	hash_token(session->token, session->id);
	session->fresh = true;
	return db_run(shop->db, NULL, NULL,
	           "INSERT INTO session (id, cart, email, phone, first_name, "
	           "last_name, created_at, seen_at) "
	           "VALUES ($1, $2, '', '', '', '', $3, $3)",
	           session->id, *session->cart != '\0' ? session->cart : NULL,
	           NUM(request->now)) < 0
	    ? -1
	    : 0;
}

int
session_start(
    struct shop *shop, struct request *request, struct session *session)
{
	if (*session->id != '\0') {
		if (db_run(shop->db, NULL, NULL,
		        "UPDATE session SET cart = $2, seen_at = $3 "
		        "WHERE id = $1",
		        session->id,
		        *session->cart != '\0' ? session->cart : NULL,
		        NUM(request->now)) < 0)
			return -1;
		return 0;
	}
	return session_make(shop, request, session);
}

int
session_end(struct shop *shop, struct session *session)
{
	const char *cart = session->cart;

	if (*session->id != '\0' &&
	    db_run(shop->db, NULL, NULL, "DELETE FROM session WHERE id = $1",
	        session->id) < 0)
		return -1;
	session_none(session);
	session->cart = cart;
	session->gone = true;
	return 0;
}

int
session_login(struct shop *shop, struct request *request,
    struct session *session, const char *account)
{
	if (session_end(shop, session) != 0 ||
	    session_make(shop, request, session) != 0 ||
	    db_run(shop->db, NULL, NULL,
	        "INSERT INTO login (session, account, since, seen_at) "
	        "VALUES ($1, $2, $3, $3)",
	        session->id, account, NUM(request->now)) < 0)
		return -1;
	session->account = account;
	session->gone = false;
	return 0;
}

int
session_identify(struct shop *shop, struct session *session, const char *email,
    const char *phone, const char *first_name, const char *last_name)
{
	/* Whose account it is stays known as what the account says. */
	if (*session->account != '\0')
		return 0;
	session->email = email;
	session->phone = phone;
	session->first_name = first_name;
	session->last_name = last_name;
	return db_run(shop->db, NULL, NULL,
	           "UPDATE session SET email = $2, phone = $3, "
	           "first_name = $4, last_name = $5 WHERE id = $1",
	           session->id, email, phone, first_name, last_name) < 0
	    ? -1
	    : 0;
}

void
session_cookie(const struct shop *shop, const struct session *session,
    struct response *response)
{
	char value[200];

	if (!session->fresh && !session->gone)
		return;
	snprintf(value, sizeof(value),
	    "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
	    cookie_name(shop), session->token,
	    session->gone ? 0 : COOKIE_DAYS * 86400,
	    shop->settings->https ? "; Secure" : "");
	response_header(response, "Set-Cookie", value);
}

char *
session_form_token(
    struct shop *shop, struct arena *arena, const struct session *session)
{
	char check[24];

	secret_mac(shop, "form", session->id, check);
	return arena_copy(arena, check);
}

bool
session_form_ok(struct shop *shop, struct arena *arena,
    const struct session *session, const char *token)
{
	return *session->id != '\0' && token != NULL &&
	    same(session_form_token(shop, arena, session), token);
}

char *
token_sign(struct shop *shop, struct arena *arena, const char *purpose,
    const char *text, int64_t expires)
{
	char check[24], *payload;

	payload = arena_printf(arena, "%s.%lld", text, (long long)expires);
	secret_mac(shop, purpose, payload, check);
	return arena_printf(arena, "%s.%s", payload, check);
}

char *
token_open(struct shop *shop, struct arena *arena, const char *purpose,
    const char *token, int64_t now)
{
	const char *dot = strrchr(token, '.');
	char check[24], *payload, *expires;

	if (dot == NULL || strlen(token) > 200)
		return NULL;
	payload = arena_copyn(arena, token, (size_t)(dot - token));
	secret_mac(shop, purpose, payload, check);
	expires = strrchr(payload, '.');
	if (!same(check, dot + 1) || expires == NULL || num(expires + 1) < now)
		return NULL;
	*expires = '\0';
	return payload;
}

static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";

char *
random_id(struct arena *arena, int n)
{
	char *id = arena_alloc(arena, (size_t)n + 1);

	if (id == NULL)
		return NULL;
	randombytes_buf(id, (size_t)n);
	for (int i = 0; i < n; i++)
		id[i] = crockford[(unsigned char)id[i] % 32]; /* of 256: fair */
	return id;
}

char *
timed_id(struct arena *arena)
{
	char *id = random_id(arena, TIMED_ID);
	struct timespec t;
	uint64_t tick;

	if (id == NULL)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &t);
	tick = (uint64_t)t.tv_sec * 32 + (uint64_t)t.tv_nsec / 31250000;
	for (int i = TIMED_ID_TIME; i-- > 0; tick /= 32)
		id[i] = crockford[tick % 32];
	return id;
}
