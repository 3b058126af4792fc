/*
 * session.c - who is visiting: the session cookie, form and link tokens.
 *
 * Promises: a session's cookie is 256 random bits and a keyed check (junk is
 * refused before the database is asked); the database holds only its hash; form
 * tokens are a MAC of the session; links are signed, for one purpose, and
 * expire.  No cookie exists before there is a cart.
 *
 * Does not know accounts: a visitor is "known" by the address typed into a form
 * of this very session, never by a URL or a cookie of somebody else's.
 */
#include "storefront.h"

#include <sodium.h>
#include <string.h>

#define COOKIE_DAYS 30
#define B64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* The first 88 bits of a keyed hash over purpose and text, as 15 characters. */
static void
mac(const struct shop *shop, const char *purpose, const char *text,
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
};

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
	return arena_failed(l->arena) ? -1 : 0;
}

static void
session_none(struct session *session)
{
	memset(session, 0, sizeof(*session));
	session->cart = session->email = session->phone = "";
	session->first_name = session->last_name = "";
}

int
session_load(
    struct shop *shop, struct request *request, struct session *session)
{
	struct loading loading = {request->arena, session};
	const char *token, *dot;
	char check[24];
	int64_t rows;

	session_none(session);
	token = request_cookie(request, cookie_name(shop));
	dot = strchr(token, '.');
	if (dot == NULL || strlen(token) >= sizeof(session->token))
		return 0;
	mac(shop, "session",
	    arena_copyn(request->arena, token, (size_t)(dot - token)), check);
	if (!same(check, dot + 1))
		return 0;
	hash_token(token, session->id);
	rows = db_run(shop->db, session_row, &loading,
	    "SELECT cart, email, phone, first_name, last_name FROM session "
	    "WHERE id = $1 AND seen_at > CAST($2 AS BIGINT)",
	    session->id, NUM(request->now - COOKIE_DAYS * 86400));
	if (rows == 1)
		snprintf(session->token, sizeof(session->token), "%s", token);
	else
		session_none(session);
	return rows < 0 ? -1 : 0;
}

int
session_start(
    struct shop *shop, struct request *request, struct session *session)
{
	unsigned char random[32];
	char text[48], check[24];

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
	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(text, sizeof(text), random, sizeof(random), B64);
	mac(shop, "session", text, check);
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
session_identify(struct shop *shop, struct session *session, const char *email,
    const char *phone, const char *first_name, const char *last_name)
{
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

	if (!session->fresh)
		return;
	snprintf(value, sizeof(value),
	    "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
	    cookie_name(shop), session->token, COOKIE_DAYS * 86400,
	    shop->settings->https ? "; Secure" : "");
	response_header(response, "Set-Cookie", value);
}

char *
session_form_token(
    struct shop *shop, struct arena *arena, const struct session *session)
{
	char check[24];

	mac(shop, "form", session->id, check);
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
	mac(shop, purpose, payload, check);
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
	mac(shop, purpose, payload, check);
	expires = strrchr(payload, '.');
	if (!same(check, dot + 1) || expires == NULL || num(expires + 1) < now)
		return NULL;
	*expires = '\0';
	return payload;
}

char *
random_id(struct arena *arena, int n)
{
	static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";
	char *id = arena_alloc(arena, (size_t)n + 1);

	for (int i = 0; id != NULL && i < n; i++)
		id[i] = crockford[randombytes_uniform(32)];
	return id;
}
