# SPDX-License-Identifier: Apache-2.0
"""Licence, citation and package metadata agree with each other."""

from __future__ import annotations

import tomllib

import abm
from abm.yamlfile import read_yaml
from tests.docs.markdown import ROOT


def test_citation_says_what_the_package_says() -> None:
    citation = read_yaml(ROOT / "CITATION.cff").root.plain()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # those that the format requires
    assert citation["version"] == abm.__version__
    assert citation["license"] == project["license"] == "Apache-2.0"
    assert citation["title"] == f"{project['name']}: {project['description'][0].lower()}{project['description'][1:]}"


def test_the_licence_is_there_in_full() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license-files"] == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    for part in ("Version 2.0, January 2004", "9. Accepting Warranty", "END OF TERMS AND CONDITIONS", "APPENDIX"):
        assert part in text


def test_every_source_file_names_the_licence() -> None:
    for folder in ("abm", "docs", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".pyx", ".pxd"} and path.stat().st_size:
                assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: Apache-2.0"), path
