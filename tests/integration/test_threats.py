"""
The threats that this shop is built against, the rule for each, and the tests
that hold it to the rule.  Here it is checked that every test that is named
exists, and that no threat is without one; what they find is theirs to say.

    python -m pytest tests/integration/test_threats.py; and what it prints with
    python tests/integration/test_threats.py is the table to read.

The last part reads the sources: no text of a visitor's can become SQL.
"""
import ast
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
from harness import TREE  # noqa: E402

SECURITY = "integration/test_account_security.py::"
TRIES = "integration/test_account_tries.py::"
RESET = "integration/test_account_reset.py::"
FORGED = "integration/test_forged.py::"
CHECKOUT = "integration/test_checkout.py::"
WAYS = "integration/test_ways_in.py::"
CONFINE = "integration/test_confine.py::"
UNITS = "integration/test_units.py::"
CANARIES = "integration/test_canaries.py::"
HOSTILE = "browser/test_hostile.py::"
ATTACKERS = "integration/test_attackers.py::"  # most of them in `make soak`
REPLAY = "fuzz/test_replay.py::test_replay"  # with the target it is about

# row, threat, rule, tests.  A test of C is file::function.
THREATS = [
    (1, "A session is stolen, or planted",
     "random, kept as a hash only, checked by a key before the database is "
     "asked; a new one at log in, log out and with a new password; it ends by "
     "itself; __Host-, Secure, HttpOnly, SameSite",
     [SECURITY + "test_the_session_is_another_one_after_log_in_and_out",
      SECURITY + "test_a_login_ends_when_it_is_not_used",
      SECURITY + "test_a_login_ends_after_twelve_hours",
      SECURITY + "test_a_new_password_ends_all_other_logins",
      SECURITY + "test_a_cookie_with_any_bit_changed_is_none",
      FORGED + "test_every_bit_of_a_session",
      FORGED + "test_every_set_cookie",
      WAYS + "test_form_cookie_redirect",
      "integration/test_catalogue_pages.py::test_a_made_up_session_is_none"]),
    (2, "Another site posts a form in a visitor's name",
     "a form is taken from this shop's pages only, and where a session is "
     "touched with its token; what is asked for by GET changes nothing",
     [FORGED + "test_posts_from_elsewhere",
      FORGED + "test_posts_without_a_token",
      FORGED + "test_who_needs_no_token_is_named",
      FORGED + "test_gets_change_nothing",
      SECURITY + "test_no_form_without_this_sessions_token",
      "integration/test_cart_links.py::test_forms_of_other_visits",
      ATTACKERS + "test_every_route_is_attacked"]),
    (3, "Passwords are weak, leaked, or a way to use up memory",
     "argon2id with 64 MiB, two at a time; 8 to 1024 bytes; made anew when "
     "what is asked of a hash has risen",
     [SECURITY + "test_a_hundred_at_once",
      SECURITY + "test_a_weak_hash_is_made_anew_on_login",
      SECURITY + "test_passwords_of_any_bytes_and_length",
      SECURITY + "test_no_password_in_any_row",
      "unit/test_throttle.c::passwords"]),
    (4, "Somebody finds out who has an account",
     "the same answer, in about the same time, whoever is asked about",
     [SECURITY + "test_answers_do_not_tell_who_has_an_account",
      SECURITY + "test_time_does_not_tell_who_has_an_account",
      SECURITY + "test_to_register_again_changes_nothing",
      "integration/test_consent.py::"
      "test_an_address_that_has_an_account_subscribes_nobody"]),
    (5, "Passwords are guessed",
     "so many tries of a client, and of a client at an account; on all hosts, "
     "over restarts; the account's owner is not locked out",
     [TRIES + "test_the_eleventh_try_in_a_minute",
      TRIES + "test_many_addresses_from_one_client",
      TRIES + "test_the_present_password_is_not_guessed",
      WAYS + "test_clients_are_told_apart",
      "unit/test_throttle.c::a_bucket", "unit/test_throttle.c::clocks"]),
    (6, "A password is set anew by somebody else",
     "a link works once and for less than an hour, is made only as it is sent, "
     "is nowhere kept, and names this shop whatever the Host",
     [RESET + "test_reset", RESET + "test_two_at_once_with_one_link",
      RESET + "test_a_link_has_its_time",
      RESET + "test_no_link_can_be_made_up",
      RESET + "test_no_token_in_any_row",
      RESET + "test_the_link_is_made_when_it_is_sent",
      RESET + "test_a_link_that_is_over_is_not_sent",
      WAYS + "test_a_reset_link_is_in_no_log",
      CANARIES + "test_each_canary_is_only_where_it_belongs"]),
    (7, "A price or a discount is made up",
     "a form says what and how many; what it costs is read and added up in the "
     "order's transaction",
     [FORGED + "test_no_hidden_field_changes_a_price",
      FORGED + "test_no_made_up_field_changes_a_price",
      CHECKOUT + "test_a_form_names_no_price"]),
    (8, "Numbers overflow",
     "whole minor units of 64 bits, and limits on price, quantity and lines "
     "that no sum of them reaches the end of",
     [CHECKOUT + "test_quantities_that_are_none",
      "integration/test_cart_links.py::test_a_hundred_lines_and_no_more",
      "unit/test_money.c::read_amounts",
      "unit/test_money.c::agrees_with_the_library",
      "unit/test_text.c::money_all", "unit/test_text.c::exponents",
      "unit/test_import.c::each_error"]),
    (9, "The same copy is sold twice",
     "what is left is taken off in the order's transaction, on condition that "
     "it is there",
     [CHECKOUT + "test_50_buyers_of_10_copies",
      CHECKOUT + "test_the_last_copy_is_sold_once",
      "integration/test_postgresql.py::test_50_buyers_of_10_units"]),
    (10, "A form is sent twice",
     "a form has its key: the same form is the same order, another one with "
     "its key is refused; also when the answer was lost",
     [CHECKOUT + "test_20_posts_of_one_form",
      CHECKOUT + "test_the_same_form_twice_is_one_order",
      "integration/test_postgresql.py::test_20_posts_of_one_key",
      "integration/test_postgresql.py::test_one_key_from_two_carts",
      "integration/test_postgresql.py::test_the_answer_of_a_commit_is_lost",
      "crash/test_kill.py::test_nothing_is_lost",
      "integration/test_leads.py::test_sent_twice_it_is_one"]),
    (11, "A link of the shop's leads to somebody else's",
     "where to go on is a path of this shop, or it is home",
     [FORGED + "test_each_next_leads_only_to_the_shop",
      SECURITY + "test_log_in_leads_only_to_the_shop_itself",
      "integration/test_consent.py::test_back_to_this_shop_only"]),
    (12, "What was typed becomes a header",
     "one function writes headers, and refuses line ends; the web server does "
     "not obey a page's headers",
     [FORGED + "test_nothing_typed_becomes_a_header",
      FORGED + "test_the_host_is_in_nothing",
      "unit/test_response.c::header_injection",
      "integration/test_layers.py::test_only_one_file_writes_headers_with_"
      "values",
      WAYS + "test_orders_to_the_web_server",
      ATTACKERS + "test_wapiti"]),
    (13, "What was typed becomes a script",
     "templates escape by place and are looked over before they serve; JSON "
     "comes from one escaper; a policy allows a page's own scripts by hash",
     [HOSTILE + "test_every_text_on_every_page",
      HOSTILE + "test_the_watch_can_fail",
      HOSTILE + "test_a_policy_that_only_reports",
      "browser/test_walk.py::test_hostile_product",
      "integration/test_leads.py::test_hostile_words",
      "integration/test_preview.py::test_hostile_names_stay_whole",
      "integration/test_catalogue_pages.py::test_the_policy_is_a_setting",
      "unit/test_lint.c::pages", "unit/test_lint.c::scripts",
      "unit/test_escaper.c::any_bytes", "unit/test_escaper.c::finished_json",
      REPLAY + "[escaper]", REPLAY + "[lint]",
      ATTACKERS + "test_wapiti",
      ATTACKERS + "test_wapiti_finds_holes"]),
    (14, "What was typed becomes SQL",
     "statements are whole texts in the source; what is typed is a parameter",
     ["integration/test_threats.py::test_sql_is_whole_in_the_source",
      "integration/test_threats.py::test_no_sql_is_printed",
      "integration/test_threats.py::test_the_gate_can_fail",
      "integration/test_catalogue_pages.py::test_search_takes_words_as_they_"
      "are",
      REPLAY + "[shop]",
      ATTACKERS + "test_sqlmap_on_queries",
      ATTACKERS + "test_sqlmap_on_forms",
      ATTACKERS + "test_sqlmap_orders",
      ATTACKERS + "test_sqlmap_on_guards",
      ATTACKERS + "test_sqlmap_on_paths",
      ATTACKERS + "test_sqlmap_on_headers",
      ATTACKERS + "test_sqlmap_finds_holes"]),
    (15, "A path leads out of the shop",
     "routes and templates are lists; a path is decoded once; no file is named "
     "by a request",
     [WAYS + "test_paths", WAYS + "test_decoded_once", WAYS + "test_arguments",
      WAYS + "test_static", "unit/test_http.c::paths",
      "integration/test_stream.py::test_paths_and_methods",
      ATTACKERS + "test_wapiti_guesses"]),
    (16, "Too much, too slowly",
     "limits on body, fields, headers and time, in the web server and again "
     "behind it; who waits for one visitor keeps no other waiting",
     [WAYS + "test_body_too_long", WAYS + "test_bad_form",
      WAYS + "test_length_and_chunks", WAYS + "test_body_cut_off",
      WAYS + "test_many_at_once",
      "integration/test_stream.py::test_body_too_long",
      "integration/test_stream.py::test_slow_body",
      "integration/test_stream.py::test_half_open",
      "integration/test_stream.py::test_no_descriptors_leak",
      "unit/test_fields.c::fields_many",
      ATTACKERS + "test_slowhttptest",
      ATTACKERS + "test_slowhttptest_finds_holes"]),
    (17, "Bytes that are no text",
     "UTF-8 without NUL or control characters, or 400; what a terminal would "
     "obey is not shown to one",
     [WAYS + "test_bad_query", WAYS + "test_bad_form", WAYS + "test_paths",
      SECURITY + "test_bad_bytes_are_refused",
      "integration/test_leads.py::test_words_that_would_command_a_terminal",
      "unit/test_fields.c::fields_refused", "unit/test_memory.c::utf8_table",
      REPLAY + "[form]", REPLAY + "[request]", REPLAY + "[fastcgi]"]),
    (18, "A field that comes twice",
     "400: nobody knows which is meant; nor of two cookies of one name",
     [SECURITY + "test_a_field_that_comes_twice_is_refused",
      WAYS + "test_bad_form", WAYS + "test_form_cookie_redirect",
      "integration/test_stream.py::test_twice",
      "unit/test_fields.c::fields_refused", "unit/test_http.c::cookies"]),
    (19, "People in logs",
     "logs name orders and events by number; no query, token or address",
     [CANARIES + "test_each_canary_is_only_where_it_belongs",
      CANARIES + "test_a_planted_one_is_found",
      CANARIES + "test_a_core_file_would_be_there",
      WAYS + "test_nothing_private_in_logs",
      WAYS + "test_a_reset_link_is_in_no_log",
      SECURITY + "test_a_failing_page_does_not_log_its_token",
      TRIES + "test_a_client_is_not_named_in_the_database",
      "unit/test_judge.c::no_person_in_words"]),
    (20, "The private key gets out",
     "a file of the worker's: in no variable, argument, log, page or row, and "
     "out of the web processes' reach; a key in the wrong place is refused",
     [CANARIES + "test_each_canary_is_only_where_it_belongs",
      CONFINE + "test_the_key_is_out_of_reach_though_its_name_is_known",
      CONFINE + "test_serve_and_worker",
      WAYS + "test_private_key_is_not_here",
      CHECKOUT + "test_wrong_settings",
      UNITS + "test_only_the_worker_gets_the_key",
      "integration/test_layers.py::test_only_key_c_reads_the_private_key",
      "integration/test_layers.py::"
      "test_only_commands_that_talk_to_klaviyo_have_the_key",
      "unit/test_client.c::keys"]),
    (21, "The shop is made to fetch something",
     "one address is asked, by https or on this machine, no redirect is "
     "followed; no address out of a form or a catalogue is ever fetched",
     ["unit/test_client.c::addresses", "unit/test_judgement.c::redirects",
      CHECKOUT + "test_wrong_settings",
      "integration/test_answers.py::test_certificates",
      CONFINE + "test_forbidden", REPLAY + "[address]",
      ATTACKERS + "test_wapiti"]),
    (22, "Somebody reaches what the owner does",
     "there is nothing on the web to administer: orders and the outbox are "
     "commands on the host",
     [FORGED + "test_there_is_no_back_door",
      SECURITY + "test_no_account_of_another",
      "integration/test_accounts.py::test_orders_belong_to_the_account",
      "integration/test_history_import.py::test_nobody_reads_an_imported_"
      "order"]),
    (23, "Feed and health tell too much",
     "the feed is what the shop's pages say anyway; /healthz says ok, and asks "
     "no database; /readyz is for who asks from this host, and names nobody",
     ["integration/test_ready.py::test_by_every_web_server",
      "integration/test_ready.py::test_who_is_here",
      "integration/test_ready.py::test_a_worker_comes_and_goes",
      "unit/test_ready.c::a_full_disk",
      FORGED + "test_health_needs_no_database_and_tells_nothing",
      "integration/test_feed.py::test_stock_and_what_is_left_out",
      "integration/test_feed.py::test_served",
      CANARIES + "test_each_canary_is_only_where_it_belongs"]),
    (24, "Other users of the host",
     "what the shop makes is its own user's to read; doctor says what is not",
     ["integration/test_threats.py::test_files_are_the_shops_own",
      "integration/test_doctor.py::test_files",
      CONFINE + "test_scratch_directory_of_another",
      UNITS + "test_the_web_server_and_nobody_else_is_let_in"]),
    (25, "A process that is taken over",
     "units and the process itself give up what the shop does not need: no "
     "program, no connection, no file but its own",
     [CONFINE + "test_forbidden", CONFINE + "test_by_landlock_alone",
      CONFINE + "test_by_seccomp_alone", CONFINE + "test_on_postgresql",
      CONFINE + "test_the_probe_can_do_it_unconfined",
      CONFINE + "test_serve_and_worker", CONFINE + "test_a_cgi_process",
      CONFINE + "test_a_process_of_mod_fcgid",
      UNITS + "test_exposure_is_below_one"]),
    (26, "The shop is made to write to people",
     "what leads to a mail is counted by address and by client; a visit makes "
     "no row before there is a cart",
     [TRIES + "test_a_thousand_resets_are_three_mails_an_hour",
      TRIES + "test_registrations_from_one_client",
      CHECKOUT + "test_an_address_is_not_flooded",
      CHECKOUT + "test_an_address_is_not_flooded_at_once",
      "integration/test_leads.py::test_an_address_is_not_flooded",
      "integration/test_leads.py::test_a_client_is_not_heard_for_ever",
      "integration/test_back_in_stock.py::test_not_too_often",
      "integration/test_catalogue_pages.py::test_no_cookie_before_a_cart",
      "unit/test_throttle.c::three_an_hour"]),
    (27, "A catalogue or an order file that bites",
     "a file is checked as a whole: text, lengths, addresses of pictures, "
     "amounts; or nothing of it is taken",
     ["unit/test_import.c::each_error", "unit/test_import.c::lengths",
      "unit/test_import.c::images", "unit/test_import.c::html",
      "unit/test_import.c::every_cut",
      "integration/test_history_import.py::test_what_cannot_be_read",
      "integration/test_history_import.py::test_files_that_are_none",
      HOSTILE + "test_every_text_on_every_page",
      REPLAY + "[csv]", REPLAY + "[import]", REPLAY + "[orders]"]),
    (28, "Somebody is tracked who said no",
     "where consent is needed, nothing of Klaviyo's is on a page and nothing "
     "but orders is told before a yes, or after a no",
     ["integration/test_consent.py::test_before_a_yes",
      "integration/test_consent.py::test_shopping_before_a_yes",
      "integration/test_consent.py::test_no",
      "integration/test_consent.py::test_taken_back",
      "integration/test_consent.py::test_klaviyos_opt_out",
      "integration/test_onsite_server.py::test_opted_out",
      "browser/test_banner.py::test_before_an_answer",
      "browser/test_banner.py::test_no"]),
]
NAMED = sorted({test for row in THREATS for test in row[3]})


