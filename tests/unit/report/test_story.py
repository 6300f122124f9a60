# SPDX-License-Identifier: Apache-2.0
"""Sentences and tiles of hand-made courses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from abm.clinic import Courses
from abm.playback.marks import Treatment
from abm.report.story import sentences, tiles

DAYS = np.arange(0, 90 + 1 / 48, 1 / 24)


PARTIAL = ("Best response", "remission, MRD+", "below 5 % from day 10")


def courses(**columns: object) -> Courses:
    values = {name: np.broadcast_to(np.asarray(given, float), DAYS.shape) for name, given in columns.items()}
    return Courses(pd.DataFrame(values, index=DAYS))


RELAPSE = {
    "mrd": np.select([DAYS < 10, DAYS < 50], [0.5, 2e-5], 0.3),
    "cells_blast_cd19_negative_marrow": np.where(DAYS < 50, 1000.0, 9e9),
    "cells_blast_marrow": np.where(DAYS < 50, 1e9, 1e9),
    "car_t_blood": 500 * np.exp(-np.abs(DAYS - 12) / 3),
    "b_cells_blood": np.where((DAYS > 8) & (DAYS < 70), 0.5, 200.0),
    "il6": np.where(np.abs(DAYS - 6) < 2, 700.0, 3.0),
    "crs_grade": np.select([np.abs(DAYS - 6) < 1, np.abs(DAYS - 6) < 2], [3.0, 2.0], 0.0),
    "neurotoxicity": 0.0,
    "blasts_csf": np.where(DAYS < 20, 4.0, 0.0),
    "car_t_csf": 0.0,
}


def test_a_relapse_in_sentences() -> None:
    given = [Treatment("CAR T infusion", (0.0,)), Treatment("steroid", (5.0, 6.0, 7.0, 20.0))]
    told = sentences(courses(**RELAPSE), given)
    assert told == [
        "On day 0, 50 % of the marrow's cells were leukaemic. Blasts fell below 5 % of the marrow's cells on day 10 (remission) and "
        "below 0.01 % on day 10 (MRD-negative). The fewest, 1 in 50,000, were there on day 10. From day 50 MRD was positive again, with "
        "CD19-negative blasts (90 % CD19-negative a week later): a relapse.",
        "CAR T cells in blood peaked at 500 cells/µL on day 12 and stayed above 1 cell/µL from day 0 to 30.7.",
        "Cytokine release syndrome of any grade lasted from day 4 to 8; the highest grade, 3, from day 5 to 7. IL-6 in serum reached "
        "700 pg/mL on day 4. Given were CAR T infusion (day 0) and steroid (day 5 to 7, 20). There was no neurotoxicity.",
        "B-cell aplasia (fewer than 10 B cells/µL of blood) lasted from day 8 to 70; B cells were back at 200/µL at the end.",
        "In the CSF blasts came to at most 4/µL (day 0), and to none at the end; there were no CAR T cells.",
    ]


def test_a_relapse_in_tiles() -> None:
    assert tiles(courses(**RELAPSE)) == [
        ("Best response", "MRD-negative", "from day 10"),
        ("Relapse", "day 50", "CD19-negative, MRD above 0.01 %"),
        ("CAR T peak", "500/µL", "in blood, day 12"),
        ("CRS", "grade 3", "4 days of any grade"),
        ("B-cell aplasia", "62 days", "recovered on day 70"),
        ("Neurotoxicity", "none", "to day 90"),
    ]


@pytest.mark.parametrize(
    ("mrd", "said", "tile"),
    [
        (np.full(DAYS.shape, 0.6), "there was no remission", ("Best response", "no remission", "to day 90")),
        (np.where(DAYS < 10, 0.5, 1e-3), "MRD stayed positive", PARTIAL),
        (np.select([DAYS < 10, DAYS < 40], [0.5, 1e-3], 0.2), "above 5 % again from day 40", PARTIAL),
        (np.where(DAYS < 10, 0.5, 0.0), "no blast was left", ("Best response", "MRD-negative", "from day 10")),
        (np.zeros(DAYS.shape), "There was no leukaemia", ("Leukaemia", "none", "in the marrow")),
        (np.full(DAYS.shape, 1e-6), "cells were leukaemic", ("Leukaemia", "below MRD limit", "from the start")),
    ],
)  # fmt: skip
def test_other_responses(mrd: np.ndarray, said: str, tile: tuple[str, str, str]) -> None:
    found = courses(mrd=mrd)
    assert said in " ".join(sentences(found, []))
    assert tiles(found)[0] == tile


def test_what_lasts_at_the_end() -> None:
    found = courses(car_t_blood=np.where(DAYS < 5, 0.0, 20.0), b_cells_blood=np.where(DAYS < 5, 100.0, 1.0))
    told = " ".join(sentences(found, []))
    assert "still above 1 cell/µL at the end (20 cells/µL)" in told
    assert "lasts at the end" in told
    assert ("B-cell aplasia", "85 days", "lasts at the end") in tiles(found)


def test_very_few_cells_of_the_csf() -> None:
    assert sentences(courses(blasts_csf=0.002, car_t_csf=np.linspace(1.0, 0.001, len(DAYS))), []) == [
        "In the CSF blasts never came to 0.01/µL; CAR T cells came to at most 1/µL (day 0), and to less than 0.01/µL at the end."
    ]


def test_a_closed_block() -> None:
    ratio = np.where(DAYS < 60, 0.1 + DAYS / 60, np.nan)
    found = courses(kills_total=np.minimum(DAYS, 50.0), effector_target_ratio=ratio, cells_blast_marrow=np.maximum(50 - DAYS, 0.0))
    assert sentences(found, []) == [
        "From day 0 to 90 the CAR T cells killed 50 cells; effectors per CD19+ target went from 0.1 to 1.1 on day 60, the last on which "
        "there was a target."
    ]
    assert tiles(found) == [("Targets killed", "50", "in 90 days"), ("CD19+ blasts left", "0", "of 50 at the start")]


def test_nothing_recorded_is_nothing_told() -> None:
    assert sentences(courses(), []) == []
    assert tiles(courses()) == []


def test_a_relapse_without_mrd_negativity_is_told_by_five_percent() -> None:
    found = courses(mrd=np.select([DAYS < 10, DAYS < 40], [0.5, 1e-3], 0.2), cd19_negative_fraction=1.0)
    assert ("Relapse", "day 40", "blasts above 5 % again") in tiles(found)
    assert "They were above 5 % again from day 40, with CD19-negative blasts." in " ".join(sentences(found, []))
