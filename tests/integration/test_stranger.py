"""The stranger's walk: in an empty folder, with the installed library, from what
README's section "In your own shop" and klaviyo(3) show and nothing else, a shop
whose Viewed Product, Placed Order and Ordered Product arrive in the installed
sandbox, whose own page finds nothing to fault."""
import json
import os
import re
import subprocess

import pytest
from selenium.webdriver.common.by import By

from harness import PATIENCE, TREE, wait_for
from installed import (Installed, check_nothing_to_fault, sanitizers,
                       serve_cgi)

SARAH = "sarah.mason@klaviyo-demo.com"
THREE = ("Viewed Product", "Placed Order", "Ordered Product")


@pytest.fixture(scope="module")
def usr():
    with Installed() as installed:
        yield installed


@pytest.fixture
def sandbox(usr):
    with usr.sandbox("--rate", "off") as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    empty = tmp_path / "shop"
    empty.mkdir()
    return empty


def shell(usr, command, folder, env=None):
    """A line as it is printed, typed in the folder."""
    flags = " ".join(sanitizers())
    done = subprocess.run(
        ["sh", "-euc", command.replace("cc ", f"cc {flags} ", 1)
         if command.startswith("cc ") else command],
        cwd=folder, capture_output=True, text=True, timeout=PATIENCE * 5,
        check=False, env={**os.environ, **usr.env, **(env or {}),
                          "PATH": usr.path("bin") + ":" + os.environ["PATH"],
                          **usr.pkg_config_env})
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def events(sandbox, metric):
    return [e for e in sandbox.state["events"] if e["metric"] == metric]


# ---------------------------------------------------------------- klaviyo(3)

def example():
    """(program, commands) of klaviyo.3's EXAMPLES."""
    with open(os.path.join(TREE, "src/klaviyo/klaviyo.3"),
              encoding="utf-8") as file:
        part = re.search(r"^\.Sh EXAMPLES\n(.*?)^\.Sh ", file.read(),
                         re.M | re.S)[1]
    program, commands = (text.replace("\\&", "").replace("\\e", "\\") for text
                         in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed", part,
                                       re.M | re.S))
    return program, commands.splitlines()


def test_the_page_of_the_manual(usr, sandbox, browser, folder):
    program, commands = example()
    (folder / "shop.c").write_text(program)
    build, start, *exports, deliver = commands
    assert start.startswith("klaviyo-sandbox --listen ")
    address = "http://" + start.split()[-1]
    settings = dict(word.split("=", 1) for line in exports
                    for word in line.removeprefix("export ").split())
    env = {name: value.replace(address, sandbox.url)
           for name, value in settings.items()}
    assert env["KLAVIYO_API_URL"] == sandbox.url
    (folder / env["KEY_FILE"]).write_text("pk_sandbox\n")
    shell(usr, build, folder)
    with serve_cgi(str(folder / "shop"), {**usr.env, **env}, folder) as url:
        browser.get(url)
        browser.find_element(By.NAME, "email").send_keys(SARAH)
        browser.find_element(By.TAG_NAME, "button").click()
        wait_for(lambda: "Thank you" in browser.title, "the order")
        wait_for(lambda: SARAH in json.dumps(sandbox.state["profiles"]),
                 "identify")
        browser.get(url)
        wait_for(lambda: events(sandbox, "Viewed Product"), "Viewed Product")
    shell(usr, deliver, folder, env)
    placed, = events(sandbox, "Placed Order")
    assert placed["who"] == SARAH and placed["value"] == 9.99
    check_nothing_to_fault(browser, sandbox, *THREE)
    # Once more: nothing is sent twice.
    before = sandbox.counts
    shell(usr, deliver, folder, env)
    assert sandbox.counts == before


# -------------------------------------------------------------------- README

