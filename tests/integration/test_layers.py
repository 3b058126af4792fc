"""The rooms of the house keep their doors: who may include whom, and where
Klaviyo's names may be spelled.  It reads the sources, and runs nothing."""
import os
import re
import subprocess

import pytest

import abi
from harness import TREE

SRC = os.path.join(TREE, "src")
# The storefront's files that know the library.
SEE_KLAVIYO = {"tracking.c", "tracking_account.c", "tracking_feed.c",
               "tracking_order.c", "tracking_onsite.c", "tracking_catalog.c",
               "catalog_push.h", "catalog_push.c", "catalog_jobs.c",
               "catalog_kept.c", "commands_catalog.c",
               "tracking_preview.c", "commands_preview.c",
               "commands_reconcile.c", "expected.c", "reconcile.h",
               "commands_doctor.c", "doctor_ask.c", "ready.c",
               "tracking.h", "key.c", "key.h", "worker.c", "history.c",
               "commands_outbox.c", "outbox_shown.c", "status.h",
               "status_figures.c",
               "status_page.c", "status_metrics.c", "status_serve.c", "db.c",
               "db.h", "db_group.c", "db_group.h", "db_members.c",
               "db_readers.c",
               "db_pgsql.c",
               "db_schema.c", "db_sqlite.c", "settings.c"}


def files(room, *endings):
    folder = os.path.join(SRC, room)
    return {name: open(os.path.join(folder, name), encoding="utf-8").read()
            for name in sorted(os.listdir(folder)) if name.endswith(endings)}


def includes(text):
    """What a file includes, without the path: klaviyo.h, stdio.h, .."""
    return [os.path.basename(name) for name in
            re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M)]


def without_comments(text):
    """The C code with its comments blanked; strings stay."""
    return re.sub(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*',
                  lambda m: m[0] if m[0][0] == '"' else " ", text,
                  flags=re.S)


def texts(code):
    """The string literals, neighbours joined, as the compiler has them."""
    code = re.sub(r'"\s*"', "", without_comments(code))
    return re.findall(r'"((?:\\.|[^"\\])*)"', code)


ROOMS = {room: files(room, ".c", ".cc", ".h", ".S")
         for room in ("klaviyo", "storefront", "sandbox")}
HEADERS = {room: {name for name in ROOMS[room] if name.endswith(".h")}
           for room in ROOMS}


def test_the_rooms_are_there():
    assert "klaviyo.h" in HEADERS["klaviyo"]
    assert "storefront.h" in HEADERS["storefront"]
    assert "sandbox.h" in HEADERS["sandbox"]
    assert SEE_KLAVIYO & set(ROOMS["storefront"]) >= {"tracking.c", "db.c"}


def test_header_names_tell_the_room():
    """Two headers of one name would make every other test here blind."""
    for a, b in (("klaviyo", "storefront"), ("klaviyo", "sandbox"),
                 ("storefront", "sandbox")):
        assert not HEADERS[a] & HEADERS[b]


@pytest.mark.parametrize("room, others", [
    ("klaviyo", ("storefront", "sandbox")),
    ("sandbox", ("klaviyo", "storefront")),
    ("storefront", ("sandbox",))])
def test_arrows_go_down_only(room, others):
    for name, text in ROOMS[room].items():
        for other in others:
            assert not HEADERS[other].intersection(includes(text)), name


def test_klaviyo_h_needs_nothing_of_ours():
    ours = set().union(*HEADERS.values())
    assert not ours.intersection(includes(ROOMS["klaviyo"]["klaviyo.h"]))


def test_the_storefront_sees_only_the_public_header():
    for name, text in ROOMS["storefront"].items():
        assert not (HEADERS["klaviyo"] - {"klaviyo.h"}).intersection(
            includes(text)), name


def test_few_files_of_the_storefront_see_klaviyo_h():
    seeing = {name for name, text in ROOMS["storefront"].items()
              if "klaviyo.h" in includes(text)}
    assert seeing <= SEE_KLAVIYO


def test_only_they_call_the_library():
    for name, text in ROOMS["storefront"].items():
        if name not in SEE_KLAVIYO:
            code = re.sub(r'"(?:\\.|[^"\\])*"', '""', without_comments(text))
            assert not re.search(r"\b(klaviyo|KLAVIYO)_\w+", code), name


@pytest.mark.parametrize("room", ["klaviyo", "storefront"])
def test_one_clock(room):
    """kl_now() and utc_now(); time() is up to a tick of the kernel behind."""
    for name, text in ROOMS[room].items():
        assert not re.search(r"\btime\((NULL|0|&)", without_comments(text)), name


