# SPDX-License-Identifier: Apache-2.0
"""The pages of this folder as a site, and the interface from the docstrings: ``make site``. Needs no network."""

from docutils import nodes
from sphinx.application import Sphinx

import abm

project = "abm"
author = "the authors of abm"
version = release = abm.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns: list[str] = []
root_doc = "index"

html_theme = "furo"
html_title = f"abm {abm.__version__}"
html_show_copyright = False
html_copy_source = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# Links that leave this folder, to scenarios and studies, are those of the repository; tests check that they lead somewhere.
suppress_warnings = ["myst.xref_missing", "myst.header"]
highlight_language = "text"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False


def setup(app: Sphinx) -> None:
    """Show links to folders of the repository, which are no pages, as words."""
    app.connect("doctree-resolved", _without_folders)


def _without_folders(app: Sphinx, tree: nodes.document, page: str) -> None:
    for link in [found for found in tree.findall(nodes.reference) if found.get("refuri", "").startswith("#../")]:
        link.replace_self(link.children)
