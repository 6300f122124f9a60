# SPDX-License-Identifier: Apache-2.0
"""The page of verification tells what the checks claim now, each of them, and how it is written."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.verification import page
from tests.verification.reporting import REPORTED, Claim, Report, number

TEXT = (page.FOLDER / page.PAGE).read_text(encoding="utf-8")
MODULES = dict(page.modules())
CLAIMS = [claim for module in MODULES.values() for claim in page.claims(module)]


def test_every_module_of_checks_is_on_the_page() -> None:
    assert sorted(page.TOPICS) == sorted(path.stem for path in Path(page.__file__).parent.glob("test_*.py"))
    assert [line[3:] for line in TEXT.splitlines() if line.startswith("## ")] == list(MODULES)


@pytest.mark.parametrize("topic", MODULES)
def test_every_test_of_a_module_is_a_check(topic: str) -> None:
    module = MODULES[topic]
    classes = [item for _, item in inspect.getmembers(module, inspect.isclass) if item.__module__ == module.__name__]
    holders = [module, *classes]
    tests = [item for holder in holders for name, item in inspect.getmembers(holder, inspect.isfunction) if name.startswith("test_")]
    assert tests
    for item in tests:
        assert isinstance(getattr(item, "claim", None), Claim), f"{item.__name__}: decorate it with @verifies"
        assert "verify" in {mark.name for mark in item.pytestmark}


def test_the_page_has_the_sections_of_all_checks_in_their_order() -> None:
    assert len({claim.slug for claim in CLAIMS}) == len(CLAIMS)
    assert list(page.sections(TEXT)) == [claim.slug for claim in CLAIMS], "run: make verify"
    assert TEXT.startswith(page.PREAMBLE), "run: make verify"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.slug)
def test_a_section_says_what_its_check_claims_now_and_that_it_holds(claim: Claim) -> None:
    section = page.sections(TEXT)[claim.slug]
    assert section.startswith(f"### {claim.title}\n\n{claim.text()}\n\n*Result:* holds."), "run: make verify"
    assert all((claim.law, claim.source, claim.test, claim.false_alarm))


def test_a_session_renews_the_sections_of_the_checks_it_ran_and_keeps_the_others(tmp_path: Path) -> None:
    first, second = CLAIMS[0], CLAIMS[1]
    page.write({claim.title: Report(claim) for claim in (first, second)}, tmp_path)
    renewed = Report(second, holds=False)
    renewed.add("a figure", 0.5, expected=1, error=0.123, unit="d", allowed="1 %")
    renewed.add("another", 2e6)
    renewed.plot("A line.", lambda axes: axes[0].plot([0, 1], [0, 1]))
    unlinked = tmp_path / "images" / "verification" / "old.png"
    unlinked.parent.mkdir(parents=True)
    unlinked.touch()
    page.write({second.title: renewed}, tmp_path)
    found = page.sections((tmp_path / page.PAGE).read_text(encoding="utf-8"))
    assert list(found) == [claim.slug for claim in CLAIMS]
    assert found[first.slug].endswith("*Result:* holds.")
    assert "**does not hold.**" in found[second.slug]
    assert "| a figure | 1 d | 0.5 d | 0.12 | 1 % |" in found[second.slug]
    assert f"| another |  | 2e+06 |  | {REPORTED} |" in found[second.slug]
    assert found[CLAIMS[2].slug].endswith(page.NOT_RUN)
    assert [path.name for path in unlinked.parent.iterdir()] == [f"{second.slug}.png"]


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234.6, "1235"), (-0.00123456, "-0.001235"), (5e-8, "5e-08"), (123456, "1.23e+05")])
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text