# Where Klaviyo's names are spelled, in the whole program.
SPELL = ("properties.c", "properties_order.c", "properties_account.c",
         "profile.c")


def klaviyo_names():
    """The names of metrics and properties, read off the files that spell
    them: one word or two, that no other sense could have."""
    names = set()
    for name in SPELL:
        names.update(text for text in texts(ROOMS["klaviyo"][name])
                     if re.fullmatch(r"[A-Z][a-z]+(?:[A-Z]+[a-z]*)+"
                                     r"|[A-Z][a-z]+ (?:to )?[A-Z][a-z]+"
                                     r"|\$\w+", text))
    return names


def test_the_list_of_names_is_not_empty():
    assert klaviyo_names() >= {"Placed Order", "Added to Cart", "OrderId",
                               "AddedItemProductName", "$event_id",
                               "CheckoutURL", "ItemNames"}


def test_pages_never_spell_a_klaviyo_name():
    names = klaviyo_names()
    pages = [n for n in ROOMS["storefront"]
             if re.match(r"pages|form|cart|order|catalog|session|account|reset"
                         r"|leads|throttle|password", n)]
    assert "pages.c" in pages and "order.c" in pages
    for page in pages:
        for text in texts(ROOMS["storefront"][page]):
            for name in names:
                assert name not in text, f"{page}: {text}"


def test_property_names_are_spelled_in_one_place():
    """Of the whole program only properties*.c and profile.c know them."""
    names = {n for n in klaviyo_names() if n != "$value"}
    for room in ("klaviyo", "storefront"):
        for file, code in ROOMS[room].items():
            if file in SPELL or file.endswith(".h"):
                continue
            spelled = names.intersection(texts(code))
            if file == "tracking_account.c":
                # What an account's parts are called in UpdatedProperties is
                # the shop's choice: it calls them as Klaviyo's addresses do.
                spelled -= {"FirstName", "LastName"}
            assert not spelled, f"{file}: {spelled}"


def test_order_c_builds_no_json_and_tracking_c_sees_no_request():
    orders = [n for n in ROOMS["storefront"] if n.startswith("order")]
    assert len(orders) >= 5
    for name in orders:
        for text in texts(ROOMS["storefront"][name]):
            assert "{" not in text and '\\"' not in text, name
    tracking = without_comments(ROOMS["storefront"]["tracking.c"])
    assert not re.search(r"\bstruct (request|response|visit)\b", tracking)


def test_only_key_c_reads_the_private_key():
    """Others may look at the file's name and mode, never inside."""
    users = {name for name, text in ROOMS["storefront"].items()
             if re.search(r"private_key_file", without_comments(text))}
    assert users <= {"key.c", "settings.c", "commands_doctor.c",
                     "base.h"}
    opened = [name for name, text in ROOMS["storefront"].items()
              if re.search(r"private_key\s*=", without_comments(text))]
    assert opened == ["key.c"]


# The commands that talk to Klaviyo, each a process of its own; extend it with
# another such command, never with a file of the process that serves pages.
KEY_HOLDERS = {"worker.c", "commands_reconcile.c", "doctor_ask.c",
               "commands_catalog.c"}


def test_only_commands_that_talk_to_klaviyo_have_the_key():
    holders = {name for name, text in ROOMS["storefront"].items()
               if re.search(r"\bklaviyo_open\b|\bkey\.h",
                            without_comments(text))}
    assert holders - {"key.c", "key.h"} <= KEY_HOLDERS
    assert "worker.c" in holders


def test_only_one_file_writes_headers_with_values():
    """What a visitor may have a part in goes through response_header()."""
    for name, text in ROOMS["storefront"].items():
        if name.startswith(("http", "response")):
            continue
        for literal in texts(text):
            assert not re.match(r"(Set-Cookie|Location|ETag|Allow):",
                                literal), f"{name}: {literal}"


# ------------------------------------------- what is written is what is there

def page(room, name):
    return open(os.path.join(SRC, room, name), encoding="utf-8").read()


def table(room, name, pattern):
    found = re.findall(pattern, ROOMS[room][name], re.M)
    assert found, f"the table of {name} has another form"
    return set(found)


@pytest.mark.parametrize("room, name", [
    ("klaviyo", "klaviyo.3"), ("storefront", "storefront.8"),
    ("sandbox", "klaviyo-sandbox.1")])
