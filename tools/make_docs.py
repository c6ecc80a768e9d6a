"""Collects the documentation of the operators in C++: the lines with /// above their EXPOSE.

python tools/make_docs.py [OUT]   # writes {"_linalg.det": "The determinant ...", ...} as JSON

The build puts the file beside the extension (flambeau/_operator_docs.json); flambeau/ops/_describe.py reads it when somebody
asks for an operator's __doc__. The first overload of a name carries the text. Examples (>>>) find Flambeau as `torch`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

OPS = Path(__file__).parent.parent / "core" / "ops"
HOMES = ("nn", "special", "linalg", "optim", "fft", "windows")
EXPOSE = re.compile(r'((?:^ *///.*\n)*)^ *EXPOSE\(\s*((?:"[^"]*"\s*)+),([^;]*?)\);', re.MULTILINE)


def operators(source: str) -> list[tuple[str, str]]:
    """The name of each exposed overload, its home before a dot, and its documentation or ''."""
    constants = re.findall(r"constexpr unsigned (\w+) =\s*([^;]*);", source)
    found = []
    for comment, texts, forms in EXPOSE.findall(source):
        for name, value in constants:
            forms = re.sub(rf"\b{name}\b", value, forms)
        home = next((f"_{home}." for home in HOMES if re.search(rf"\b{home}\b", forms)), "")
        schema = "".join(re.findall(r'"([^"]*)"', texts))
        lines = [line.strip().removeprefix("///").removeprefix(" ") for line in comment.splitlines()]
        found.append((home + schema.partition("(")[0], "\n".join(lines)))
    return found


def documentation() -> dict[str, str]:
    docs: dict[str, str] = {}
    for path in sorted(OPS.rglob("*.cpp")):
        for name, text in operators(path.read_text()):
            if text:
                text = re.sub(
                    r"^>>> ", ">>> import flambeau as torch\n>>> ", text, count=1, flags=re.MULTILINE
                )
                docs[name] = f"{docs[name]}\n\n{text}" if name in docs else text
    return docs


if __name__ == "__main__":
    beside_the_extension = OPS.parent.parent / "flambeau" / "_operator_docs.json"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else beside_the_extension
    out.write_text(json.dumps(documentation(), indent=0, sort_keys=True), encoding="utf-8")
