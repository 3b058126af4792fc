"""The rooms of the house keep their doors: who may include whom, and where
Klaviyo's names may be spelled.  It reads the sources, and runs nothing."""
import os
import re

import pytest

from harness import TREE

SRC = os.path.join(TREE, "src")
# The storefront's files that know the library.
SEE_KLAVIYO = {"tracking.c", "tracking_account.c", "tracking_feed.c",
               "tracking_order.c", "tracking_onsite.c", "tracking_catalog.c",
               "catalog_push.h", "catalog_push.c", "catalog_jobs.c",
               "catalog_kept.c", "commands_catalog.c",
               "tracking_preview.c", "commands_preview.c",
               "commands_reconcile.c", "expected.c", "reconcile.h",
               "commands_doctor.c", "doctor_ask.c",
               "tracking.h", "key.c", "key.h", "worker.c", "history.c",
               "commands_outbox.c", "db.c", "db.h", "db_schema.c", "db_sqlite.c",
               "db_pgsql.c", "settings.c"}


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
