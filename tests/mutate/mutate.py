#!/usr/bin/env python3
"""Plants bugs, one at a time, and reports which test finds each.

usage: tests/mutate/run [NAME...]            all bugs, or those named
         --check                             only checks whether each bug can still be planted
         --ci                                those marked for every run of CI
         --seeds N (400), --jobs N, --json

A bug is a file bugs/NAME.bug (README.md has the format). Each is planted in a copy of the tree and
built there. Then the tests that it names run, and then the simulator. The exit status is 1 if no test
found a bug, or if a bug could not be planted."""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

SEED_CPU_S = 60  # a seed takes a tenth of one; a few take ten
NOT_COMPILED = "it does not compile"


class Stale(Exception):
    """The bug does not fit the code any more."""


class Bug:
    """One file of bugs/: a sentence, who should find it, and what changes in which files."""

    def __init__(self, path):
        self.name, self.what, self.find, self.ci, self.edits = path.stem, "", [], False, []
        hunk = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith(("-", "+")):
                if hunk is None:
                    raise Stale(f"line {number}: a change before any 'file:'")
                if line[0] == "-" and hunk[2]:
                    hunk = [hunk[0], [], []]
                    self.edits.append(hunk)
                hunk[1 if line[0] == "-" else 2].append(line[1:])
            elif match := re.match(r"(what|find|file|ci): *(.*)$", line):
                key, value = match.groups()
                if key == "file":
                    hunk = [value, [], []]
                    self.edits.append(hunk)
                elif key == "find":
                    self.find = value.replace(",", " ").split()
                elif key == "ci":
                    self.ci = value == "yes"
                else:
                    self.what = value
            elif line.strip():
                raise Stale(f"line {number} is neither a change nor one of what, find, file, ci")
        if not self.what or not self.find or not self.edits:
            raise Stale("it needs what, find and a file with a change")

    def planted(self, top):
        """{path: text} of the files as they are with the bug."""
        texts = {}
        for path, old, new in self.edits:
            text = texts.get(path) or (top / path).read_text()
            lines, start = text.split("\n"), None
            for at in range(len(lines) - len(old) + 1):
                if [x.strip() for x in lines[at:at + len(old)]] == [x.strip() for x in old]:
                    if start is not None:
                        raise Stale(f"{path} has these lines twice: {old[0].strip()}")
                    start = at
            if not old or start is None:
                raise Stale(f"{path} has no such lines: {old[0].strip() if old else 'none given'}")
            lines[start:start + len(old)] = new
            texts[path] = "\n".join(lines)
        return texts


