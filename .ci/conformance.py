"""Runs the conformance tool and holds each kind's share of passes against the floor; the floor only ever rises."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    shared, floor_file = Path(sys.argv[1]), Path(sys.argv[2])
    floor = json.loads(floor_file.read_text())
    with tempfile.TemporaryDirectory() as folder:
        rows_file = Path(folder) / "rows.jsonl"
        subprocess.run(
            [
                sys.executable,
                shared / "tools" / "conformance.py",
                "flambeau",
                "--list",
                shared / "spec" / "core.txt",
                "-v",
            ]
            + ["--json", rows_file],
            check=True,
        )
        rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    passed: dict[str, int] = collections.Counter()
    judged: dict[str, int] = collections.Counter()
    for kind, _, status, _ in rows:
        if status != "skip":
            judged[kind] += 1
            passed[kind] += status == "pass"
    fallen = [
        f"{kind}: {passed[kind]} of {judged[kind]} pass, the floor is {least}"
        for kind, least in floor.items()
        if passed[kind] < least
    ]
    print("\n".join(fallen) or "conformance is at or above its floor")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
