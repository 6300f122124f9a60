# SPDX-License-Identifier: Apache-2.0
"""The story of hand-made courses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from abm.playback.marks import Treatment, spells, treatments_given
from abm.playback.phrases import concentration, figure, share
from abm.playback.summary import Summary, summarise

DAYS = np.arange(0, 90 + 1 / 48, 1 / 24)


def frame(days: np.ndarray = DAYS, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({name: np.broadcast_to(values, days.shape) for name, values in columns.items()}, index=days)


def lines(summary: Summary) -> dict[str, list[str]]:
    """Value and day of each finding, by section and what is said."""
    return {
        f"{heading}: {finding.what}": [finding.value, finding.day]
        for heading, findings in summary.sections
        for finding in findings
    }


def clones(negative: np.ndarray) -> dict[str, np.ndarray]:
    """Blasts of the marrow, of which a part is CD19-negative."""
    return {"cells_blast_marrow": 1e6 * (1 - negative), "cells_blast_cd19_negative_marrow": 1e6 * negative}


def remission_and_relapse() -> pd.DataFrame:
    mrd = np.select([DAYS < 10, DAYS < 50], [0.5, 2e-5], 0.3)
    return frame(
        mrd=mrd,
        cd19_negative_fraction=np.where(DAYS < 50, 1e-6, 0.995),
        cells_blast_cd19_negative_marrow=np.where(DAYS < 50, 1000.0, 2e10),
        cells_blast_marrow=np.where(DAYS < 50, 1e9, 1e8),
        cells_blast_cd19_negative_periphery=np.where(DAYS < 50, 200.0, 0.0),
        car_t_blood=500 * np.exp(-np.abs(DAYS - 12) / 3),
        car_t_percent_cd3=70 * np.exp(-np.abs(DAYS - 12) / 5),
        b_cells_blood=np.where((DAYS > 8) & (DAYS < 70), 0.5, 200.0),
        il6=np.where(np.abs(DAYS - 6) < 2, 700.0, 3.0),
        crs_signal=np.where(np.abs(DAYS - 6) < 2, 350.0, 3.0),
        crs_grade=np.select([np.abs(DAYS - 6) < 1, np.abs(DAYS - 6) < 2], [3.0, 2.0], 0.0),
        blasts_csf=np.where(DAYS < 20, 4.0, 0.0),
        car_t_csf=0.0,
    )


def test_remission_and_cd19_negative_relapse() -> None:
    events = [
        {"day": 0.0, "kind": "treatment", "detail": {"name": "infusion"}},
        {"day": 5.0, "kind": "crs_grade", "detail": {"grade": 3}},
        *({"day": day, "kind": "treatment", "detail": {"name": "steroid"}} for day in (5.0, 6.0, 7.0, 20.0)),
    ]
    told = lines(summarise(remission_and_relapse(), "P", events))
    marrow = "Leukaemia in the marrow: "
    assert told[marrow + "blasts at start"] == ["50 %", "0"]
    assert told[marrow + "blasts at day 28"] == ["below 1 in 10,000 (1 in 50,000)", "28"]
    assert told[marrow + "blasts at end"] == ["30 %", "90"]
    assert told[marrow + "MRD-negative (below 0.01 %)"] == ["first", "10"]
    assert told[marrow + "MRD-positive again (relapse)"] == ["the leukaemia is back, CD19-negative", "50"]
    assert told[marrow + "MRD at day 28"] == ["negative; blasts left are CD19-positive", "28"]
    assert told[marrow + "MRD at end"] == ["positive; blasts left are CD19-negative", "90"]
    assert told[marrow + "CD19-negative, of the leukaemia"][0] == "1 in 1,000,000 -> above 99 %"
    assert told[marrow + "CD19-negative blasts in the body"][0] == "1,200 -> 2.0e10 cells"
    assert told["CAR T in blood: peak"] == ["500 cells/µL", "12"]
    assert told["CAR T in blood: highest share of T cells"] == ["70 % of CD3+", "12"]
    assert told["CAR T in blood: persistence"] == ["above 1 cell/µL", "0 to 30.7"]
    assert told["B cells in blood: aplasia"] == ["below 10 cells/µL", "8 to 70"]
    assert told["Cytokine release: CRS"][0] == "of grade 3, the highest"
    assert told["Cytokine release: highest CRS signal"][0] == "350 pg/mL"
    assert told["Cerebrospinal fluid: blasts, start -> end"][0] == "4 -> 0 cells/µL"
    assert told["Cerebrospinal fluid: CAR T"] == ["none", "to 90"]
    assert told["Treatments given: CAR T infusion"] == ["once", "0"]
    assert told["Treatments given: steroid"] == ["4 times", "5 to 7, 20"]


def test_a_product_that_does_nothing() -> None:
    told = lines(summarise(frame(mrd=0.8, car_t_blood=0.02, b_cells_blood=150.0, crs_grade=0.0), "dud"))
    assert told["Leukaemia in the marrow: MRD-negative (below 0.01 %)"] == ["never for a day", "to 90"]
    assert told["Leukaemia in the marrow: MRD at end"] == ["positive", "90"]
    assert not any("relapse" in what for what in told)
    assert told["CAR T in blood: persistence"] == ["never above 1 cell/µL", "to 90"]
    assert told["B cells in blood: aplasia"] == ["none: never below 10 cells/µL for a day", "to 90"]
    assert told["Cytokine release: CRS"] == ["none", "to 90"]
    assert not any("eurotoxicity" in what for what in told)


def test_every_finding_has_its_day() -> None:
    told = lines(summarise(remission_and_relapse(), "P"))
    assert {what: found for what, found in told.items() if not found[1]} == {}


def test_neurotoxicity_is_told_where_it_was_recorded() -> None:
    calm = lines(summarise(frame(mrd=0.5, neurotoxicity=0.0), "calm"))
    assert calm["Neurotoxicity: episodes"] == ["none", "to 90"]
    ill = ((DAYS >= 6) & (DAYS < 9.5)) | ((DAYS >= 20) & (DAYS < 20.25))
    told = lines(summarise(frame(mrd=0.5, neurotoxicity=ill.astype(float)), "ill"))
    assert told["Neurotoxicity: episodes"] == ["2", "6 to 9.5, 20 to 20.2"]


def test_remission_without_mrd_negativity_and_regrowth() -> None:
    mrd = np.select([DAYS < 7, DAYS < 40], [0.6, 2e-3], 0.7)
    told = lines(summarise(frame(mrd=mrd, **clones(np.where(DAYS < 20, 0.0, 1.0))), "P"))
    marrow = "Leukaemia in the marrow: "
    assert told[marrow + "blasts below 5 % (remission)"] == ["first", "7"]
    assert told[marrow + "blasts above 5 % again"] == ["the leukaemia is back, CD19-negative", "40"]
    assert told[marrow + "MRD at day 28"] == ["positive; blasts left are CD19-negative", "28"]
    assert told[marrow + "MRD-negative (below 0.01 %)"] == ["never for a day", "to 90"]
    assert "relapse" not in str(list(told))
    never = lines(summarise(frame(mrd=0.6), "P"))
    assert not any("5 %" in what for what in never)


def test_the_antigen_told_is_that_of_the_marrow() -> None:
    """CSF full of CD19+ blasts must not hide what is left in a cleared marrow."""
    negative = np.where(DAYS < 20, 0.0, 0.9)
    told = lines(summarise(frame(mrd=2e-5, cd19_negative_fraction=1e-3, blasts_csf=50.0, **clones(negative)), "P"))
    assert told["Leukaemia in the marrow: MRD at end"] == ["negative; blasts left are CD19-negative", "90"]


def test_health_has_no_remission() -> None:
    told = lines(summarise(frame(mrd=0.0, cd19_negative_fraction=np.nan), "healthy"))
    assert told == {"Leukaemia in the marrow: blasts": ["none", "0 to 90"]}


def test_lasting_remission_is_no_relapse_and_flicker_no_remission() -> None:
    cured = np.where(DAYS < 15, 0.2, 0.0)
    told = lines(summarise(frame(mrd=cured), "cured"))
    assert told["Leukaemia in the marrow: relapse"] == ["none seen", "to 90"]
    assert told["Leukaemia in the marrow: blasts at end"][0] == "none"
    assert told["Leukaemia in the marrow: MRD at end"] == ["negative, no blast left", "90"]
    blip = np.where((DAYS > 30) & (DAYS < 30.3), 2e-4, cured)
    assert "Leukaemia in the marrow: relapse" in lines(summarise(frame(mrd=blip), "blip"))
    dip = np.where((DAYS > 30) & (DAYS < 30.3), 5e-5, 0.2)
    flicker = lines(summarise(frame(mrd=dip), "dip"))
    assert flicker["Leukaemia in the marrow: MRD-negative (below 0.01 %)"][0] == "never for a day"


def test_a_closed_block_has_numbers_of_cells_only() -> None:
    hours = np.arange(25) / 24
    targets = np.linspace(1000, 0, 25)
    killers = np.where(hours == 0.5, 40.0, 100.0)
    block = frame(
        hours,
        cells_blast_marrow=targets,
        cells_blast_cd19_negative_marrow=10.0,
        cells_car_t_marrow=killers,
        kills_total=1000 - targets,
        effector_target_ratio=np.where(targets > 0, killers / np.maximum(targets, 1), np.nan),
    )
    summary = summarise(block, "co-culture")
    assert [heading for heading, _ in summary.sections] == ["Cells"]
    told = lines(summary)
    assert told["Cells: CD19+ blast"] == ["1,000 -> 0 cells, none left from day 1", "0 to 1"]
    assert told["Cells: CD19-negative blast"] == ["10 -> 10 cells", "0 to 1"]
    assert told["Cells: CAR T cell"][0] == "100 -> 100 cells, fewest 40 on day 0.5"
    assert told["Cells: targets killed"][0] == "1,000 cells"
    assert told["Cells: effectors per target"] == ["0.1 -> 2.4", "0 to 1"]


def test_nan_and_short_runs_claim_nothing() -> None:
    days = np.arange(0, 10, 0.5)
    mrd = np.where(days < 5, np.nan, 0.3)
    told = lines(summarise(frame(days, mrd=mrd, car_t_blood=np.nan), "short"))
    assert told["Leukaemia in the marrow: blasts at start"] == ["30 %", "5"]
    assert not any("day 28" in what or "CAR T" in what for what in told)
    assert summarise(pd.DataFrame(), "empty").text() == "empty: nothing recorded\n"


def test_text_is_an_aligned_table() -> None:
    text = summarise(remission_and_relapse(), "Patient 2").text().splitlines()
    assert text[0] == "Patient 2: day 0 to 90"
    column = text[1].index("day")
    rows = [line for line in text[2:] if line.startswith("  ")]
    assert len(rows) > 15
    assert max(map(len, text)) <= 120
    assert all(len(line) < column or line[column - 2 : column] == "  " for line in rows)


@pytest.mark.parametrize(
    ("fraction", "words"),
    [
        (0, "none"),
        (3e-7, "below 1 in 10,000 (1 in 3,300,000)"),
        (1e-4, "0.01 %"),
        (0.0068, "0.68 %"),
        (0.999, "above 99 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_in_words(fraction: float, words: str) -> None:
    assert share(fraction) == words


def test_figures_in_words() -> None:
    assert [figure(v) for v in (0, 0.0123, 4.56, 45.6, 1234, 3.4e11)] == ["0", "0.012", "4.6", "46", "1,230", "3.4e11"]
    assert [concentration(v) for v in (0, 1e-5, 0.02)] == ["0", "below 0.01", "0.02"]


def test_treatments_are_told_apart_from_other_events() -> None:
    events = [
        {"day": 7.0, "kind": "rule", "treatment": "tocilizumab"},
        {"day": 1.0, "kind": "infusion", "detail": {}},
        {"day": 2.0, "kind": "crs_grade", "detail": {"grade": 1}},
    ]
    assert treatments_given(events) == [Treatment("CAR T infusion", (1.0,)), Treatment("tocilizumab", (7.0,))]
    assert spells([5, 6, 7, 20]) == [(5, 7, 3), (20, 20, 1)]


def test_stretches_recovery_and_what_goes_on() -> None:
    twice = ((DAYS > 5) & (DAYS < 20)) | ((DAYS > 40) & (DAYS < 60))
    seen = ((DAYS > 3) & (DAYS < 15)) | (DAYS > 70)
    told = lines(
        summarise(
            frame(
                b_cells_blood=np.where(twice, 1.0, 50.0), car_t_blood=np.where(seen, 5.0, 0.1), il6=DAYS,
                crs_grade=np.where(DAYS > 80, 2.0, 0.0), neurotoxicity=np.where(DAYS > 85, 1.0, 0.0),
            ),
            "P",
        )
    )  # fmt: skip
    assert told["B cells in blood: recovery from aplasia"] == ["10 cells/µL again", "60"]
    assert told["CAR T in blood: persistence"] == ["still above 1 cell/µL at the end", "3 to 15, 70 to 90"]
    assert told["Cytokine release: highest IL-6"] == ["90 pg/mL, highest so far", "90"]
    assert told["Cytokine release: CRS"] == ["of grade 2, the highest, not ended", "80 to 90"]
    assert told["Neurotoxicity: episodes"] == ["1, not ended", "85 to 90"]


def test_car_t_of_a_patient_who_was_given_none_are_not_told() -> None:
    assert lines(summarise(frame(car_t_blood=0.0), "untreated")) == {}
    told = lines(summarise(frame(car_t_blood=0.0), "treated", [{"day": 0.0, "kind": "infusion"}]))
    assert told["CAR T in blood: CAR T cells"] == ["none seen", "to 90"]
