#!/usr/bin/env python3
"""Checks READMEs: each folder has one, it names every file of its folder, and every file and folder
that it names exists.

usage: readmes.py SOURCE-ROOT

First READMEs with each kind of error are checked, in memory, and must be refused: a test that finds
nothing would always pass. Prints TAP, a case for each folder."""
import os
import re
import sys

ROOTS = ("bench", "clients", "src", "subprojects", "tests", "tools")
# Folders without a README: what they hold is named by the README of the folder above, or is data.
PLAIN = re.compile(r"/(examples|include|include/kith|proto|bugs|corpus|corpus/.*|__pycache__)$")
UNNAMED = {"README.md", "meson.build"}
FILE = re.compile(r"[\w./-]+\.(c|cc|h|S|py|md|proto|def|txt|svg|jsonl)")


def files_of(root):
    """All files below the roots: {folder: names}."""
    found = {}
    for top in ROOTS:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = [f for f in folders if not f.startswith(".") and f not in ("__pycache__", "build")]
            found[os.path.relpath(folder, root)] = {n for n in names if not n.startswith(".")}
    return found


def is_there(word, folder, found, root):
    """Beside the README, as a path from the root or from src, in the folder of src that tests are of, or, a bare name, anywhere."""
    bases = ["", "src", folder, folder.replace("tests/", "src/", 1)]
    if any(os.path.exists(os.path.join(root, base, word)) for base in bases):
        return True
    return "/" not in word and any(word in names for names in found.values())


def complaints(text, folder, found, root):
    said = set(re.findall(r"`([^`\s]+)`", text))
    for name in sorted(found[folder] - UNNAMED - said):
        yield f"does not name {name}"
    for word in sorted(said):
        if FILE.fullmatch(word) and not is_there(word, folder, found, root):
            yield f"names {word}, which is not there"
    for link in sorted(set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))):
        if not os.path.exists(os.path.join(root, folder, link)):
            yield f"links to {link}, which is not there"


def check_the_check(found, root):
    folder = "src/base"
    with open(os.path.join(root, folder, "README.md"), encoding="utf-8") as f:
        text = f.read()
    lies = [text.replace("`error.c`", "error.c"), text + "`no_such_file.c`", text + "[x](no/such/folder)"]
    return all(len(list(complaints(lie, folder, found, root))) == 1 for lie in lies)


def main():
    root = sys.argv[1]
    found = files_of(root)
    folders = [f for f in sorted(found) if found[f] - UNNAMED and not PLAIN.search("/" + f)]
    print(f"1..{len(folders) + 1}")
    print("ok 1 - lies are seen" if check_the_check(found, root) else "not ok 1 - lies are seen")
    for i, folder in enumerate(folders, 2):
        path = os.path.join(root, folder, "README.md")
        wrong = ["there is no README.md"]
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                wrong = list(complaints(f.read(), folder, found, root))
        print(f"{'not ok' if wrong else 'ok'} {i} - {folder}")
        for line in wrong:
            print(f"# {folder}/README.md {line}")


main()
