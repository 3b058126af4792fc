"""
abi.py - what a program that is linked with libklaviyo rests on, one line each:
functions and their parameters, sizes and offsets of structs, values of enums
and macros, read off klaviyo.h by the compiler.

    /usr/bin/python3 tests/abi.py > src/klaviyo/klaviyo.abi      (make abi)

The list in the tree is compared with the header by tests/integration/
test_layers.py.  It is of x86-64; other 64-bit systems have the same numbers.
"""
import os
import re
import subprocess
import sys
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(TREE, "src", "klaviyo", "klaviyo.abi")


def header(path=None):
    """klaviyo.h without its comments."""
    with open(path or os.path.join(TREE, "src", "klaviyo", "klaviyo.h"),
              encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)


def functions(text):
    """{name: prototype}"""
    found = re.findall(r"^KLAVIYO_API ([^;{]*?(klaviyo_\w+)\([^;]*\));", text,
                       re.M | re.S)
    return {name: " ".join(whole.split()).replace("( ", "(")
            for whole, name in found}


def callbacks(text):
    found = re.findall(r"^typedef ([^;{]*?(klaviyo_\w+)\([^;]*\));", text,
                       re.M | re.S)
    return {name: " ".join(whole.split()).replace("( ", "(")
            for whole, name in found}


def structs(text):
    """{name: [members]}"""
    result = {}
    for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text,
                                 re.M | re.S):
        members = []
        for line in body.split(";"):
            members += [re.findall(r"\w+", re.sub(r"\[.*?\]", "", one))[-1]
                        for one in line.split(",") if one.strip()]
        result[name] = members
    return result


def enums(text):
    """[constants]; but for the number of metrics, which may grow."""
    return [name for body in re.findall(r"^enum (?:\w+ )?\{(.*?)\};", text,
                                        re.M | re.S)
            for name in re.findall(r"\b(KLAVIYO_\w+)", re.sub(
                r"=[^,]*", "", body)) if name != "KLAVIYO_METRICS"]


def macros(text):
    return [name for name in re.findall(r"^#define (KLAVIYO_\w+)[ \t]+\S", text,
                                        re.M) if name not in ("KLAVIYO_API",
                                                 "KLAVIYO_REVISION")]


def soname():
    with open(os.path.join(TREE, "Makefile"), encoding="utf-8") as file:
        return re.search(r"^SONAME\s*:= (\S+)", file.read(), re.M)[1]


def measured(text):
    """The compiler's numbers: lines."""
    source = ["#include <klaviyo.h>", "#include <stdio.h>",
              "int main(void) {"]
    for name, members in structs(text).items():
        source.append(f'printf("struct {name}: %zu bytes\\n", '
                      f"sizeof(struct {name}));")
        source += [f'printf("struct {name}.{m}: %zu bytes at %zu\\n", '
                   f"sizeof(((struct {name} *)0)->{m}), "
                   f"offsetof(struct {name}, {m}));" for m in members]
    source += [f'printf("enum {name} = %d\\n", (int){name});'
               for name in enums(text)]
    for name in macros(text):
        quoted = re.search(rf"#define {name}\s+\"", text)
        source.append(f'printf("macro {name} = %{"s" if quoted else "d"}\\n", '
                      f"{name});")
    source += ["return 0; }", ""]
    with tempfile.TemporaryDirectory(prefix="abi-") as folder:
        name = os.path.join(folder, "abi")
        with open(name + ".c", "w", encoding="utf-8") as file:
            file.write("\n".join(source))
        subprocess.run(["cc", "-std=c11", "-I",
                        os.path.join(TREE, "src", "klaviyo"), name + ".c",
                        "-o", name], check=True)
        return subprocess.run([name], check=True, capture_output=True,
                              text=True).stdout.splitlines()


def lines():
    text = header()
    return [f"soname {soname()}",
            *sorted(f"function {p}" for p in functions(text).values()),
            *sorted(f"callback {p}" for p in callbacks(text).values()),
            *measured(text)]


def difference(listed, now):
    """What to say of a header that is no longer the listed one; None: it is."""
    gone = [line for line in listed if line not in now]
    new = [line for line in now if line not in listed]
    if not gone and not new:
        return None
    shown = [f"  - {line}" for line in gone] + [f"  + {line}" for line in new]
    if any(line.startswith("soname ") for line in gone) or not gone:
        todo = ["Programs that are linked already go on as they are: `make "
                "abi` writes the list anew; raise VERSION's middle number for "
                "the next release."]
    else:
        todo = ["Programs linked with the last release would read the wrong "
                "bytes, or not start. Take it back; or, if a release has been "
                "made since the list was begun, raise SONAME in the Makefile "
                "(libklaviyo.so.N, and the Debian package libklaviyoN in "
                "www/debian/control). Then `make abi` writes the list anew."]
    return "\n".join(["src/klaviyo/klaviyo.abi is not what klaviyo.h says:",
                      *shown, *todo])


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
