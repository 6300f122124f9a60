# SPDX-License-Identifier: Apache-2.0
"""How a run was made."""

from __future__ import annotations

import json
import platform
import subprocess

import numpy as np

import abm
from abm import provenance


def test_provenance_says_how_but_not_where():
    made = provenance.collect(7, 2, ["abm", "run", "x.yaml"])
    assert json.loads(json.dumps(made)) == made
    assert (made["seed"], made["threads"], made["command"]) == (7, 2, ["abm", "run", "x.yaml"])
    assert made["software"]["abm"] == abm.__version__
    assert made["software"]["numpy"] == np.__version__
    assert made["python"] == platform.python_version()
    assert platform.node() not in json.dumps(made)


def test_revision_is_that_of_the_own_checkout_only(tmp_path):
    assert provenance._git(tmp_path) is None
    run = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*run, "init", "-q"], check=True)
    assert provenance._git(tmp_path) is None, "no commit yet"
    (tmp_path / "file").write_text("1")
    subprocess.run([*run, "add", "file"], check=True)
    subprocess.run([*run, "commit", "-q", "-m", "first"], check=True)
    found = provenance._git(tmp_path)
    assert found is not None
    assert len(found["revision"]) == 40
    assert found["changed"] is False
    (tmp_path / "file").write_text("2")
    assert provenance._git(tmp_path) == {"revision": found["revision"], "changed": True}
    (tmp_path / "inner").mkdir()
    assert provenance._git(tmp_path / "inner") is None, "an installed copy inside someone else's checkout"
