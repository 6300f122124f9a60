# SPDX-License-Identifier: Apache-2.0
"""The generated parts of the documents say what the code says, and nothing is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from abm.scenario import Scenario
from docs import generate, parameters
from tests.docs.markdown import ROOT

DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}


def test_they_are_up_to_date() -> None:
    assert [path.name for path in generate.documents()] == ["odd.md", "scenario.md", "units.md"]
    assert generate.main(["--check"]) == 0, "run: make docs"


def test_every_parameter_group_stands_in_the_description_of_the_model_once() -> None:
    names = generate.blocks(DOCUMENTS["odd.md"])
    wanted = [f"parameters of {path}" for path in parameters.sections()]
    assert {"scenario", "cytokines.il6", "products", "treatments.tocilizumab"} < set(parameters.sections())
    assert sorted(name for name in names if name.startswith("parameters of")) == sorted(wanted)


def test_everything_that_can_be_generated_is_used() -> None:
    used = [name for text in DOCUMENTS.values() for name in generate.blocks(text)]
    assert sorted(used) == sorted(generate.TABLES)


def test_every_quantity_has_a_source_in_its_row() -> None:
    rows = parameters.parameter_table("blasts").splitlines()[2:]
    assert len(rows) == len(type(Scenario(name="x").blasts).model_fields)
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 7
        assert len(cells[-1]) > 3, row


def test_a_stale_part_is_found_and_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- generated: programmes -->\nstale\n<!-- end -->\n\nAfter.\n", encoding="utf-8")
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "stale" in page.read_text(encoding="utf-8")
    assert generate.main([]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("Before.\n\n<!-- generated: programmes -->\n\n| value | programme |")
    assert text.endswith("| 4 | resident |\n\n<!-- end -->\n\nAfter.\n")
    assert generate.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n<!-- generated: programmes -->\nno end\n", "has no '<!-- end -->'"),
        ("\n<!-- generated: nonsense -->\n<!-- end -->\n", "under the name 'nonsense'"),
    ],
)
def test_a_broken_mark_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        generate.rewritten(text)


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert parameters.table(("a",), [("x | y\nz",)]).splitlines()[-1] == r"| x \| y z |"


@pytest.mark.parametrize("name", [*sorted(DOCUMENTS), "../README.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / "docs" / name
    for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        assert "://" in link or (path.parent / link.split("#")[0]).exists(), link
