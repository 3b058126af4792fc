/*
 * shop.c - fuzzes the whole shop, from a request to its answer: routes,
 * sessions, cart, checkout, templates.
 *
 * Replaces: password_hash password_check
 *
 * The input is that of given.h.  What no fuzzer can guess is put in for it: in
 * an input with @SID@ that is the cookie of a session with a filled cart, with
 * @MEMBER@ that of one that is logged in as well; @TOKEN@ its form's token,
 * @RESTORE@ a signed link to its cart, @RESET@ one to a new password, @KEY@ and
 * @FORM@ a checkout's key and another form's.  Passwords are kept as they are:
 * no fuzzer has the time for the real ones.
 *
 * Must hold: nothing that a visitor sends makes a 5xx (but /readyz's, as nobody
 * delivers here); the head is well-formed; a redirect stays in the shop; a page
 * is clean UTF-8; and "<zq" and a quote before "zq=", which no template and no
 * random key has, never come out as they went in.
 */
#include "given.h"
#include "shop_kit.h"

#define PASSWORD "correct horse"
#define FORM_KEY "0123456789abcdefghjkmnpqrs"

static int64_t variant;
static bool filled; /* the input */

__typeof__(password_hash) __wrap_password_hash;
__typeof__(password_check) __wrap_password_check;

enum password
__wrap_password_hash(const char *password, char hash[PASSWORD_HASH])
{
	snprintf(hash, PASSWORD_HASH, "is %s", password);
	return PASSWORD_GOOD;
}

enum password
__wrap_password_check(const char *password, const char *hash)
{
	char made[PASSWORD_HASH];

	__wrap_password_hash(password, made);
	return hash != NULL && strcmp(made, hash) == 0 ? PASSWORD_GOOD
	                                               : PASSWORD_WRONG;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct product *product = NULL;
	struct arena *arena = arena_new();

	(void)argc;
	(void)argv;
	kit_open();
	kit_must(catalog_product(kit_shop.db, arena, "tee", &product) == 1);
	variant = product->variants->id;
	arena_free(arena);
	return 0;
}

/* ------------------------------------------------- what cannot be guessed */

struct known {
	char sid[100], token[40], restore[300], reset[300], key[40];
};

static void
log_in(struct arena *arena, struct request *request, struct session *session,
    const char **reset)
{
	struct account account = {.email = "anna@example.com",
	    .email_key = account_key(arena, "anna@example.com"),
	    .password = "is " PASSWORD,
	    .first_name = "Anna",
	    .last_name = "<zq>",
	    .phone = "",
	    .address1 = "\"zq='",
	    .address2 = "",
	    .city = "",
	    .region = "",
	    .zip = "",
	    .country = "US",
	    .cart = session->cart,
	    .form = "f",
	    .created_at = request->now};
	struct db *db = kit_shop.db;

	kit_must(account_create(db, arena, &account) == 1);
	kit_must(session_login(&kit_shop, request, session, account.id) == 0);
	kit_must(
	    reset_ask(db, arena, account.id, "g", request->now, reset) == 1);
}

static void
know(struct known *known, bool member)
{
	struct arena *arena = arena_new();
	struct request request = {.arena = arena, .now = time(NULL)};
	struct session session = {.cart = "",
	    .account = "",
	    .email = "",
	    .phone = "",
	    .first_name = "",
	    .last_name = ""};
	const char *reset = "none";
	int64_t revision = 0;
	struct db *db = kit_shop.db;

	kit_must(db_begin(db) == 0);
	kit_must(cart_add(db, arena, &session.cart, variant, 2, request.now,
	             &revision) == CART_DONE);
	kit_must(session_start(&kit_shop, &request, &session) == 0);
	if (member)
		log_in(arena, &request, &session, &reset);
	kit_must(db_commit(db) == 0);
	snprintf(
	    known->sid, sizeof(known->sid), "__Host-sid=%s", session.token);
	snprintf(known->token, sizeof(known->token), "%s",
	    session_form_token(&kit_shop, arena, &session));
	snprintf(known->restore, sizeof(known->restore), "%s",
	    token_sign(&kit_shop, arena, "restore", session.cart,
	        request.now + 86400));
	snprintf(known->reset, sizeof(known->reset), "%s",
	    token_sign(
	        &kit_shop, arena, "reset", reset, request.now + RESET_SECONDS));
	snprintf(known->key, sizeof(known->key), "%s-%lld", FORM_KEY,
	    (long long)revision);
	arena_free(arena);
}