class Tree:
    """A copy of the tree in which bugs are planted, with a build that stays warm between them."""

    def __init__(self, jobs):
        self.top, self.jobs = TOP / "build" / "mutate" / "tree", jobs
        self.build = TOP / "build" / "mutate" / "build"
        names = self.run(["git", "ls-files", "-z"], TOP).stdout.split("\0")
        for name in filter(None, names):
            self.copy(name)
        if not (self.build / "build.ninja").exists():
            done = self.run(["meson", "setup", self.build, self.top, "--buildtype", "release", "-Db_ndebug=false",
                             "-Dc_args=-DKITH_DEBUG=1", "-Dtests=enabled", "-Dbench=disabled"], TOP)
            if done.returncode:
                sys.exit(done.stdout[-2000:])
        done = self.ninja([])
        if done.returncode:
            sys.exit("the tree does not build as it is:\n" + done.stdout[-2000:])
        self.tests = {}
        introspected = self.run(["meson", "introspect", "--tests", self.build], TOP).stdout
        for test in json.loads(introspected):
            self.tests.setdefault(test["name"], []).append(test)
        self.simulator = self.build / "tests" / "simulator" / "simulator"
        self.correct = self.build / "simulator-correct"
        shutil.copy(self.simulator, self.correct)

    def run(self, command, folder, timeout=None, before=None):
        return subprocess.run([str(x) for x in command], cwd=folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, preexec_fn=before)

    def simulate(self, simulator, first, last, jobs):
        """Every seed is a process of its own, which an endless loop must not keep for long."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (SEED_CPU_S, SEED_CPU_S))
        return self.run([simulator, "--seeds", f"{first}..{last}", "--first", "--jobs", jobs], TOP, 1800, limit)

    def copy(self, name):
        """Only what differs, so that ninja builds only that."""
        source, to = TOP / name, self.top / name
        if not source.is_file():
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists() or to.read_bytes() != source.read_bytes():
            shutil.copy(source, to)

    def ninja(self, targets):
        return self.run(["ninja", "-C", self.build, "-j", self.jobs, *targets], TOP)

    def targets(self, test):
        """What has to be built for the tests of that name: all that their commands and environments name in the build folder."""
        named = [x for one in self.tests[test] for x in [*one["cmd"], *one["env"].values()]]
        inside = [os.path.relpath(x, self.build) for x in named if x.startswith(str(self.build))]
        return [x for x in inside if not x.startswith("..")]


def run_test(tree, test):
    """None when it passes, else what failed."""
    if test not in tree.tests:
        raise Stale(f"there is no test {test}")
    targets = tree.targets(test)
    done = tree.ninja(targets)
    if done.returncode:
        return NOT_COMPILED
    try:
        done = tree.run(["meson", "test", "-C", tree.build, "--no-rebuild", "--timeout-multiplier", "0.5", test], TOP, 600)
    except subprocess.TimeoutExpired:
        return f"{test} (hangs)"
    return f"test {test}" if done.returncode else None


def run_seeds(tree, seeds):
    """None when no seed fails because of the bug, else the first that does. Seeds that fail in the correct tree, too, do not count."""
    done = tree.ninja([os.path.relpath(tree.simulator, tree.build)])
    if done.returncode:
        return NOT_COMPILED
    first = 1
    while first <= seeds:
        try:
            done = tree.simulate(tree.simulator, first, seeds, tree.jobs)
        except subprocess.TimeoutExpired:
            return "simulator (hangs)"
        if done.returncode == 0:
            return None
        failed = re.search(r"FAILED seed (\d+)", done.stdout)
        if not failed:
            return "simulator (crashes)"
        seed = int(failed.group(1))
        if tree.simulate(tree.correct, seed, seed, 1).returncode == 0:
            return f"seed {seed}"
        print(f"mutate: seed {seed} fails without a bug, too", file=sys.stderr)
        first = seed + 1
    return None


def hunt(tree, bug, seeds):
    """Who finds it: the tests it names, in their order, then the simulator."""
    started = time.monotonic()
    texts = bug.planted(TOP)
    for path, text in texts.items():
        (tree.top / path).write_text(text)
    try:
        found = None
        for test in [x for x in bug.find if x != "simulator"]:
            found = found or run_test(tree, test)
        found = found or run_seeds(tree, seeds)
    finally:
        for path in texts:
            tree.copy(path)
    return found, time.monotonic() - started


def read_bugs(names):
    paths = sorted((HERE / "bugs").glob("*.bug"))
    known = {path.stem: path for path in paths}
    for name in names:
        if name not in known:
            sys.exit(f"mutate: there is no bug {name}; bugs/ has {len(known)}")
    return [known[name] for name in names] if names else paths


def check(paths):
    """TAP: whether each bug can be planted."""
    print(f"1..{len(paths)}")
    failed = False
    for number, path in enumerate(paths, 1):
        try:
            Bug(path).planted(TOP)
            print(f"ok {number} - {path.stem}")
        except (Stale, OSError) as error:
            failed = True
            print(f"not ok {number} - {path.stem}\n# {error}")
    return failed


def main():
    parser = argparse.ArgumentParser(prog="tests/mutate/run")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--ci", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    paths = read_bugs(asked.names)
    if asked.check:
        sys.exit(check(paths))
    bugs = [bug for bug in map(Bug, paths) if bug.ci or not asked.ci]
    tree = Tree(asked.jobs)
    survived = 0
    for number, bug in enumerate(bugs, 1):
        try:
            found, seconds = hunt(tree, bug, asked.seeds)
        except Stale as error:
            found, seconds = None, 0
            print(f"mutate: {bug.name}: {error}", file=sys.stderr)
        counts = found and found != NOT_COMPILED
        survived += not counts
        if asked.json:
            print(json.dumps({"bug": bug.name, "what": bug.what, "found": found, "seconds": round(seconds, 1)}), flush=True)
        else:
            print(f"{number:3}/{len(bugs)}  {bug.name:32} {found or 'SURVIVED':28} {seconds:6.1f} s  {bug.what}", flush=True)
    print(f"{len(bugs) - survived} found, {survived} not found", file=sys.stderr if asked.json else sys.stdout)
    sys.exit(1 if survived else 0)


main()
