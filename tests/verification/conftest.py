# SPDX-License-Identifier: Apache-2.0
"""The fixture with which checks tell what they found, and the page that a session may write from it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.verification import page
from tests.verification.reporting import Report

REPORTS = pytest.StashKey[dict[str, Report]]()
OPTION = "--write-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="write docs/verification.md and its plots from the checks that run")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTS] = {}


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Collects the figures and plots of a check."""
    claim = request.function.claim
    return request.config.stash[REPORTS].setdefault(claim.title, Report(claim))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    result = yield
    claim = getattr(getattr(item, "function", None), "claim", None)
    if claim is not None and result.failed:
        item.config.stash[REPORTS].setdefault(claim.title, Report(claim)).holds = False
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if config.getoption(OPTION, default=False) and config.stash[REPORTS]:
        page.write(config.stash[REPORTS])
