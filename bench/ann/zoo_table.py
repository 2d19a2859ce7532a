#!/usr/bin/env python3
"""Makes the tables of docs/performance.md from the output of `ann --zoo --json`.

  build/bin/ann --zoo --dim 64 --n 3000 --json >zoo.jsonl
  bench/ann/zoo_table.py zoo.jsonl

There is a table for each dimension and number of earlier queries. A cell is one kind under one
metric. It has the least recall@10 of the five states, with the state if it is below the limit; rows
that their own vectors do not find, growing and sealed, if any; and queries per second, sealed, as a
multiple of hnswlib's at equal recall.
"""
import json
import sys

STATES = ("unindexed", "growing", "sealed", "deleted", "compacted")
METRICS = ("l2", "cosine", "ip")
BAR = 0.98
SLOW = 0.95


def recall_text(line):
    below = [state for state in STATES if line[state] < BAR]
    if not below:
        return f"{min(line[state] for state in STATES):.3f}"
    return ", ".join(f"**{line[state]:.3f}** {state}" for state in below)


def missing_text(line):
    growing, sealed = line["growing_missing"], line["sealed_missing"]
    return f" · **{growing} + {sealed} missing**" if growing + sealed else ""


def speed_text(line):
    if line["hnswlib_qps"] == 0:
        return "Kith alone"
    times = line["qps"] / line["hnswlib_qps"]
    return f"**× {times:.2f}**" if times < SLOW else f"× {times:.1f}"


def cell(line):
    return f"{recall_text(line)}{missing_text(line)} · {speed_text(line)}" if line else ""


def is_short(line, bar):
    return {"recall": any(line[state] < BAR for state in STATES),
            "missing": line["growing_missing"] + line["sealed_missing"] > 0,
            "slow": 0 < line["hnswlib_qps"] and line["qps"] < SLOW * line["hnswlib_qps"]}[bar]


def before(line):
    return line.get("queries_before", 0)


def table(lines, dim, asked):
    of = {(line["zoo"], line["metric"]): line for line in lines if (line["dim"], before(line)) == (dim, asked)}
    metrics = [metric for metric in METRICS if any(m == metric for _, m in of)]
    print(f"\n#### {dim} dimensions, {next(iter(of.values()))['rows']} rows, {asked or 'no'} queries before\n")
    for metric in metrics:
        here = [line for (_, m), line in of.items() if m == metric]
        counts = ", ".join(f"{sum(is_short(line, bar) for line in here)} {words}" for bar, words in (
            ("recall", f"below {BAR} in some state"), ("missing", "with missing rows"), ("slow", "slower than hnswlib")))
        print(f"- {metric}: {len(here)} kinds, {counts}")
    print("\n| kind | " + " | ".join(metrics) + " |\n|---|" + "---|" * len(metrics))
    for kind in dict.fromkeys(kind for kind, _ in of):
        print(f"| {kind} | " + " | ".join(cell(of.get((kind, metric))) for metric in metrics) + " |")


def main():
    lines = [json.loads(text) for name in sys.argv[1:] for text in open(name, encoding="utf-8") if text.startswith("{")]
    for dim, asked in sorted({(line["dim"], before(line)) for line in lines}):
        table(lines, dim, asked)


main()
