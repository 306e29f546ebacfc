#!/usr/bin/env python3
"""Adds up the use of products from the lines of `log.usage`, and says what is missing.

    python3 usage.py FILE...        # or `-`: stdin; other lines of the log are skipped

Prints one line of CSV for each month, Environment, product, plan and caller. What is not sure goes to
stderr, and the exit code is then 1: lines that are missing, and processes that ended without saying so.
"""

import csv
import fileinput
import json
import sqlite3
import sys

# What to bill: change this to what your contracts say.
BILL = """
    SELECT substr(coalesce(minute, timestamp), 1, 7) AS month,
           environment, product, coalesce(plan, '') AS plan, subject, sum(requests) AS requests
    FROM usage GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
# Every process numbers its lines: from 1, and none is left out.
MISSING = """
    SELECT process, max(line) - count(*) AS missing FROM
        (SELECT DISTINCT process, line FROM usage UNION SELECT process, line FROM total)
    GROUP BY process HAVING missing > 0
"""
# What a process has counted, as far as it says, and what there is a line of.
LOST = """
    SELECT process, max(requests) AS counted,
           (SELECT coalesce(sum(requests), 0) FROM usage WHERE usage.process = total.process) AS billed,
           max(state = 'ended') AS ended
    FROM total GROUP BY process
"""


def main(files):
    base = sqlite3.connect(":memory:")
    columns = "process, line, timestamp, minute, environment, product, plan, subject, requests"
    base.execute(f"CREATE TABLE usage ({columns}, UNIQUE (process, line))")
    base.execute("CREATE TABLE total (process, line, state, requests, UNIQUE (process, line))")
    for text in fileinput.input(files):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        kind = line.get("message") if isinstance(line, dict) else None
        # A line that a collector has delivered twice counts once.
        if kind == "usage":
            values = [line.get(name) for name in columns.split(", ")]
            base.execute(f"INSERT OR IGNORE INTO usage VALUES (?{',?' * (len(values) - 1)})", values)
        elif kind == "usage_total":
            values = [line.get(name) for name in ("process", "line", "state", "requests")]
            base.execute("INSERT OR IGNORE INTO total VALUES (?,?,?,?)", values)
    found = base.execute(BILL)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(name for name, *_ in found.description)
    out.writerows(found)
    unsure = False
    for process, missing in base.execute(MISSING):
        unsure = True
        print(f"process {process}: {missing} lines are missing", file=sys.stderr)
    for process, counted, billed, ended in base.execute(LOST):
        if counted > billed:
            unsure = True
            print(f"process {process}: {counted} requests, lines of {billed}", file=sys.stderr)
        if not ended:
            unsure = True
            print(f"process {process}: runs, or ended without saying so", file=sys.stderr)
    return 1 if unsure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
