/*
 * form.c - forms of one column: read, checked, shown again with what is wrong.
 *
 * Promises: nothing is done for a form without this session's token; what was
 * typed is kept, but for passwords, which are in no page; a form that is sent
 * twice has the same key.  A page with a form is private: it makes a session.
 */
#include "form.h"

#include <string.h>

#define KEY_LENGTH 26

static int
find(const struct form *form, const char *name)
{
	int i = 0;

	while (i < form->n - 1 && strcmp(form->entries[i].name, name) != 0)
		i++;
	return i;
}

const char *
form_value(const struct form *form, const char *name)
{
	const char *value = form->value[find(form, name)];

	return value != NULL ? value : "";
}

void
form_set(struct form *form, const char *name, const char *value)
{
	form->value[find(form, name)] = value;
}

void
form_refuse(struct form *form, const char *name, const char *why)
{
	int i = find(form, name);

	if (form->error[i] == NULL)
		form->errors++, form->error[i] = why;
}

const char *
next_path(const char *asked, const char *otherwise)
{
	if (asked == NULL || asked[0] != '/' || asked[1] == '/' ||
	    strlen(asked) > 500)
		return otherwise;
	for (const char *p = asked; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
		    *p == '\\')
			return otherwise;
	return asked;
}

const char *
with_next(struct visit *visit, const char *path, const char *next)
{
	if (*next == '\0')
		return path;
	return url_path(visit->arena,
	    arena_printf(visit->arena, "%s%cnext=", path,
	        strchr(path, '?') != NULL ? '&' : '?'),
	    next);
}

/* ------------------------------------------------------------------- showing
 */

static const char *
type_of(enum entry_kind kind)
{
	switch (kind) {
	case ENTRY_MAIL:
		return "email";
	case ENTRY_PHONE:
		return "tel";
	case ENTRY_SECRET:
		return "password";
	default:
		return "text";
	}
}

static void
put_input(struct visit *visit, struct tpl *field, const struct entry *e,
    const char *value, bool wrong)
{
	struct tpl *input = tpl_section(field, "INPUT"), *described;

	tpl_set(input, "TYPE", type_of(e->kind));
	tpl_set(input, "VALUE", e->kind == ENTRY_SECRET ? "" : value);
	tpl_set(input, "AUTOCOMPLETE", e->autocomplete);
	tpl_num(input, "MAX", (int64_t)e->max);
	if (e->missing != NULL)
		tpl_show(input, "REQUIRED");
	if (wrong)
		tpl_show(input, "WRONG");
	if (wrong || e->hint != NULL) {
		described = tpl_section(input, "DESCRIBED");
		tpl_set(described, "BY",
		    arena_printf(visit->arena, "%s-%s", e->name,
		        wrong ? "error" : "hint"));
	}
}

static void
put_tick(struct tpl *field, const struct entry *e, bool ticked)
{
	struct tpl *tick = tpl_section(field, "TICK");

	tpl_show(field, "WIDE");
	tpl_set(tick, "NAME", e->name);
	tpl_set(tick, "LABEL", e->label);
	if (ticked)
		tpl_show(tick, "CHECKED");
	if (e->hint != NULL) {
		tpl_set(tpl_section(tick, "DESCRIBED"), "NAME", e->name);
		tick = tpl_section(tick, "NOTE");
		tpl_set(tick, "NAME", e->name);
		tpl_set(tick, "TEXT", e->hint);
	}
}

static void
put_entry(struct visit *visit, struct tpl *body, const struct form *form, int i)
{
	const struct entry *e = &form->entries[i];
	const char *value = form->value[i] != NULL ? form->value[i] : "";
	bool wrong = form->error[i] != NULL;
	struct tpl *field, *part = NULL;

	if (e->kind == ENTRY_HIDDEN) {
		field = tpl_section(body, "HIDDEN");
		tpl_set(field, "NAME", e->name);
		tpl_set(field, "VALUE", value);
		return;
	}
	field = tpl_section(body, "FIELD");
	if (e->kind == ENTRY_TICK) {
		put_tick(field, e, *value != '\0');
		return;
	}
	part = tpl_section(field, "TYPED");
	tpl_set(part, "NAME", e->name);
	tpl_set(part, "LABEL", e->label);
	if (e->missing == NULL)
		tpl_show(part, "OPTIONAL");
	part = NULL;
	tpl_set(field, "NAME", e->name);
	if (!e->half)
		tpl_show(field, "WIDE");
	put_text(field, "HINT", e->hint);
	put_text(field, "ERROR", form->error[i]);
	if (e->kind == ENTRY_COUNTRY) {
		part = tpl_section(field, "SELECT");
		put_countries(part, "OPTION", value);
	} else if (e->kind == ENTRY_AREA) {
		part = tpl_section(field, "AREA");
		tpl_set(part, "VALUE", value);
		tpl_num(part, "MAX", (int64_t)e->max);
	} else {
		put_input(visit, field, e, value, wrong);
	}
	if (part != NULL && wrong)
		tpl_show(part, "WRONG");
}

