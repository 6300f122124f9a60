# SPDX-License-Identifier: Apache-2.0
"""Write the generated parts of the documents from the declarations in the code.

A generated part stands between two comments, ``<!-- generated: NAME -->`` and ``<!-- end -->``; what is
there is replaced by the table of that name, and everything else stays as it is::

    python docs/generate.py           # rewrites the documents in place; `make docs` does it
    python docs/generate.py --check   # changes nothing; ends with 1 if a document is out of date
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# The script runs as `python docs/generate.py`, which puts its own folder on the path, not that of the project.
sys.path.insert(0, str(FOLDER.parent))

from docs import tables  # noqa: E402
from docs.parameters import parameter_table, reference, sections  # noqa: E402

BEGIN, END = "<!-- generated: ", "<!-- end -->"
_BLOCK = re.compile(rf"^{BEGIN}(?P<name>[^\n]+?) -->$(?P<old>.*?)^{END}$", re.DOTALL | re.MULTILINE)

TABLES: dict[str, Callable[[], str]] = {
    "units": tables.units,
    "kinds": tables.kinds,
    "compartments": tables.compartments,
    "columns of every cell": tables.common_columns,
    "columns of cells that sit": tables.sessile_columns,
    "columns of cells that walk": tables.motile_columns,
    "programmes": tables.programmes,
    "body variables": tables.body_variables,
    "schedule": tables.schedule,
    "observables": tables.observables,
    "streams": tables.streams,
    "book entries": tables.entries,
    "costimulation": tables.costimulation,
    "constants": tables.constants,
    "scenario reference": reference,
    **{f"parameters of {path}": partial(parameter_table, path) for path in sections()},
}
"""What can be generated, by the name in the first comment."""


def blocks(text: str) -> list[str]:
    """Return the names of the generated parts of a document."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def rewritten(text: str) -> str:
    """Return a document with its generated parts as the code says now.

    Raises
    ------
    ValueError
        A part has an unknown name, or a beginning without an end.
    """
    if text.count(f"\n{BEGIN}") != len(blocks(text)):
        raise ValueError(f"a '{BEGIN}NAME -->' has no '{END}' on a line of its own after it")
    unknown = [name for name in blocks(text) if name not in TABLES]
    if unknown:
        raise ValueError(f"nothing is generated under the name {unknown[0]!r}; known: {', '.join(TABLES)}")
    return _BLOCK.sub(lambda match: f"{BEGIN}{match['name']} -->\n\n{TABLES[match['name']]()}\n\n{END}", text)


def documents() -> Iterator[Path]:
    """Yield the documents that have generated parts."""
    for path in sorted(FOLDER.glob("*.md")):
        if BEGIN in path.read_text(encoding="utf-8"):
            yield path


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the documents, or with ``--check`` tell which are out of date; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the documents.")
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 if a document is out of date")
    check = parser.parse_args(arguments).check
    code = 0
    for path in documents():
        old = path.read_text(encoding="utf-8")
        try:
            new = rewritten(old)
        except ValueError as error:
            parser.error(f"{path.name}: {error}")
        if new == old:
            continue
        if check:
            print(f"docs/{path.name} is out of date; run: make docs", file=sys.stderr)
            code = 1
        else:
            path.write_text(new, encoding="utf-8")
            print(f"docs/{path.name} rewritten")
    return code


if __name__ == "__main__":
    sys.exit(main())
