# SPDX-License-Identifier: Apache-2.0
"""Reports of a run or a study, in a clinician's words and figures, as one HTML or PDF file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from abm.playback.output import check_suffix, refuse_existing, written_whole

if TYPE_CHECKING:
    from abm.report.document import Document

FORMATS = (".html", ".pdf")


def report(source: str | Path, output: str | Path, *, overwrite: bool = False) -> Path:
    """Write the report of a trajectory, or of the folder of a study.

    The same input gives the same bytes.

    Parameters
    ----------
    source : str or pathlib.Path
        A trajectory, finished, interrupted or still going on; or the folder of a study.
    output : str or pathlib.Path
        The ``.html`` or ``.pdf`` file to write.
    overwrite : bool
        Whether an earlier file there may be replaced.

    Raises
    ------
    InputError
        No run or study there, another suffix, or a file that must not be replaced.
    RunError
        A damaged file, or the output cannot be written.
    """
    suffix = check_suffix(output, FORMATS)
    refuse_existing(output, [source], overwrite=overwrite)
    with warnings.catch_warnings():
        # a name in letters that figures and pages do not have is shown with boxes; the page of HTML itself has them
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        document = _document(source)
        with written_whole(output) as unfinished:
            if suffix == ".pdf":
                from abm.report.paper import write_pdf

                write_pdf(document, unfinished)
            else:
                from abm.report.web import html_text

                unfinished.write_text(html_text(document), encoding="utf-8")
    return Path(output)


def _document(source: str | Path) -> Document:
    if Path(source).is_dir():
        from abm.report.study import study_document
        from abm.study import Study

        return study_document(Study.open(source))
    from abm.report.course import run_document
    from abm.trajectory import Trajectory

    with Trajectory.open(source) as trajectory:
        return run_document(trajectory)
