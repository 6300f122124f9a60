# SPDX-License-Identifier: Apache-2.0
"""The page ``docs/verification.md``: sections by topic, each of a check that a session has run."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from tests.verification.reporting import PLOTS, Claim, Report

FOLDER = Path(__file__).parents[2] / "docs"
PAGE = "verification.md"
TOPICS = {
    "test_growth": "Growth of the leukaemia",
    "test_motility": "Motility",
    "test_diffusion": "Cytokine fields",
    "test_contacts": "Contacts and killing",
    "test_search": "Search for a lone target",
    "test_waiting_times": "Waiting times",
    "test_weighted_agents": "Weighted agents",
    "test_neutral_clone": "Neutral clone",
    "test_steady_body": "A body left alone",
    "test_resolution": "Size of the lattice and length of the steps",
    "test_coarse_mode": "Coarse mode",
    "test_kinetics": "Cytokines and drugs",
    "test_calibration": "Calibration",
}
"""Modules of checks, in the order of the page."""
BEGIN, END = "<!-- check: {} -->", "<!-- end of check -->"
NOT_RUN = "*Not run yet.*"
PREAMBLE = """\
# Verification

A simulator is believed for what it can show. Here the processes of `abm`, as a run uses them, are held against laws that are
known without it: solutions of equations, limits of random walks, distributions of waiting times. Where no solution exists the
simulator is compared with itself, at another size of the lattice, scale of the agents or length of the steps. Where it differs
from the law, or from [the design of the model](model.md), the difference stands here as a figure.

The whole page, figures and plots, is written by `make verify`, which takes about forty minutes on one core. Each check states
its test and how often a faultless simulator would fail it if the seeds were drawn anew; with the fixed seeds used it holds
always or never. *SE* is the standard error of what was found. In the last column of a table stands what is allowed; *reported*
means that the figure is told but nothing is demanded of it.
Together the checks would raise a false alarm in at most about one of five sessions with fresh seeds.

The tests of the package compare what the checks claim with this page, but not its figures with the model of the day: after a
change of the model the page is to be written anew.

**What this is not.** Verification shows that the simulator does what its rules say. It does not show that the rules are those
of a patient: that is validation, by comparison with trials. No check here uses clinical data.
"""


def modules() -> Iterator[tuple[str, ModuleType]]:
    """Yield the topics with their modules."""
    for name, topic in TOPICS.items():
        yield topic, importlib.import_module(f"tests.verification.{name}")


def claims(module: ModuleType) -> list[Claim]:
    """Return what the tests of a module claim, in their order."""
    functions = [item for _, item in inspect.getmembers(module, inspect.isfunction)]
    for _, item in inspect.getmembers(module, inspect.isclass):
        functions += [method for _, method in inspect.getmembers(item, inspect.isfunction)]
    ours = {item for item in functions if item.__module__ == module.__name__ and hasattr(item, "claim")}
    return [item.claim for item in sorted(ours, key=lambda item: item.__code__.co_firstlineno)]


def sections(text: str) -> dict[str, str]:
    """Return the sections of a page by slug."""
    found = re.finditer(r"^<!-- check: (\S+) -->\n(.*?)\n<!-- end of check -->$", text, re.DOTALL | re.MULTILINE)
    return {match[1]: match[2].strip("\n") for match in found}


def write(reports: Mapping[str, Report], folder: Path = FOLDER) -> None:
    """Write the page and its plots; the sections of checks that were not run stay as they are.

    Parameters
    ----------
    reports : mapping of str to Report
        By title.
    folder : Path
        That of the page.
    """
    path = folder / PAGE
    old = sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    parts = [PREAMBLE.rstrip("\n")]
    for topic, module in modules():
        parts.append(f"## {topic}")
        for claim in claims(module):
            if claim.title in reports:
                body = reports[claim.title].text(folder)
            else:
                body = old.get(claim.slug, f"### {claim.title}\n\n{claim.text()}\n\n{NOT_RUN}")
            parts.append(f"{BEGIN.format(claim.slug)}\n\n{body}\n\n{END}")
    text = "\n\n".join(parts) + "\n"
    path.write_text(text, encoding="utf-8")
    for plot in (folder / PLOTS).glob("*.png"):
        if f"({PLOTS}/{plot.name})" not in text:
            plot.unlink()
