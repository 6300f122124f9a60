# SPDX-License-Identifier: Apache-2.0
"""The one place that parses YAML: scenarios, studies and cohorts, checked against their declarations.

A file is read into a tree whose every value knows where it stands (:mod:`.document`), merged with
what it extends and what the command line sets (:mod:`.loading`), and checked by its
:class:`~abm.units.Parameters` class. Every problem found is told at once, one line each::

    scenarios/x.yaml:14:11: treatments[1].dose: must be at least 0 cells/kg, got -1e6
"""

from __future__ import annotations

from abm.yamlfile.document import Document, read_yaml
from abm.yamlfile.loading import FOLDER, Loaded, load, load_text, path_steps
from abm.yamlfile.problems import Position, Problem
from abm.yamlfile.schema import json_schema
from abm.yamlfile.template import template
from abm.yamlfile.writing import declared_units, dump, flow

__all__ = [
    "FOLDER",
    "Document",
    "Loaded",
    "Position",
    "Problem",
    "declared_units",
    "dump",
    "flow",
    "json_schema",
    "load",
    "load_text",
    "path_steps",
    "read_yaml",
    "template",
]
