"""
The README's map names every file of src, with the words the file itself opens
with, and its walks go by functions that are where it says.

    python tests/integration/test_map.py    prints the map anew
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
from harness import TREE  # noqa: E402

ROOMS = {"klaviyo": "libklaviyo: knows Klaviyo, no shop, no web server",
         "storefront": "the demo shop, the library's first client",
         "sandbox": "klaviyo-sandbox, the stand-in for Klaviyo"}
SHOWN = (".c", ".cc", ".h", ".js", ".sql")
README = open(os.path.join(TREE, "README.md"), encoding="utf-8").read()


def first_words(path):
    """What a file says it is: of "name - words.", the words."""
    text = open(path, encoding="utf-8").read(2000)
    opening = re.match(
        r"(?:/\*|--)\s*(.*?)(?:\*/|\n(?! \*|--)|\n \*\s*\n|\n--\s*\n)", text,
        re.S)
    assert opening, f"{path} opens without saying what it is"
    words = re.sub(r"\s*\n(?: \*| ?--)?\s*", " ", opening[1]).strip()
    words = words.removeprefix("* ")
    words = re.sub(r"^\S+\.\w+(?:, \S+\.\w+)* - ", "", words)
    return re.split(r"(?<=\w\w)[.:;] |\.$", words)[0].strip()


def files(room):
    folder = os.path.join(TREE, "src", room)
    return [name for name in sorted(os.listdir(folder))
            if name.endswith(SHOWN)]


def the_map():
    lines = []
    for room, words in ROOMS.items():
        lines.append(f"    src/{room}/ - {words}")
        for name in files(room):
            said = first_words(os.path.join(TREE, "src", room, name))
            line = f"      {name:<22} {said}"
            lines.append(line if len(line) <= 96 else
                         line[:93].rsplit(" ", 1)[0] + " ..")
    return "\n".join(lines) + "\n"


def test_the_map_is_the_tree():
    assert the_map() in README, (
        "README's file map is not the tree's: put in what "
        "`/usr/bin/python3 tests/integration/test_map.py` prints")


def test_every_file_says_what_it_is():
    for room in ROOMS:
        for name in files(room):
            words = first_words(os.path.join(TREE, "src", room, name))
            assert 3 < len(words) < 200, (name, words)


def test_the_walks_go_by_functions_that_are_there():
    """`file.c` function() .. in the section of the walks."""
    walks = README.split("### Three walks")[1].split("\n## ")[0]
    steps = re.findall(r"([\w.]+\.(?:cc?|sql|tpl|js))`? (?:`)?(\w+)\(\)",
                       walks)
    assert len(steps) > 20
    for file, function in steps:
        found = [os.path.join(where, file)
                 for where, _, names in os.walk(os.path.join(TREE, "src"))
                 if file in names]
        assert found, file
        assert any(re.search(rf"^(?:static .*)?{function}\(|"
                             rf"^[\w *]+\b{function}\(", open(path).read(),
                             re.M) for path in found), (file, function)


if __name__ == "__main__":
    sys.stdout.write(the_map())
