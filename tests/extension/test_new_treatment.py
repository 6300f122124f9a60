# SPDX-License-Identifier: Apache-2.0
"""A treatment that the package does not know: one class, read from a mapping, given, remembered, acting."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

import numpy as np
from pydantic import Field, TypeAdapter

from abm.celltypes import BLAST
from abm.processes.cytokines import CytokineParameters, Cytokines
from abm.processes.toxicity import Toxicity, ToxicityParameters
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws, Stream
from abm.treatments import TREATMENTS, TreatmentSchedule
from abm.treatments.pharmacokinetics import bolus, rate_of
from abm.treatments.treatment import Treatment, drug_key, scale_effect, set_value
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR, quantity


class Blastocidin(Treatment):
    """Kills a share of the blasts at once and damps cytokine secretion for a while."""

    type: Literal["blastocidin"] = "blastocidin"
    share: float = quantity(0.5, "1", bounds=(0, 1), about="blasts killed at once", source="assumption: test")
    half_life: float = quantity(6, "h", bounds=(0.1, 100), about="half-life", source="assumption: test")

    def begin(self, state: State, index: int) -> dict[str, Any]:
        table = state.sessile
        rows = np.flatnonzero(table.array("kind") == BLAST.code)
        uids = table.array("uid")[rows]
        dies = state.draws.uniform(Stream.TREATMENT, state.tick, uids, draw=index) < self.share
        state.remove("sessile", rows[dies], Entry.DRUG_KILLED)
        return {"killed": int(dies.sum())}

    def act(self, state: State, index: int, since: int) -> None:
        level = bolus(1.0, rate_of(self.half_life), since / TICKS_PER_HOUR)
        set_value(state, drug_key(index, "level"), level)
        scale_effect(state, "effect_secretion", 1.0 - 0.5 * level)


def test_a_new_treatment_runs_beside_the_known_ones() -> None:
    read = TypeAdapter(Annotated[Union[(*TREATMENTS, Blastocidin)], Field(discriminator="type")])
    plan = [
        read.validate_python({"type": "blastocidin", "when": "cells_blast_marrow >= 10 for 1 h", "share": 0.25}),
        read.validate_python({"type": "tocilizumab", "day": 0.5}),
    ]
    lattice = Lattice((10, 10, 10), 10.0, (True, True, True))
    state = State(Draws(5), [Place(MARROW, 1, lattice.n_sites, lattice)])
    state.body["weight_kg"] = np.array([30.0])
    state.add_cells(BLAST.code, MARROW, Entry.INITIAL, 400, site=np.arange(400))

    def observe(name: str, seen: State) -> float:
        assert name == "cells_blast_marrow"
        return float(seen.ledger.balance()[BLAST.code, MARROW])

    processes = (
        TreatmentSchedule(plan, observe, ["cells_blast_marrow"]),
        Cytokines(CytokineParameters(), (0.0, 1.0)),
        Toxicity(ToxicityParameters()),
    )
    while state.tick <= TICKS_PER_DAY:
        for process in processes:
            process.run(state)
            state.check()
        state.tick += processes[0].period

    assert [(tick / TICKS_PER_HOUR, detail["treatment"]) for tick, _, detail in state.events] == [
        (1.0, "blastocidin"),
        (12.0, "tocilizumab"),
    ]
    killed = state.events[0][2]["killed"]
    assert 70 < killed < 130  # binomial, 400 at 0.25: 100 ± 3.5 SD
    assert state.ledger.total(Entry.DRUG_KILLED, BLAST.code) == killed == 400 - len(state.sessile)
    level = 0.5 ** (23 / 6)
    assert state.body["drug_0_level"][0] == np.float64(bolus(1.0, rate_of(6.0), 23.0))
    assert abs(state.body["effect_secretion"][0] - (1 - 0.5 * level)) < 1e-12
    assert state.body["il6r_occupancy"][0] > 0.99
    assert state.body["il6"][0] > 3.0  # its clearance is blocked