/* The input with what is known in it. */
static uint8_t *
fill_in(const uint8_t *data, size_t *size)
{
	struct known known;
	struct text out = {0};
	const uint8_t *end = data + *size;

	know(&known, memmem(data, *size, "@MEMBER@", 8) != NULL);
	text_add(&out, "");
	while (data < end) {
		const struct {
			const char *name, *value;
		} names[] = {{"@SID@", known.sid}, {"@MEMBER@", known.sid},
		    {"@TOKEN@", known.token}, {"@RESTORE@", known.restore},
		    {"@RESET@", known.reset}, {"@KEY@", known.key},
		    {"@FORM@", FORM_KEY}};
		const size_t count = sizeof(names) / sizeof(*names);
		size_t i = 0, n = 0;

		for (; i < count; i++) {
			n = strlen(names[i].name);
			if ((size_t)(end - data) >= n &&
			    memcmp(data, names[i].name, n) == 0)
				break;
		}
		if (i < count)
			text_add(&out, names[i].value);
		else
			text_addn(&out, (const char *)data, n = 1);
		data += n;
	}
	*size = out.length;
	return (uint8_t *)out.data;
}

/* ------------------------------------------------------------ the answer */

/* A header's value in the head, to its line's end; NULL: none. */
static const char *
head_value(const char *head, const char *name, size_t *length)
{
	const char *at = strstr(head, name);

	if (at == NULL)
		return NULL;
	at += strlen(name);
	*length = strcspn(at, "\r");
	return at;
}

static void
check_head(const char *head, bool ready)
{
	const char *at;
	size_t n;

	must(strncmp(head, "Status: ", 8) == 0);
	must(head[8] >= '2' && head[8] <= (ready ? '5' : '4')); /* no 5xx */
	must(strncmp(head + 11, " Unknown", 8) != 0);
	must(clean_but(head, "\r\n"));
	at = head_value(head, "\r\nLocation: ", &n);
	/* "//" and "/\" lead elsewhere. */
	must(at == NULL || (at[0] == '/' && at[1] != '/' && at[1] != '\\') ||
	     strncmp(at, "https://shop.example/", 21) == 0);
}

/* A quote before "zq=" may stand in JSON, behind a backslash that counts. */
static void
check_page(const char *page)
{
	must(clean_but(page, "\n\t"));
	must(strstr(page, "<zq") == NULL);
	for (const char *at = page; (at = strstr(at, "\"zq=")) != NULL; at++) {
		int slashes = 0;

		while (at - slashes > page && at[-slashes - 1] == '\\')
			slashes++;
		must(slashes % 2 == 1);
	}
}

static void
check_answer(const struct text *out, bool ready)
{
	const char *end, *type;
	char *head;
	size_t n;

	must(!out->failed && strlen(out->data) == out->length);
	end = strstr(out->data, "\r\n\r\n");
	must(end != NULL);
	head = strndup(out->data, (size_t)(end - out->data));
	check_head(head, ready);
	type = head_value(head, "\r\nContent-Type: ", &n);
	if (type != NULL && strncmp(type, "text/html", 9) == 0)
		check_page(end + 4);
	else
		must(utf8_strict(end + 4));
	free(head);
}

/* A body that was filled in has another length than it said. */
static const char *
get(void *arg, const char *name)
{
	static char length[24];
	const struct given *given = arg;
	const char *value = given_get(arg, name);

	if (value == NULL || strcmp(name, "CONTENT_LENGTH") != 0 || !filled)
		return value;
	snprintf(length, sizeof(length), "%zu", given->length);
	return length;
}

static void
serve_one(struct given *given)
{
	struct arena *arena = arena_new();
	struct response response = {.status = 0};
	struct text out = {0};
	struct request request;
	int status = request_make(&request, arena, get, given_read, given);

	if (status == 0)
		shop_handle(&kit_shop, &request, &response);
	else
		shop_refuse(&kit_shop, status, &response);
	response_cgi(&response,
	    status == 0 && strcmp(request.method, "HEAD") == 0, &out);
	check_answer(
	    &out, status == 0 && strcmp(request.path, "/readyz") == 0);
	text_free(&out);
	if (response.make != NULL)
		response.make(response.make_arg, &kit_shop, response.file, NULL,
		    NULL);
	response.make = NULL;
	response_free(&response);
	shop_after(&kit_shop);
	arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = NULL;
	struct given given;

	filled = memmem(data, size, "@SID@", 5) != NULL ||
	         memmem(data, size, "@MEMBER@", 8) != NULL;
	if (filled)
		data = copy = fill_in(data, &size);
	given_take(&given, data, size);
	serve_one(&given);
	/* Visitors come of a session, and of a form. */
	if (filled || memmem(data, size, "=POST", 5) != NULL)
		kit_reset(kit_shop.db);
	given_free(&given);
	free(copy);
	return 0;
}
