# SPDX-License-Identifier: Apache-2.0
"""The report of a run: what stands in it, whatever became of the run, and that nothing in it is taken for markup."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from abm.clinic import Courses
from abm.clinic.assays import ASSAYS
from abm.errors import InputError
from abm.playback.phrases import figure
from abm.report import report
from abm.report.course import run_document
from abm.report.document import Code, Document, Heading, Note, Picture, Table
from abm.report.laboratory import sampled
from abm.scenario import Scenario, resolved_text
from abm.trajectory import Trajectory
from tests.unit.plots.patient import BLOCK, write_patient

NASTY = r'<script>alert("1")</script> & $\undefined{$ é 漢 ]]>'
INFUSION = {"type": "car_t_infusion", "day": 0.0, "dose": 1e6}


def document(path: Path) -> Document:
    with Trajectory.open(path) as trajectory:
        return run_document(trajectory)


def texts(made: Document) -> str:
    """Return all words of a report."""
    words = [made.title, made.subtitle, made.caution, made.footer]
    for block in made.blocks:
        if isinstance(block, Table):
            words += [cell for row in (block.heads, *block.rows) for cell in row]
        elif isinstance(block, Picture):
            words += [block.title, block.caption]
        else:
            words.append(str(block))
    return "\n".join(words)


def headings(made: Document) -> list[str]:
    return [block.text for block in made.blocks if isinstance(block, Heading) and block.level == 1]


class Tags(HTMLParser):
    """The tags and the words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img", "col", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_patient_is_told_in_full(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "p.h5", scenario=Scenario(name="a test", description="why", treatments=[INFUSION])))
    assert headings(made) == [
        "Patient and question", "What happened", "Course in figures", "Methods and limits", "Provenance", "How to reproduce",
    ]  # fmt: skip
    assert [block.title for block in made.blocks if isinstance(block, Picture)] == [
        "Blasts and minimal residual disease", "CAR T cell kinetics", "Cytokine release syndrome and treatment", "Cytokines in serum",
        "B-cell aplasia", "Cerebrospinal fluid", "Composition of the leukaemia", "Antigen density", "Marrow, cell by cell",
    ]  # fmt: skip
    told = texts(made)
    assert "dose 1e6 cells/kg" in told
    assert "Most CAR T cells in blood\n40 cells/µL" in told
    assert "Blasts were above 0.01 % of marrow cells again after they had been below\nno" in told
    assert "0 → 1 cells/µL" not in told
    assert "->" not in told.replace(made.blocks[-1].text, "")
    assert not [block for block in made.blocks if isinstance(block, Note)]
    assert made.blocks[-1].text.startswith("abm: 1\nname: a test\n")
    (typed,) = [block.text for block in made.blocks if isinstance(block, Code)]
    assert typed == "abm rerun p.h5 -o again.h5\nabm report p.h5 -o report.html"


def test_a_laboratory_reports_with_chance_and_limits(tmp_path: Path) -> None:
    path = write_patient(tmp_path / "p.h5")
    (reported,) = [block for block in document(path).blocks if isinstance(block, Table) and block.heads[:1] == ("assay",)]
    assert reported.heads == ("assay", "day 0", "day 4")
    rows = {row[0]: row[1:] for row in reported.rows}
    assert rows["MRD, flow cytometry"][1] == "not detected"  # 1e-5 of 200,000 cells are two
    assert rows["Blasts, microscope"][0].endswith(" %")
    assert rows["IL-6, serum"][0].endswith(" pg/mL")
    assert rows["Blasts, CSF"][1] == "not detected"
    with Trajectory.open(path) as trajectory:
        value = ASSAYS["b_cells_flow"].report(Courses(trajectory.observables), 0.0, 1)
    assert rows["B cells, blood"][0] == f"{figure(value)} cells/µL"


@pytest.mark.parametrize(("days", "told"), [(60.0, "day 4 of 60"), (1000 / 24, "day 4 of 41.7"), (4.0, "")])
def test_a_run_that_ended_before_its_scenario_says_so(days: float, told: str, tmp_path: Path) -> None:
    start = {"start": -1.0, "duration": days, "treatments": [INFUSION]}
    made = document(write_patient(tmp_path / "p.h5", scenario=Scenario(name="a test", **start)))
    settings = dict(next(block.rows for block in made.blocks if isinstance(block, Table) and ("body weight" in dict(block.rows))))
    assert settings.get("told") == (f"to {told}" if told else None)
    assert (f"from day 0, told to {told} ·" if told else "day 0 to 4 ·") in made.subtitle
    assert not re.search(r"\d\.\d{5}", settings["days"])


def test_the_picture_of_the_marrow_says_which_layer_it_shows(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "p.h5"))
    (picture,) = [block for block in made.blocks if isinstance(block, Picture) and block.title == "Marrow, cell by cell"]
    assert picture.caption.startswith("One layer of the lattice, x = 35 µm, at the start,")
    assert all(axes.get_title(loc="left").endswith("layer x = 35 µm") for axes in picture.figure.axes)


def test_samples_are_taken_on_round_days() -> None:
    assert sampled(-4.0, 28.0) == [0.0, 7.0, 14.0, 28.0]
    assert sampled(-6.0, 75.0) == [0.0, 7.0, 28.0, 60.0, 75.0]
    assert sampled(-6.0, 400.0) == [0.0, 7.0, 180.0, 360.0, 400.0]


