# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Put the newest results into docs/benchmarks.md: `uv run benchmarks/write_docs.py`.

The page has a pair of markers for each result; what stands between them is replaced by the tables in
build/benchmarks/NAME.json, so that no figure is ever typed. A result that is not there leaves its part as it is.
"""

import json
import re

from common import RESULTS, ROOT, shown, text_of

PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Fill all marked parts."""
    text = PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"<!-- results: (\w+) -->", text):
        path = RESULTS / f"{name}.json"
        if not path.exists():
            print(f"{shown(path)} is not there: its part stays as it is")
            continue
        result = text_of(json.loads(path.read_text(encoding="utf-8")))
        begin, end = f"<!-- results: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = text.partition(begin)
        if end not in rest:
            raise SystemExit(f"{shown(PAGE)}: no '{end}' after '{begin}'")
        text = f"{before}{begin}\n\n{result}\n\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