def test_mandoc_finds_nothing_in_the_pages(room, name):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                           os.path.join(SRC, room, name)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout


def test_klaviyo_3_has_the_whole_surface():
    """Every function and callback, with its parameters; every struct; and no
    other."""
    text = page("klaviyo", "klaviyo.3")
    header = abi.header()
    said = {}
    for result, how, rest in re.findall(
            r"^\.Ft (.*)\n\.F([no]) ((?:.*\n)(?:\.Fa .*\n)*)", text, re.M):
        name = rest.split()[0]
        arguments = re.findall(r'"(.*?)"', rest) if how == "o" or '"' in rest \
            else rest.split()[1:]
        said[name] = f"{result}{'' if result.endswith('*') else ' '}" \
                     f"{name}({', '.join(arguments)})"
    declared = {**abi.functions(header),
                **{name: "typedef " + one for name, one in
                   abi.callbacks(header).items()}}
    assert said == declared, \
        "klaviyo.3's SYNOPSIS is not klaviyo.h: write it there, too"
    described = text[text.index(".Sh DESCRIPTION"):text.index(".Sh EXAMPLES")]
    words = set(re.findall(r"\bklaviyo_\w+", described))
    # Some are described together: klaviyo_queue_* ..
    assert not set(declared) - words, "not in klaviyo.3's DESCRIPTION"
    assert not words - set(declared) - set(abi.structs(header)) - {
        "klaviyo_queue_"}, "klaviyo.3 names what is not there"
    assert not set(abi.structs(header)) - words, "not in klaviyo.3"


def test_storefront_8_has_every_command_setting_and_route():
    text = page("storefront", "storefront.8")
    parts = dict(re.findall(r"^\.Sh (.*)\n((?:(?!\.Sh ).*\n)*)", text, re.M))
    commands = table("storefront", "main.c", r'^    \{"([a-z]+)",')
    assert set(re.findall(r"^\.It Cm (\w+)", parts["COMMANDS"], re.M)) == \
        commands, "main.c's table, and storefront.8"
    for name, file in (("outbox", "commands_outbox.c"),
                       ("order", "commands_order.c")):
        verbs = table("storefront", file, r'^    \{"([a-z-]+)",')
        if name == "order":
            verbs |= {"list", "show"}
        assert set(re.findall(rf"^\.It Cm {name} ([\w-]+)", parts["COMMANDS"],
                              re.M)) == verbs, f"{name}, and storefront.8"
    settings = table("storefront", "settings.c",
                     r'^    \{"((?:STOREFRONT|KLAVIYO)_\w+)", ')
    assert set(re.findall(r"^\.It Ev (\w+)", parts["ENVIRONMENT"], re.M)) == \
        settings, "settings.c's table, and storefront.8"
    routes = table("storefront", "pages.c", r'^    \{"(?:GET|POST)", "(.*?)"')
    assert set(re.findall(r"Pa (/\S*)", parts["ROUTES"])) == routes, \
        "pages.c's table, and storefront.8"
    assert set(re.findall(r"^\.It ([012])$", parts["EXIT STATUS"], re.M)) == \
        set("012")


def test_klaviyo_sandbox_1_has_every_option():
    options = table("sandbox", "main.c", r'^\s*"  (--[a-z-]+)[ ,]')
    said = {"-" + name for name in re.findall(
        r"Fl (-[a-z-]+)", re.search(r"^\.It Fl.*^\.El", page(
            "sandbox", "klaviyo-sandbox.1"), re.M | re.S)[0])}
    assert said - {"--version"} == options - {"--version"}


def test_the_abi_is_the_one_that_is_listed():
    with open(abi.LIST, encoding="utf-8") as file:
        listed = file.read().splitlines()
    said = abi.difference(listed, abi.lines())
    assert said is None, said


def test_a_changed_abi_is_noticed():
    """What it says of what was added, and of what was changed."""
    now = abi.lines()
    added = abi.difference(now[:-1], now)
    assert "`make abi`" in added and "raise SONAME" not in added
    size = [line for line in now if line.startswith("struct klaviyo_item:")][0]
    changed = [line.replace(size, size + " and more") for line in now]
    assert "raise SONAME" in abi.difference(now, changed)
    assert "raise SONAME" in abi.difference(now + ["function gone()"], now)
    raised = ["soname libklaviyo.so.99", *changed[1:]]
    assert "raise SONAME" not in abi.difference(now, raised)
    assert abi.difference(now, now) is None
