#!/usr/bin/env python3
"""What makes the source readable and can be counted: lines of comments and docs that end before
column 100, files that open with what they hold, folders that are small and have a README.

usage: reading.py ROOT

Prints TAP, a case for each rule, and first that a planted offence against it is seen."""
import os
import re
import sys

COLUMNS = 100
FILES_MAX = 30  # of one folder of src: some 25, and room to cut the next one out in time
TOPS = ("src", "tests", "bench", "subprojects", "clients", "docs", "tools")
SKIPPED = ("build", ".git", "corpus", "__pycache__", "subprojects/packagecache")


def files(root):
    """Paths of all source and text, as git would list them."""
    for top in TOPS:
        for where, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("."))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(where, name), root)


def wide_comments(text):
    """Numbers of lines beyond the last column that are, or end in, a comment of C."""
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        has = inside or "/*" in line
        if "/*" in line and "*/" not in line[line.rindex("/*"):]:
            inside = True
        elif "*/" in line:
            inside = False
        if has and len(line) > COLUMNS and '"' not in line and not line.endswith("\\"):
            yield number


def wide_prose(text):
    """The same of Markdown: tables and blocks of code may be wider."""
    code = False
    for number, line in enumerate(text.split("\n"), 1):
        code ^= line.startswith("```")
        if not code and len(line) > COLUMNS and not line.startswith(("|", "    ")) and "](http" not in line:
            yield number


def opens_with_a_sentence(text):
    return text.startswith(("/*", "//"))


def case(number, ok, what, bad=()):
    print(f"{'ok' if ok else 'not ok'} {number} - {what}")
    for line in list(bad)[:40]:
        print(f"# {line}")
    return ok


def main():
    root = sys.argv[1]
    comments, prose, silent, folders = [], [], [], {}
    for path in files(root):
        if path.startswith("src/"):
            folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
        if not path.endswith((".c", ".h", ".cc", ".md")):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        if path.endswith(".md"):
            prose += [f"{path}:{n}" for n in wide_prose(text)]
            continue
        comments += [f"{path}:{n}" for n in wide_comments(text)]
        if path.endswith(".c") and path.startswith("src/") and not opens_with_a_sentence(text):
            silent.append(path)
    large = [f"{f}: {len(names)} files" for f, names in folders.items() if len(names) > FILES_MAX]
    bare = [f for f, names in folders.items() if "README.md" not in names]
    wide = "x" * (COLUMNS - 3)
    print("1..8")
    ok = case(1, list(wide_comments(f"/* {wide}y\n * fits */\nint a; /* {wide} */")) == [1, 3],
              "a comment that is too wide is seen")
    ok &= case(2, list(wide_prose(f"{wide}xxxx\n| {wide}xxxx |\n```\n{wide}xxxx\n```")) == [1],
               "a paragraph that is too wide is seen")
    ok &= case(3, not opens_with_a_sentence('#include "a.h"\n'), "a file that opens without a sentence is seen")
    ok &= case(4, not comments, f"comments end before column {COLUMNS}", comments)
    ok &= case(5, not prose, f"paragraphs of docs end before column {COLUMNS}", prose)
    ok &= case(6, not silent, "every .c file of src opens with what it holds", silent)
    ok &= case(7, not large, f"no folder of src has more than {FILES_MAX} files", large)
    ok &= case(8, not bare, "every folder of src has a README", bare)
    sys.exit(not ok)


main()
