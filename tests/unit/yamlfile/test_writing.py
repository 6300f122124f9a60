# SPDX-License-Identifier: Apache-2.0
"""Writing back what was read, and templates to start from."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.yamlfile import dump, load, template
from tests.unit.example_scenario import STARTER, TEXT, Example, Infusion, Motility, Patient, Tocilizumab
from tests.unit.yamlfile.reading import read


def test_a_dump_shows_declared_units() -> None:
    assert dump(Motility(by_kind={"blast": 50, "1 2": 5})) == (
        "speed: 6.0  # µm/min\npersistence: 5.0  # min\ndeath: 0.03  # 1/d\n"
        'by_kind:\n  blast: 50.0  # %\n  "1 2": 5.0  # %\n'
    )
    assert dump(Tocilizumab()) == "type: tocilizumab\ndoses: [8.0]  # mg/kg\nwhen: null\nrepeats: 1\n"


def fractions(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
KEYS = TEXTS.filter(lambda key: key.strip() != "")
PATIENTS = st.builds(
    Patient,
    weight=fractions(2, 200),
    sex=st.sampled_from([None, "female", "male"]),
    site=st.tuples(fractions(-1, 0), fractions(0, 1e300)),
)
MOTILITIES = st.builds(
    Motility,
    speed=fractions(0, 30),
    persistence=fractions(0, 1e300),
    death=fractions(0, 10),
    by_kind=st.dictionaries(KEYS, fractions(0, 100), max_size=3),
)
TREATMENTS = st.builds(Infusion, dose=fractions(0, 1e9), day=fractions(-30, 365)) | st.builds(
    Tocilizumab,
    doses=st.lists(fractions(0, 12), max_size=3).map(tuple),
    when=st.none() | TEXTS,
    repeats=st.integers(1, 4),
)
EXAMPLES = st.builds(
    Example,
    name=TEXTS,
    seed=st.integers(0, 2**63 - 1),
    wrap=st.booleans(),
    half_life=st.floats(allow_nan=False, allow_infinity=False),
    lattice=st.tuples(*[st.integers(-(2**63), 2**63)] * 3),
    patient=PATIENTS,
    motility=MOTILITIES,
    csf=st.none() | MOTILITIES,
    body=st.just("none") | PATIENTS,
    treatments=st.lists(TREATMENTS, max_size=3).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(EXAMPLES)
def test_what_is_dumped_loads_back_equal(tmp_path_factory: Callable, model: Example) -> None:
    path = tmp_path_factory.getbasetemp() / "dumped.yaml"
    path.write_text(dump(model), encoding="utf-8", newline="")
    assert load(path, Example).model == model


@pytest.mark.parametrize("base", ["", STARTER, TEXT])
def test_a_template_loads_as_it_stands_with_the_values_of_its_base(base: str) -> None:
    text = template(Example, base)
    model = read(text)
    if base:
        assert model == read(base)
    else:
        assert model == Example(name="name", patient=Patient(weight=101))


@pytest.mark.parametrize("base", ["", STARTER])
def test_a_template_loads_with_every_setting_switched_on(base: str) -> None:
    everything = re.sub(r"(?m)^( *)#(?=\S)", r"\1", template(Example, base))
    model = read(everything)
    assert [one.type for one in model.treatments] == ["infusion", "tocilizumab"]
    assert model.csf == Motility()


def test_a_template_tells_unit_range_and_source() -> None:
    text = template(Example, STARTER)
    assert (
        "#motility:\n"
        "  # Free speed. Between 0 and 30 µm/min, usually between 2 and 12. Source: Mulazzani 2019\n"
        "  #speed: 6.0  # µm/min\n"
    ) in text
    assert "# Name of the run. Must be text.\nname: my run\n" in text
    assert "  # How often at most. Must be a whole number between 1 and 4.\n" in text