def test_what_other_packages_added_is_named(tmp_path: Path) -> None:
    one = {"what": "treatment", "name": "rimiducid", "package": "abm-example", "version": "1.0"}
    assert "treatment rimiducid\nabm-example 1.0" in texts(document(write_patient(tmp_path / "p.h5", extensions=[one])))


def test_an_unfinished_run_says_so(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "a run.h5", finish=False))
    (note,) = [block.text for block in made.blocks if isinstance(block, Note)]
    assert note.startswith("This run is not finished: interrupted (stopped). All that follows is told up to day 4 of 4.")
    assert "abm resume 'a run.h5' goes on" in note
    assert "noted when the run is finished" in texts(made)
    assert any(isinstance(block, Code) and block.text.startswith("abm resume 'a run.h5'\nabm rerun") for block in made.blocks)


def test_a_branch_names_its_ancestor_and_what_was_changed(tmp_path: Path) -> None:
    old = Scenario(name="a test", treatments=[INFUSION])
    toci = {"type": "tocilizumab", "day": 2.0}
    new = Scenario(name="a test", treatments=[INFUSION, toci], susceptibility=2.0)
    ancestor = {"file": "old.h5", "digest": "abcdef" * 8, "scenario": resolved_text(old), "until_days": 1.5}
    made = document(write_patient(tmp_path / "p.h5", scenario=new, ancestors=[ancestor], begins_at_tick=100))
    (note,) = [block.text for block in made.blocks if isinstance(block, Note)]
    assert note == (
        "A branch of old.h5 (digest abcdefabcdefabcd): up to day 1.5 it is what that run recorded, from then on it goes its own way. "
        "Changed: susceptibility: 1.0 became 2.0; treatments[1]: none became tocilizumab, day 2, dose 8 mg/kg."
    )
    assert "with all that it branched from" in texts(made)


def test_a_run_that_cannot_be_made_again_says_why(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "p.h5", begins_at_tick=100))
    assert "begins in the middle of a run" in texts(made)
    assert not [block for block in made.blocks if isinstance(block, Code)]


def test_a_closed_block_has_no_body(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "p.h5", BLOCK, body=False, cells=False, treatments=()))
    told = texts(made).replace(made.blocks[-1].text, "")
    for word in ("aplasia", "Cytokine", "CSF", "MRD", "relapse", "Treatments planned", "body weight"):
        assert word not in told, word
    assert [block.title for block in made.blocks if isinstance(block, Picture)] == [
        "Cells of the block", "Kills", "Effectors per target", "Marrow, cell by cell",
    ]  # fmt: skip
    assert "killed 25 cells" in told


def test_what_was_not_recorded_is_said_in_the_place_of_its_figure(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "p.h5", {"il6": [3.0, 9.0, 5.0, 4.0, 3.0]}, cells=False, views=False))
    assert [block.title for block in made.blocks if isinstance(block, Picture)] == ["Cytokines in serum"]
    assert "B-cell aplasia: not recorded in this run: b_cells_blood." in texts(made)
    made = document(write_patient(tmp_path / "q.h5", {}, cells=False, views=False, treatments=()))
    assert "recorded no observables from which its course could be told" in texts(made)


def test_a_scenario_that_cannot_be_read_is_shown_all_the_same(tmp_path: Path) -> None:
    made = document(write_patient(tmp_path / "p.h5", text="abm: 1\nname: x\nnothing: 1\n"))
    assert "This installation cannot read the scenario" in texts(made)
    assert made.blocks[-1].text == "abm: 1\nname: x\nnothing: 1\n"


def test_html_is_one_sound_file_in_which_all_is_escaped(tmp_path: Path) -> None:
    scenario = Scenario(name=NASTY, description=NASTY, source=NASTY)
    path = write_patient(tmp_path / "p.h5", scenario=scenario, treatments=((NASTY, 1.0),))
    text = report(path, tmp_path / "p.html").read_text(encoding="utf-8")
    page = Tags(text)
    assert page.open == []
    assert "script" not in page.tags
    assert page.words.count(NASTY) >= 3
    assert not re.search(r'(?:src|href)="(?!data:)', text)  # nothing is asked of the network
    figures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert len(figures) == page.tags.count("img") == 9
    for drawn in figures:
        assert ElementTree.fromstring(base64.b64decode(drawn)).tag.endswith("svg")


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_the_same_run_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    path = write_patient(tmp_path / "p.h5", scenario=Scenario(name=NASTY))
    one, other = (report(path, tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "other"))
    assert one == other
    assert len(one) > 20_000


def test_pdf(tmp_path: Path) -> None:
    data = report(write_patient(tmp_path / "p.h5"), tmp_path / "p.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") >= 4
    assert b"/Title (a test)" in data
    assert b"Date" not in data
    assert b"/Subtype /Image" in data  # the picture of the marrow; all else is lines


def test_an_existing_file_stays(tmp_path: Path) -> None:
    path = write_patient(tmp_path / "p.h5")
    (tmp_path / "p.html").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        report(path, tmp_path / "p.html")
    with pytest.raises(InputError, match=r"cannot write a file that ends in '\.docx'; allowed: \.html, \.pdf"):
        report(path, tmp_path / "p.docx")
    assert (tmp_path / "p.html").read_text() == "mine"
    report(path, tmp_path / "p.html", overwrite=True)
    assert (tmp_path / "p.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_patient(tmp_path / "p.h5")

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("abm.report.paper._tiles", fail)
    with pytest.raises(RuntimeError):
        report(path, tmp_path / "p.pdf")
    assert [each.name for each in tmp_path.iterdir()] == ["p.h5"]
