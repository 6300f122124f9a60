# SPDX-License-Identifier: Apache-2.0
"""Fields, systemic levels, macrophages and markers, by hand and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from abm.celltypes.car_t import COSTIMULATION, Programme
from abm.processes.cytokines import PG_PER_MOLECULE, CytokineParameters, Cytokines
from abm.processes.diffusion import FieldGrid
from abm.processes.macrophages import Il6Parameters
from abm.processes.relaxation import relax
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_DAY
from tests.unit.processes.body_state import KILOGRAMS, add_car_t, add_macrophages, advance, body_state, engage

PARAMETERS = CytokineParameters()
BY_PRODUCT = (0.0, COSTIMULATION["cd28"]["secretion"], COSTIMULATION["4-1bb"]["secretion"])
IFN = (MARROW, "ifn_gamma")


def cytokines(parameters: CytokineParameters = PARAMETERS, n_threads: int = 1) -> Cytokines:
    return Cytokines(parameters, BY_PRODUCT, n_threads)


def value(state: State, name: str) -> float:
    return float(state.body[name][0])


def amount(state: State, name: str = "ifn_gamma") -> float:
    """Return what a field holds [pg]."""
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    return float(state.fields[(MARROW, name)].sum(dtype=float)) * FieldGrid(lattice).voxel_ml


@pytest.mark.parametrize("thickness", [None, 1])
def test_a_closed_block_has_fields_only(thickness: int | None) -> None:
    state = body_state(body=False, thickness=thickness)
    add_car_t(state, [7])
    advance(state, 0.5, cytokines())
    assert state.body == {}
    assert state.fields[IFN].shape == (10, 10, 1 if thickness == 1 else 10)
    assert state.fields[IFN].dtype == np.float32
    assert {name for _, name in state.fields} == {"ifn_gamma", "il2"}
    for name, secretion, decay in (
        ("ifn_gamma", PARAMETERS.ifn_gamma_secretion, PARAMETERS.ifn_gamma_decay),
        ("il2", PARAMETERS.il2_secretion, PARAMETERS.il2_decay),
    ):
        assert amount(state, name) == pytest.approx(secretion * PG_PER_MOLECULE[name] / decay, rel=1e-4)
    assert state.fields[IFN].argmax() == state.fields[(MARROW, "il2")].argmax()


def test_only_engaged_car_t_cells_secrete() -> None:
    state = body_state()
    add_car_t(state, [7], free_at=0)
    advance(state, 0.1, cytokines())
    assert not state.fields[IFN].any()
    assert value(state, "ifn_gamma") == 0.0


def test_part_of_a_period_in_contact_secretes_that_part() -> None:
    """Two cells for a quarter of it each, one for half of it, and half of what one secretes all the time."""
    quarter = Cytokines.period // 4
    levels = []
    for sites, busy in (([7, 8], quarter), ([7], 2 * quarter), ([7], 4 * quarter)):
        state = body_state()
        add_car_t(state, sites, free_at=busy)
        advance(state, Cytokines.period / TICKS_PER_DAY, cytokines())
        levels.append((amount(state), value(state, "ifn_gamma")))
    assert levels[0] == pytest.approx(levels[1], rel=1e-6)
    assert levels[1] == pytest.approx([half / 2 for half in levels[2]], rel=1e-6)


@pytest.mark.parametrize("body", [True, False])
def test_a_contact_secretes_once(body: bool) -> None:
    """Each run uses up the contacts counted since the last."""
    state = body_state(body=body)
    add_car_t(state, [7])
    process = cytokines()
    engage(state, process.period)
    process.run(state)
    assert not state.motile.array("engaged").any()
    held = amount(state)
    level = value(state, "ifn_gamma") if body else 0.0
    process.run(state)  # nobody was in contact since
    assert amount(state) < held / 2
    if body:
        assert value(state, "ifn_gamma") == pytest.approx(level * math.exp(-1122 / 510 / 2), rel=1e-9)


def test_field_counts_lattice_cells_and_serum_counts_body_cells() -> None:
    one, guests = body_state(scale=100), body_state(scale=100)
    add_car_t(one, [7])
    add_car_t(guests, [7, 7, 7, 7], weight=25)
    add_car_t(guests, [0, 0], weight=50, place=PERIPHERY)
    for state in (one, guests):
        advance(state, 1.0, cytokines())
    assert guests.fields[IFN].tobytes() == one.fields[IFN].tobytes()
    assert value(guests, "ifn_gamma") == pytest.approx(2 * value(one, "ifn_gamma"), rel=1e-12)


def test_product_exhaustion_and_drug_scale_secretion() -> None:
    def level(drug: float = 1.0, **cell: object) -> tuple[float, float]:
        state = body_state()
        state.body["effect_secretion"] = np.array([drug])
        add_car_t(state, [7], **cell)  # type: ignore[arg-type]
        advance(state, 1.0, cytokines())
        return amount(state), value(state, "ifn_gamma")

    full = np.array(level())
    np.testing.assert_allclose(level(product=2), full / 3, rtol=1e-5)
    np.testing.assert_allclose(level(programme=Programme.EXHAUSTED), full * 0.1, rtol=1e-5)
    np.testing.assert_allclose(level(drug=0.3), full * 0.3, rtol=1e-5)


def test_an_unknown_product_is_refused() -> None:
    state = body_state()
    add_car_t(state, [7], product=3)
    with pytest.raises(ValueError, match="of product 3, but secretion is known of 1 to 2"):
        advance(state, Cytokines.period / TICKS_PER_DAY, cytokines())


def test_systemic_ifn_gamma_by_hand() -> None:
    # 1e9 cells x 1e5 molecules/h x half released, over 1122 mL/h/kg x 30 kg; the scale stands for the many cells
    state = body_state(scale=10**9)
    add_car_t(state, [7])
    advance(state, 1.0, cytokines())
    grams_per_hour = 1e9 * 1e5 / 6.02214076e23 * 17000
    assert value(state, "ifn_gamma") == pytest.approx(0.5 * grams_per_hour * 1e12 / (1122 * KILOGRAMS), rel=1e-9)
    state.motile.array("free_at")[:] = 0
    before = value(state, "ifn_gamma")
    advance(state, 1 / 24, cytokines())
    assert value(state, "ifn_gamma") == pytest.approx(before * math.exp(-1122 / 510), rel=1e-9)


def test_field_without_source_decays_and_then_is_left_alone() -> None:
    state = body_state(body=False)
    rows = add_car_t(state, [7])
    process = cytokines()
    advance(state, 0.25, process)
    state.motile.array("free_at")[rows] = 0
    process.run(state)
    assert 0 < amount(state) < PARAMETERS.ifn_gamma_secretion * PG_PER_MOLECULE["ifn_gamma"] / 2.1
    advance(state, 1.0, process)
    assert not state.fields[IFN].any()


@pytest.mark.parametrize("n_threads", [2, 8])
def test_threads_and_order_of_rows_change_nothing(n_threads: int) -> None:
    states = [body_state(scale=7), body_state(scale=7)]
    for state in states:
        add_macrophages(state, list(range(100, 400, 7)))
        add_car_t(state, [0, 1, 2, 50, 51], product=1)
        add_car_t(state, [3, 3, 52], product=2, weight=3)
    table = states[1].sessile
    order = np.random.default_rng(1).permutation(table.n_rows)
    for name in table.schema:
        table.array(name)[:] = table.array(name)[order]
    motile = states[1].motile
    for name in motile.schema:
        motile.array(name)[:] = motile.array(name)[::-1].copy()
    advance(states[0], 0.5, cytokines())
    advance(states[1], 0.5, cytokines(n_threads=n_threads))
    for name in states[0].body:
        assert states[0].body[name].tobytes() == states[1].body[name].tobytes(), name
    for key in states[0].fields:
        assert states[0].fields[key].tobytes() == states[1].fields[key].tobytes()


def stimulated(ifn_gamma: float, days: float, **changes: float) -> State:
    """Return a body whose macrophages lie in uniform IFN-gamma for some days; no CAR T cell is near."""
    state = body_state(scale=10**7)
    add_macrophages(state, list(range(0, 8000, 50)))
    process = cytokines(PARAMETERS.model_copy(update={"il6": Il6Parameters(**changes), "ifn_gamma_decay": 0.0}))
    state.fields[IFN] = np.full((10, 10, 10), ifn_gamma, np.float32)
    advance(state, days, process)
    return state


def test_a_macrophage_tires_as_its_equation_says() -> None:
    state = stimulated(3000.0, 4.0)
    x, k, r = 0.75, 0.5, 0.05
    rest = r / (r + k * x)
    expected = rest + (1 - rest) * math.exp(-(k * x + r) * 4.0)
    np.testing.assert_allclose(state.sessile.array("mood"), expected, rtol=1e-5)


def test_il6_settles_at_secretion_over_clearance() -> None:
    state = stimulated(1000.0, 20.0, desensitisation=0.0)
    cells = 160 * 1e7
    secreted = cells * 300 * 0.5 * PG_PER_MOLECULE["il6"]
    assert value(state, "il6") == pytest.approx(3.0 + secreted / (2 / 24 * 100 * KILOGRAMS), rel=1e-6)
    assert value(state, "ferritin") == pytest.approx(1 + 100 * 0.5, rel=0.02)


def test_debris_and_tnf_amplify() -> None:
    plain = stimulated(1e5, 5.0)
    rest = value(stimulated(0.0, 5.0), "il6")
    amplified = body_state(scale=10**7)
    add_macrophages(amplified, list(range(0, 8000, 50)))
    amplified.fields[IFN] = np.full((10, 10, 10), 1e5, np.float32)
    amplified.body["effect_tnf"] = np.array([0.1])
    process = cytokines(PARAMETERS.model_copy(update={"ifn_gamma_decay": 0.0}))
    advance(amplified, 5.0, process)
    factor = (value(amplified, "il6") - rest) / (value(plain, "il6") - rest)
    assert factor == pytest.approx((1 + 0.3 * 0.1) / 1.3, rel=1e-6)
    before = value(amplified, "il6")
    amplified.body["kills"] = np.array([1e12])
    advance(amplified, 0.5, process)
    age = 0.5 - Cytokines.period / TICKS_PER_DAY / 2  # the kills spread over the first period
    assert value(amplified, "debris") == pytest.approx(1e12 / KILOGRAMS * math.exp(-2 * age), rel=0.001)
    assert value(amplified, "il6") > 1.5 * before
    assert value(amplified, "ldh") > 5


def test_il6_rises_when_its_clearance_falls() -> None:
    state = body_state()
    state.body["effect_il6_clearance"] = np.array([0.2])
    advance(state, 20.0, cytokines())
    assert value(state, "il6") == pytest.approx(3.0 / 0.2, rel=1e-3)


def test_crp_follows_after_its_lag_and_the_blocked_receptor_ends_it() -> None:
    def crp(days: float, occupancy: float = 0.0) -> float:
        state = stimulated(1e5, 1.0, desensitisation=0.0)
        state.body["il6r_occupancy"] = np.array([occupancy])
        process = cytokines(PARAMETERS.model_copy(update={"il6": Il6Parameters(desensitisation=0.0), "ifn_gamma_decay": 0.0}))
        advance(state, days, process)
        return value(state, "crp")

    early = stimulated(1e5, 4 / 24)
    assert value(early, "crp") < 10 < value(early, "il6")
    assert 200 < crp(10.0) < 400
    assert crp(10.0, occupancy=1.0) < 5


def test_halving_the_step_changes_nothing_visible() -> None:
    class Halved(Cytokines):
        period = Cytokines.period // 2

    results = []
    for kind in (Cytokines, Halved):
        state = body_state(scale=10**7)
        rng = np.random.default_rng(2)
        sites = rng.permutation(8000)
        add_macrophages(state, sites[:160].tolist())
        add_car_t(state, sites[160:200].tolist())
        process = kind(PARAMETERS, BY_PRODUCT)
        while state.tick < 6 * TICKS_PER_DAY:
            state.body["kills"] = np.array([1e10 * (state.tick + kind.period) / TICKS_PER_DAY])
            if state.tick == 4 * TICKS_PER_DAY:
                state.motile.array("free_at")[:] = 0
            advance(state, kind.period / TICKS_PER_DAY, process)
        results.append({name: value(state, name) for name in ("il6", "crp", "ferritin", "ldh", "debris", "ifn_gamma")})
    for name, coarse in results[0].items():
        assert coarse == pytest.approx(results[1][name], rel=0.01, abs=1e-9), name


def test_order_of_magnitude_of_a_release() -> None:
    # 2e8 macrophages per kg; half of 1e8 to 1e11 body cells engaged, and a burden killed over five days.
    peaks = []
    for cells, burden in ((1e8, 1e10), (1e10, 3e11), (1e11, 1e12)):
        side = 20
        scale = int(KILOGRAMS * 10.4e9 / side**3)
        state = body_state(scale=scale, side=side)
        sites = np.random.default_rng(3).permutation(side**3)
        n = max(200, math.ceil(cells / 2 / scale))
        add_macrophages(state, sites[: side**3 // 50].tolist())
        add_car_t(state, sites[-n:].tolist(), product=2, weight=int(cells / 2 / n))
        process, highest = cytokines(), 0.0
        for hour in range(6 * 24):
            state.body["kills"] = np.array([burden / 120 * min(hour, 120)])
            advance(state, 1 / 24, process)
            highest = max(highest, value(state, "il6"))
        peaks.append(highest)
    assert peaks == sorted(peaks)
    assert peaks[0] < 30 < 100 < peaks[1] < 1000
    assert 200 < peaks[2] < 1000


def test_relaxation_and_its_mean() -> None:
    end, mean = relax(8.0, 2.0, 0.5, 3.0)
    assert end == pytest.approx(2.0 + 6.0 * math.exp(-1.5))
    times = (np.arange(100000) + 0.5) / 100000 * 3.0
    assert mean == pytest.approx(float((2.0 + 6.0 * np.exp(-0.5 * times)).mean()), rel=1e-9)