def read(*path):
    with open(os.path.join(TREE, *path), encoding="utf-8") as f:
        return f.read()


def python_tests(text):
    """The tests that pytest finds in a file: top-level, not skipped."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            marks = [ast.unparse(d) for d in node.decorator_list]
            if not any(".skip" in m or ".xfail" in m for m in marks):
                found.add(node.name)
    return found


def c_tests(text):
    """The functions of a file that cmocka is told to run."""
    listed = text[text.index("struct CMUnitTest"):]
    return {name for name in re.findall(r"^(\w+)\(void \*\*state\)", text,
                                        re.M)
            if re.search(r"\b\w*(?:test|TEST)\w*\((?:\w+, )*"
                         + name + r"\b", listed)}


@pytest.mark.parametrize("test", NAMED)
def test_it_exists(test):
    path, _, name = test.partition("::")
    name, _, case = name.partition("[")
    text = read("tests", path)
    if path.endswith(".c"):
        assert name in c_tests(text)
        return
    assert name in python_tests(text)
    if case:  # a fuzz target: its source, and what it is tried with
        assert os.path.exists(os.path.join(TREE, "tests", "fuzz",
                                           case[:-1] + ".c"))
        assert os.listdir(os.path.join(TREE, "tests", "fuzz", "corpus",
                                       case[:-1]))


def test_no_threat_is_without_one():
    assert [row for row, *_ in THREATS] == list(range(1, 29))
    for row, threat, rule, tests in THREATS:
        assert threat and rule, row
        assert tests and len(set(tests)) == len(tests), row


def test_what_is_missing_is_noticed():
    """The two readers find nothing that is not run."""
    text = ("def test_a():\n    pass\n\n\n@pytest.mark.skip\ndef test_b():\n"
            "    pass\n\n\ndef other():\n    def test_c():\n        pass\n")
    assert python_tests(text) == {"test_a"}
    text = ("static void\na(void **state)\n{\n}\nstatic void\nb(void **state)"
            "\n{\n}\nstatic const struct CMUnitTest tests[] = {\n"
            "    cmocka_unit_test(a),\n};\n")
    assert c_tests(text) == {"a"}


# ------------------------------------------------------------------ other users

def test_files_are_the_shops_own():
    """After a whole run with the widest umask: nobody else reads or writes what
    the shop has made; only the socket is there for its group."""
    from harness import Shop
    from shop_kit import checkout, fill_cart
    had = os.umask(0)
    try:
        with Shop("nginx", engine="sqlite") as shop:
            visitor = shop.visitor()
            fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
            assert checkout(visitor).status == 200
            shop.run("backup", shop.path("copy.db"))
            shop.run("feed", "json", "-o", shop.path("feed.json"))
            modes = {name: os.stat(shop.path(name)).st_mode & 0o777
                     for name in os.listdir(shop.dir)}
    finally:
        os.umask(had)
    for name in ("shop.db", "shop.db-wal", "shop.db-shm", "shop.db.lock",
                 "secret", "copy.db"):
        assert modes[name] == 0o600, (name, oct(modes[name]))
    assert modes["storefront.sock"] == 0o660
    assert modes["private.key"] == 0o400


# -------------------------------------------------------------------------- SQL

RUNS = re.compile(
    r"\b(db_run|db_sql|run|sql|(?<!_)klaviyo_sqlite|klaviyo_pgsql|sqlite3_exec|"
    r"sqlite3_prepare_v[23]|PQexec|PQexecParams|PQsendQuery\w*|PQprepare)\s*\(")
PRINTS = re.compile(r"\b(\w*printf|\w*text_add|str(?:cat|cpy|ncat))\s*\(")
SQL = re.compile(
    r"\b(SELECT\s|INSERT INTO|UPDATE \w|DELETE FROM|CREATE (TABLE|INDEX)|"
    r"ALTER TABLE|DROP TABLE|WHERE \w|ORDER BY|VALUES ?\()")
# What is run by a name and not as a text: tables of statements, or the seam
# itself, which hands on what it was given.
BY_NAME = {
    "commands_doctor.c": {"newest[i]"}, "db.c": {"sql"},
    "db_group.c": {"sql"}, "db_pgsql.c": {"sql"},
    "db_schema.c": {"next", "sql"}, "db_sqlite.c": {"sql", "pragma[i]"},
    "migrate.c": {"sql"},
    "migrate_copy.c": {"select", "c->insert", "first ? begin : go_on"},
    "outbox.c": {"sql[i]", "outbox", "others[i]"}, "queue.c": {"sql"},
    "pgsql.c": {"sql", "run"}, "settle.c": {"many[s->outcome]"},
    "status.c": {"listing_of(state, id)"},
    "sqlite.c": {"text"},
}
# A shop is moved table by table: statements are made of the schema's own
# names, each of which was seen to be a plain word.
PRINTED = {"migrate.c", "migrate_copy.c", "migrate_tables.c"}


def arguments(text, at):
    """Of the call whose parenthesis opens at ${at}."""
    depth, found, begin, i = 0, [], at + 1, at
    while True:
        c = text[i]
        if c in "\"'":
            i += 1
            while text[i] != c:
                i += 2 if text[i] == "\\" else 1
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return found + [text[begin:i].strip()]
        elif c == "," and depth == 1:
            found.append(text[begin:i].strip())
            begin = i + 1
        i += 1


def whole(argument):
    """Is it nothing but texts of the source, or a choice between such?"""
    rest = re.sub(r'"(?:\\.|[^"\\])*"', "", argument)
    choice = rest.partition("?")[2] if "?" in rest else rest
    return '"' in argument and re.fullmatch(r"[\sA-Z0-9_:()]*", choice)


def not_whole(name, text):
    """Where a statement is not a text of the source."""
    places = {"db_run": 3, "db_sql": 1, "run": 1, "sql": 1, "sqlite3_exec": 1,
              "klaviyo_sqlite": 1, "klaviyo_pgsql": 1, "PQprepare": 2}
    for m in RUNS.finditer(text):
        args = arguments(text, m.end() - 1)
        if not any('"' in a for a in args) and (
                len(args) < 2 or any(" *" in a or a.startswith("const ")
                                     for a in args)
                or (m[1] == "run" and name in (
                    "main.c", "commands_outbox.c", "commands_preview.c"))):
            continue  # a declaration, or no statement at all
        place = places.get(m[1], 1)
        if place >= len(args):
            yield m[0], args
        elif not whole(args[place]) and not (
                args[place] in BY_NAME.get(name, ())):
            if name in PRINTED and args[place].startswith("arena_printf("):
                continue
            yield m[0], args


def printed(text):
    """Where SQL is put together."""
    for m in PRINTS.finditer(text):
        call = " ".join(arguments(text, m.end() - 1))
        words = " ".join(re.findall(r'"((?:\\.|[^"\\])*)"', call))
        if SQL.search(words):
            yield m[0], words


def sources():
    from test_layers import files, without_comments
    for room in ("storefront", "klaviyo"):
        for name, text in files(room, ".c", ".h").items():
            yield name, without_comments(text)


def test_sql_is_whole_in_the_source():
    seen = 0
    for name, text in sources():
        if name.endswith(".c"):
            seen += len(RUNS.findall(text))
            assert list(not_whole(name, text)) == [], name
    assert seen > 150


def test_no_sql_is_printed():
    for name, text in sources():
        if name not in PRINTED:
            assert list(printed(text)) == [], name


def test_the_gate_can_fail():
    for bad in ('db_run(db, NULL, NULL, text);',
                'db_run(db, NULL, NULL, arena_printf(arena, "DELETE FROM x '
                'WHERE id = %s", id));',
                'store->sql(store->conn, made, 0, NULL, NULL, NULL);',
                'db_run(db, NULL, NULL, a ? "SELECT 1" : made);',
                'sqlite3_exec(c->conn, buffer, NULL, NULL, NULL);'):
        assert list(not_whole("cart.c", bad)), bad
    for bad in ('snprintf(sql, sizeof(sql), "SELECT a FROM b WHERE c = \'%s\'",'
                ' q);', 'text_add(&sql, " ORDER BY "); text_add(&sql, by);'):
        assert list(printed(bad)), bad
    for good in ('db_run(db, row, &x, "SELECT 1 WHERE " DUE, id);',
                 'db_run(db, NULL, NULL, a ? "SELECT 1" : "SELECT 2", id);'):
        assert not list(not_whole("cart.c", good)), good


if __name__ == "__main__":
    for row, threat, rule, tests in THREATS:
        print(f"{row:2} {threat}\n     {rule}")
        for test in tests:
            print("       " + test)