# What README says is yours.
AROUND = """#include <klaviyo.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile int stop;
static struct klaviyo_tally tally;
static const char *public_key = "ABC123", *key = "pk_sandbox";
static const char *const shelf[] = {"Fiction", "Children"};

static void
save_the_order(sqlite3 *db, const struct klaviyo_order *order)
{
	klaviyo_sqlite(db, "INSERT INTO orders VALUES ($1)", 1,
	    (const char *[]){order->id}, NULL, NULL);
}
static void
log_line(const char *line)
{
	fprintf(stderr, "%s\\n", line);
}
/* A test need not wait: nothing is left to be sent. */
static void
sleep_ms(int64_t ms)
{
	(void)ms;
	stop = 1;
}
static void
page(struct klaviyo_profile visitor, struct klaviyo_item item)
{
	printf("Content-Type: text/html\\r\\n\\r\\n<title>Pooh</title>\\n");
@PAGE@
	free(url);
	free(who);
	free(seen);
}
static void
order(struct klaviyo_profile visitor, struct klaviyo_item item, sqlite3 *db,
    struct klaviyo_store store, int64_t now)
{
@ORDER@
}
static void
worker(struct klaviyo_store store)
{
@WORKER@
}
int
main(int argc, char **argv)
{
	struct klaviyo_profile visitor = {.email = "sarah.mason@klaviyo-demo.com"};
	struct klaviyo_item item = {.product_id = "1111", .sku = "WINNIEPOOH",
	    .name = "Winnie the Pooh", .brand = "Kids Books",
	    .url = "https://books.klaviyo-demo.com/pooh",
	    .image_url = "https://books.klaviyo-demo.com/pooh.png",
	    .categories = shelf, .ncategories = 2, .price = 999, .quantity = 2};
	struct klaviyo_store store = {.sql = klaviyo_sqlite};
	sqlite3 *db;

	if (sqlite3_open("shop.db", &db) != SQLITE_OK)
		return 1;
	store.conn = db;
	sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS orders (id)", NULL, NULL,
	    NULL);
	if (klaviyo_outbox_create(&store) != 0)
		return 1;
	if (argc == 1)
		page(visitor, item);
	else if (strcmp(argv[1], "order") == 0)
		order(visitor, item, db, store, time(NULL));
	else
		worker(store);
	klaviyo_sqlite_finish(db);
	return sqlite3_close(db) != SQLITE_OK;
}
"""


def section():
    with open(os.path.join(TREE, "README.md"), encoding="utf-8") as file:
        return re.search(r"^## In your own shop\n(.*?)^##",
                         file.read(), re.M | re.S)[1]


def test_what_readme_shows(usr, sandbox, browser, folder):
    text = section()
    blocks = re.findall(r"^```c\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 3, "a page, an order, a worker"
    program = AROUND
    for name, block in zip(("PAGE", "ORDER", "WORKER"), blocks):
        program = program.replace(f"@{name}@\n",
                                  re.sub(r"^(?=.)", "\t", block, flags=re.M))
    (folder / "shop.c").write_text(program)
    build = re.search(r"^    (cc shop\.c .*)$", text, re.M)[1]
    shell(usr, build + " -lsqlite3 -Wall -Wextra -Werror -o shop", folder)
    env = {"KLAVIYO_API_URL": sandbox.url, "KLAVIYO_ONSITE_URL": sandbox.url}
    with serve_cgi(str(folder / "shop"), {**usr.env, **env}, folder) as url:
        browser.get(url)
        wait_for(lambda: events(sandbox, "Viewed Product"), "Viewed Product")
    shell(usr, "./shop order", folder, env)
    shell(usr, "./shop worker", folder, env)
    assert [e["value"] for e in events(sandbox, "Placed Order")] == [19.98]
    assert {e["who"] for e in sandbox.state["events"]
            if e["metric"] in THREE} == {SARAH}
    check_nothing_to_fault(browser, sandbox, *THREE)


def test_readme_names_what_is_there(usr):
    """Every partial with what it needs, every function of the surface."""
    text = section()
    partials = {name for name in os.listdir(usr.path(
        "share", "storefront", "templates", "klaviyo"))}
    assert set(re.findall(r"^\| `(\w+\.tpl)` \|", text, re.M)) == partials
    with open(usr.path("include", "klaviyo.h"), encoding="utf-8") as file:
        declared = set(re.findall(r"KLAVIYO_API [^;(]*?(klaviyo_\w+)\(",
                                  file.read()))
    for name in re.findall(r"`(klaviyo_\w+)\(\)`", text):
        assert name in declared, name
    # "klaviyo_queue_order _change": the second goes on as the first began.
    screen = re.search(r"^    klaviyo_identify.*?\n\n", text,
                       re.M | re.S)[0]
    said, room = set(), ""
    for word in re.findall(r"\w+", screen):
        if word.startswith("klaviyo_"):
            said.add(word)
            room = word
        elif word.startswith("_"):
            parts = room.split("_")
            said |= {"_".join(parts[:n]) + word for n in range(1, len(parts))
                     } & declared
    assert said == declared, declared ^ said
