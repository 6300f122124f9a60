# SPDX-License-Identifier: Apache-2.0
"""Sentences and tiles of hand-made courses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from abm.clinic import Courses
from abm.playback.marks import Treatment
from abm.report.story import sentences
from abm.report.tiles import tiles

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
    given = [Treatment("CAR T infusion", (0.0,)), Treatment("corticosteroid", (5.0, 6.0, 7.0, 20.0))]
    told = sentences(courses(**RELAPSE), given)
    assert told == [
        "Given was CAR T infusion (day 0).",
        "On day 0, 50 % of the marrow's cells were leukaemic. Blasts fell below 5 % of the marrow's cells on day 10 (remission) and "
        "below 0.01 % on day 10 (MRD-negative). The fewest, 1 in 50,000, were there on day 10. From day 50 MRD was positive again, with "
        "CD19-negative blasts (90 % CD19-negative a week later): a relapse.",
        "CAR T cells in blood peaked at 500 cells/µL on day 12 and stayed above 1 cell/µL from day 0 to 30.7.",
        "Cytokine release syndrome of any grade lasted from day 4 to 8; the highest grade, 3, from day 5 to 7. IL-6 in serum reached "
        "700 pg/mL on day 4. Given against cytokine release was corticosteroid (day 5 to 7, 20). There was no neurotoxicity.",
        "B-cell aplasia (fewer than 10 B cells/µL of blood) lasted from day 8 to 70; B cells were at 200/µL at the end.",
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
        (np.full(DAYS.shape, 1e-6), "below 0.01 % from the start to the end", ("Leukaemia", "below MRD limit", "from the start")),
        (np.full(DAYS.shape, 0.02), "below 5 % from the start to the end", ("Leukaemia", "below 5 %", "from the start")),
        (np.where(DAYS < 9, 0.02, 0.5), "below 5 % from the start up to day 9", ("Leukaemia", "below 5 %", "from the start to day 9")),
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
    assert "lasted from day 5, and had not ended on day 90" in told
    assert ("B-cell aplasia", "85 days", "not ended") in tiles(found)


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


@pytest.mark.parametrize(
    ("last", "infused", "is_whole", "response"),
    [
        (90, 0.0, True, "no remission"),
        (90, 0.0, False, "no remission yet"),
        (27, 0.0, True, "no remission yet"),
        (28, 0.0, True, "no remission"),
        (35, 10.0, True, "no remission yet"),
    ],
)
def test_no_remission_is_final_only_after_a_whole_run_of_four_weeks(last: int, infused: float, is_whole: bool, response: str) -> None:
    days = np.arange(last + 1.0)
    found = Courses(pd.DataFrame({"mrd": np.full(days.shape, 0.6)}, index=days))
    given = [Treatment("CAR T infusion", (infused,))]
    assert tiles(found, given, is_whole=is_whole)[0] == ("Best response", response, f"to day {last}")
    yet = f" yet, to day {last}." if response.endswith("yet") else "."
    assert " ".join(sentences(found, given, is_whole=is_whole)).endswith(f"there was no remission{yet}")


def test_two_stretches_of_car_t_are_told_as_two() -> None:
    seen = np.where(((DAYS > 3) & (DAYS < 15)) | ((DAYS > 70) & (DAYS < 80)), 20.0, 0.1)
    assert "were above 1 cell/µL from day 3 to 15 and 70 to 80." in " ".join(sentences(courses(car_t_blood=seen), []))
    told = " ".join(sentences(courses(car_t_blood=np.where(DAYS > 80, 20.0, seen)), []))
    assert told.endswith("still above 1 cell/µL at the end (20 cells/µL), from day 70 on, as they had been from day 3 to 15.")


def test_a_short_peak_is_no_persistence() -> None:
    told = sentences(courses(car_t_blood=np.where(np.abs(DAYS - 9) < 0.2, 1.2, 0.1)), [])
    assert told == ["CAR T cells in blood peaked at 1.2 cells/µL on day 8.8 and were above 1 cell/µL only for less than a day."]


def test_recovery_is_the_end_of_the_last_aplasia_wherever_it_is_told() -> None:
    first, second = (DAYS > 5) & (DAYS < 20), (DAYS > 40) & (DAYS < 60)
    flicker = (DAYS > 60.5) & (DAYS < 60.9)
    twice = courses(b_cells_blood=np.where(first | second | flicker, 1.0, 50.0))
    assert tiles(twice) == [("B-cell aplasia", "35.8 days", "recovered on day 60.9")]
    assert "lasted from day 5 to 20 and 40 to 60.9;" in sentences(twice, [])[0]
    lasting = courses(b_cells_blood=np.where(first | (DAYS > 40), 1.0, 50.0))
    assert tiles(lasting)[0][2] == "not ended"
    assert "from day 5 to 20 and from day 40, and had not ended on day 90." in sentences(lasting, [])[0]


def test_what_still_rises_or_goes_on_is_told_so() -> None:
    days = np.arange(0, 3.01, 0.25)
    going = {
        "car_t_blood": 17 * days / 3, "il6": 10 + days, "crs_grade": np.where(days > 1, 2.0, 0.0),
        "neurotoxicity": np.where(days > 2, 1.0, 0.0), "blasts_csf": days,
    }  # fmt: skip
    found = Courses(pd.DataFrame(going, index=days))
    told = " ".join(sentences(found, []))
    assert "CAR T cells in blood were still rising (highest so far: 17 cells/µL on day 3)" in told
    assert "any grade lasted from day 1.2, and had not ended on day 3;" in told
    assert "13 pg/mL on day 3, highest so far" in told
    assert "Neurotoxicity lasted from day 2.2, and had not ended on day 3." in told
    assert "blasts came to 3/µL on day 3, highest so far" in told
    assert [when for _, _, when in tiles(found)] == [
        "in blood, day 3, highest so far", "1.8 days of any grade, not ended", "day 2.2 to 3, not ended",
    ]  # fmt: skip


def test_only_what_acts_against_cytokine_release_is_told_with_it() -> None:
    given = [Treatment("lymphodepletion", (-4.0,)), Treatment("CAR T infusion", (0.0,)), Treatment("tocilizumab", (3.0,))]
    first, release = sentences(courses(crs_grade=0.0), given)
    assert first == "Given were lymphodepletion (day −4) and CAR T infusion (day 0)."
    assert release == "There was no cytokine release syndrome. Given against cytokine release was tocilizumab (day 3)."


def test_without_an_infusion_no_car_t_are_told() -> None:
    none = courses(car_t_blood=0.0, car_t_csf=0.0)
    assert sentences(none, []) == []
    told = sentences(none, [Treatment("CAR T infusion", (0.0,))])
    assert told[1:] == ["No CAR T cells were seen in blood.", "In the CSF there were no CAR T cells."]
