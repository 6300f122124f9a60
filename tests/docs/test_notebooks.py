# SPDX-License-Identifier: Apache-2.0
"""The notebooks run from top to bottom, and are kept without outputs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.markdown import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SEEN = {
    "1_first_run.ipynb": ("text/html", "image/png", "MRD-negative"),
    "2_own_treatment.ipynb": ("image/png", "'treatment': 'ruxolitinib'", "'name': 'activated_car_t'"),
    "3_a_study.ipynb": ("text/html", "image/png", "6 runs", "doses.html"),
}
"""What must be among the outputs of each."""


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)


def test_there_are_three() -> None:
    assert sorted(SEEN) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_sound_and_kept_without_outputs(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert notebook.metadata["license"] == "SPDX-License-Identifier: Apache-2.0"
    for cell in notebook.cells:
        assert not cell.get("outputs"), "clear all outputs before a notebook is committed"
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_lead_somewhere(name: str) -> None:
    for cell in read(name).cells:
        for link in re.findall(r"\]\(([^)]+)\)", cell.source) if cell.cell_type == "markdown" else ():
            assert "://" in link or (FOLDER / link).exists(), link


@pytest.mark.filterwarnings("default")  # of packages that are not ours
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "notebooks"
    place.mkdir()
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    (tmp_path / "made").mkdir()
    monkeypatch.delenv("MPLBACKEND", raising=False)  # figures are shown in the notebook, not in a window
    monkeypatch.setenv("TMPDIR", str(tmp_path / "made"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
    notebook = read(name)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(place)}}).execute()
    outputs = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    for expected in SEEN[name]:
        assert expected in outputs, expected
    assert list(place.iterdir()) == []  # nothing is left beside the notebook