static void
put_errors(struct visit *visit, struct tpl *body, const struct form *form)
{
	struct tpl *errors, *problem;

	if (form->errors == 0 && form->trouble == NULL)
		return;
	errors = tpl_section(body, "ERRORS");
	tpl_set(errors, "TEXT",
	    form->trouble != NULL ? form->trouble
	    : form->errors == 1
	        ? "One thing needs another look"
	        : arena_printf(visit->arena, "%d things need another look",
	              form->errors));
	for (int i = 0; i < form->n; i++) {
		if (form->error[i] == NULL)
			continue;
		problem = tpl_section(errors, "PROBLEM");
		tpl_set(problem, "FIELD", form->entries[i].name);
		tpl_set(problem, "TEXT", form->error[i]);
	}
}

/* A form carries the token of its session, so there must be one. */
static int
need_session(struct visit *visit)
{
	struct db *db = visit->shop->db;

	if (*visit->session.id != '\0')
		return 0;
	if (db_begin(db) != 0)
		return -1;
	if (session_start(visit->shop, visit->request, &visit->session) != 0 ||
	    db_commit(db) != 0) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

int
form_show(struct visit *visit, struct form *form, int status)
{
	struct page page;

	if (need_session(visit) != 0 ||
	    page_begin(visit, &page, "form.tpl", form->heading) != 0)
		return -1;
	page.status = status;
	page.quiet = page.quiet || form->quiet;
	if (form->key == NULL)
		form->key = random_id(visit->arena, KEY_LENGTH);
	tpl_set(page.body, "HEADING", form->heading);
	put_text(page.body, "LEDE", form->lede);
	put_text(page.body, "DONE", form->done);
	put_errors(visit, page.body, form);
	tpl_set(page.body, "ACTION", form->action);
	tpl_set(page.body, "TOKEN",
	    session_form_token(visit->shop, visit->arena, &visit->session));
	tpl_set(page.body, "KEY", form->key);
	for (int i = 0; i < form->n; i++)
		put_entry(visit, page.body, form, i);
	tpl_set(page.body, "SUBMIT", form->submit);
	for (size_t i = 0; i < 3 && form->links[i].url != NULL; i++) {
		struct tpl *link = tpl_section(page.body, "LINK");

		tpl_set(link, "WORDS", form->links[i].words);
		tpl_set(link, "URL", form->links[i].url);
		tpl_set(link, "NAME", form->links[i].name);
	}
	return page_show(visit, &page);
}

int
form_busy(struct visit *visit, struct form *form, int retry)
{
	form->trouble =
	    retry > 5
	        ? "That was too often. Please wait a little, and try again"
	        : "There is a crowd at the door. Please try again in a moment";
	response_header(visit->response, "Retry-After", NUM(retry));
	return form_show(visit, form, 429);
}

int
form_throttle(
    struct visit *visit, struct form *form, enum throttle what, const char *who)
{
	int retry = 0;
	int taken =
	    throttle_take(visit->shop, what, who, visit->request->now, &retry);

	if (taken == 0)
		return form_busy(visit, form, retry) != 0 ? -1 : 0;
	return taken;
}

/* ------------------------------------------------------------------- reading
 */

static void
read_entry(struct visit *visit, struct form *form, int i)
{
	const struct entry *e = &form->entries[i];
	const char *typed = field(&visit->request->form, e->name);

	if (typed == NULL)
		typed = "";
	if (e->kind == ENTRY_TICK)
		typed = *typed != '\0' ? "1" : "";
	/* A password is what it is, white space and all. */
	if (e->kind != ENTRY_SECRET && e->kind != ENTRY_AREA)
		typed = one_line(visit->arena, typed);
	/* What nobody sees cannot be put right. */
	if (e->kind == ENTRY_HIDDEN && strlen(typed) > e->max)
		typed = "";
	form->value[i] = typed;
}

static void
check_entry(struct visit *visit, struct form *form, int i)
{
	const struct entry *e = &form->entries[i];
	const char *value = form->value[i];

	if (value[strspn(value, " \t\n")] == '\0') {
		if (e->missing != NULL)
			form_refuse(form, e->name, e->missing);
		return;
	}
	if (strlen(value) > e->max)
		form_refuse(form, e->name, "This is too long");
	else if (e->kind == ENTRY_MAIL && !email_ok(value))
		form_refuse(form, e->name, "This is no e-mail address");
	else if (e->kind == ENTRY_PHONE &&
	         phone_of(visit->arena, value) == NULL)
		form_refuse(form, e->name, "This is no phone number");
	else if (e->kind == ENTRY_COUNTRY && country_name(value) == NULL)
		form_refuse(form, e->name, "Please choose a country");
}

static bool
key_ok(const char *key)
{
	return key != NULL && strlen(key) == KEY_LENGTH &&
	       strspn(key, "0123456789abcdefghjkmnpqrstvwxyz") == KEY_LENGTH;
}

int
form_read(struct visit *visit, struct form *form)
{
	const char *key = field(&visit->request->form, "key");

	form->key = key_ok(key) ? key : NULL;
	for (int i = 0; i < form->n; i++)
		read_entry(visit, form, i);
	if (form->key == NULL ||
	    !session_form_ok(visit->shop, visit->arena, &visit->session,
	        field(&visit->request->form, "token"))) {
		form->trouble = "This form has gone stale. Please send it "
		                "once more";
		return form_show(visit, form, 403) != 0 ? -1 : 0;
	}
	for (int i = 0; i < form->n; i++)
		check_entry(visit, form, i);
	if (form->errors > 0)
		return form_show(visit, form, 422) != 0 ? -1 : 0;
	return 1;
}
