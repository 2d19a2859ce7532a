#!/usr/bin/env python3
"""Checks that #include lines follow the order of folders: a folder includes folders below it only.

usage: includes.py SOURCE-ROOT

The table below is the order; there are no exceptions. First a backward #include is planted in each
folder, in memory, and must be found: a test that finds nothing would always pass. Prints TAP."""
import os
import re
import sys

# Folder of src -> what it may include beside itself and its parts. A part (actors/router) may include its folder, and what that
# may, and the parts that are named here.
MAY = {
    "base": [],
    "reactor": ["base"],
    "vectors": ["base"],
    "index": ["base", "vectors"],
    "columns": ["base", "vectors"],
    "query": ["base", "vectors", "index", "columns"],
    "shards": ["base", "vectors", "index", "columns", "query", "reactor"],
    "gpu": ["base", "vectors", "index"],
    "actors": ["base", "vectors", "index", "columns", "query", "reactor", "shards", "gpu"],
    "net": ["base", "vectors", "index", "columns", "query", "reactor", "shards", "actors"],
    "cli": ["base"],
}

# The same between the parts of a folder, where they have an order.
PARTS = {
    "actors/admission": [],
    "actors/metrics": ["actors/admission"],
    "actors/catalog": ["actors/admission"],
    "actors/router": ["actors/admission", "actors/metrics", "actors/catalog"],
    "net/native": [],
    "net/http": [],
}

# Files of a folder that its own parts must not include, but for those in which everything comes together.
TOPS = {
    "actors/server.h": ["actors/router"],
}

PLANTED = [
    ("base/error.c", "reactor/file.h"),
    ("reactor/loop.c", "shards/store.h"),
    ("vectors/rows.c", "index/segment_index.h"),
    ("vectors/rows.c", "reactor/file.h"),
    ("index/flat/flat.c", "columns/schema.h"),
    ("index/flat/flat.c", "reactor/fibers/fiber.h"),
    ("columns/schema.c", "index/segment_index.h"),
    ("query/query.c", "shards/store.h"),
    ("query/query.c", "reactor/fibers/fiber.h"),
    ("shards/store.c", "actors/core.h"),
    ("gpu/gpu_none.c", "actors/builder.h"),
    ("actors/core.c", "net/front.h"),
    ("actors/admission/admission.c", "actors/router/router.h"),
    ("actors/admission/budget_share.c", "actors/server.h"),
    ("actors/catalog/settings.c", "actors/router/router.h"),
    ("actors/catalog/catalog.c", "actors/server.h"),
    ("actors/metrics/metrics.c", "actors/catalog/catalog.h"),
    ("net/http/http.c", "net/native/native.h"),
    ("cli/output.c", "vectors/metric.h"),
    ("subprojects/vek/vek.c", "base/check.h"),
    ("subprojects/libkith/src/client.c", "base/check.h"),
]


def folder(path, table):
    """The longest folder of the table that path is in; None: none."""
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in table:
            return path
    return None


def complaint(path, include):
    """Why that file may not include that; None: it may."""
    if path.startswith("subprojects/"):
        return f"{path} includes {include}, but a subproject can be built without src"
    of, to = folder(path, MAY), folder(include, MAY)
    if of is None or to is None:
        return None  # main.c brings everything together
    if of != to:
        return None if to in MAY[of] else f"{path} includes {include}, but {of} does not stand on {to}"
    if include in TOPS:
        part = folder(path, PARTS)
        return None if part is None or part in TOPS[include] else f"{path} includes {include}, in which everything comes together"
    part, to_part = folder(path, PARTS), folder(include, PARTS)
    if part is None or to_part in (None, part) or to_part in PARTS[part]:
        return None
    return f"{path} includes {include}, but {part} does not stand on {to_part}"


def includes(root):
    """(file, include) of all that are files of src."""
    for top in ("src", "subprojects"):
        for where, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.relpath(os.path.join(where, name), root).removeprefix("src/")
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    for include in re.findall(r'^\s*#\s*include\s+"([^"]+)"', file.read(), re.M):
                        beside = os.path.relpath(os.path.join(where, include), root)
                        if os.path.exists(os.path.join(root, beside)):
                            include = beside.removeprefix("src/")
                        if os.path.exists(os.path.join(root, "src", include)):
                            yield path, include


def case(number, ok, what, bad=()):
    print(f"{'ok' if ok else 'not ok'} {number} - {what}")
    for line in bad:
        print(f"# {line}")
    return ok


def main():
    all_includes = list(includes(sys.argv[1]))
    folders = sorted(MAY)
    print(f"1..{len(PLANTED) + len(folders) + 2}")
    ok, number = True, 0
    for path, include in PLANTED:
        number += 1
        ok &= case(number, complaint(path, include) is not None, f"finds that {path} would include {include}")
    for name in folders:
        number += 1
        of = [(p, i) for p, i in all_includes if folder(p, MAY) == name]
        bad = [c for c in (complaint(p, i) for p, i in of) if c]
        ok &= case(number, of and not bad, f"the {len(of)} includes of {name} follow the order", bad)
    bad = [complaint(p, i) for p, i in all_includes if p.startswith("subprojects/")]
    ok &= case(number + 1, not bad, "subprojects include nothing of src", bad)
    unknown = sorted({p for p, i in all_includes if "/" in p and not p.startswith("subprojects/") and folder(p, MAY) is None})
    ok &= case(number + 2, not unknown, "every folder of src has its place in the order", unknown)
    sys.exit(not ok)


main()
