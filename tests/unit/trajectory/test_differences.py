# SPDX-License-Identifier: Apache-2.0
"""Two runs that differ in one thing: it is found, named and counted, and nothing else is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from abm.errors import InputError
from abm.trajectory import Header, Trajectory, TrajectoryWriter, diff
from abm.trajectory.differences import SeriesDiff
from tests.unit.trajectory.parting import AT, TICKS, Content, Parted, Write, only_in, set_cell


class TestNothingDiffers:
    def test_equal_runs_are_identical_whoever_made_them(self, write: Write, header: Header) -> None:
        made = {**header.provenance, "seed": 8, "threads": 1, "command": ["abm", "other"], "started": "2031-01-01"}
        ours, theirs = write("a.h5"), write("b.h5", provenance=made)
        found = diff(ours, theirs)
        assert found.identical
        assert found.first is None
        with Trajectory.open(theirs) as run:
            digest = run.digest()
        assert found.text() == (
            f"identical: {6 * len(TICKS)} frames in 6 series, day -0.04167 to 0.2083, digest {digest}\n"
            "made otherwise, which does not count  a.h5  b.h5\n"
            "  seed                                7     8\n"
            "  threads                             2     1"
        )

    def test_nan_equals_nan_in_every_series(self, tmp_path: Path, write: Write) -> None:
        def unknown(now: Content) -> None:
            now["observables"].pop("il6")
            now["cells"]["mood"][3] = np.nan
            now["field"][0, 1, 1] = np.nan

        assert diff(write("a.h5", {AT: unknown}), write("b.h5", {AT: unknown})).identical

    def test_nan_of_other_bits_is_nan(self, write: Write) -> None:
        kinds = np.array([0x7FF8000000000000, 0xFFF8000000000001], dtype=np.uint64).view(np.float64)
        changes = [{AT: lambda now, nan=nan: now["observables"].update(il6=nan)} for nan in kinds]
        found = diff(*(write(name, change, finish=True) for name, change in zip(("a.h5", "b.h5"), changes, strict=True)))
        assert (found.identical, found.digest) == (True, "")
        assert "but NaN of other bits" in found.text()

    @pytest.mark.parametrize("finished", [(True, True), (True, False), (False, True), (False, False)])
    def test_a_run_that_goes_on_or_was_cut_short_is_compared_like_a_finished_one(
        self, write: Write, finished: tuple[bool, bool]
    ) -> None:
        paths = [write(name, finish=finish) for name, finish in zip(("a.h5", "b.h5"), finished, strict=True)]
        found = diff(*paths)
        assert found.identical
        with Trajectory.open(paths[0]) as run:
            assert found.digest == run.digest()
        changed = write("c.h5", {AT: set_cell(1, "site", 5)}, finish=finished[0])
        assert only_in(diff(changed, paths[1]), "cells/marrow").uid == 2**40 + 1

    def test_runs_of_which_nothing_is_recorded_yet(self, write: Write) -> None:
        found = diff(write("a.h5", ticks=range(0)), write("b.h5", ticks=range(0)))
        assert found.identical
        assert found.text().startswith("identical: 0 frames in 0 series, no time, digest ")
        found = diff(write("c.h5"), write("d.h5", ticks=range(0)))
        assert not found.identical
        assert found.text().endswith("c.h5 is longer; c.h5: day -0.04167 to 0.2083; d.h5: no time")


class TestOneCell:
    def test_one_column(self, parted: Parted) -> None:
        found = only_in(parted(set_cell(7, "mood", 0.75)), "cells/marrow")
        assert (found.uid, found.name, found.compartment) == (2**40 + 7, "mood", "marrow")
        assert found.values[1] == 0.75 != found.values[0]
        assert found.words[1] == "0.75"
        assert found.differing == 1 < found.total
        assert found.place == f"cells marrow: cell {2**40 + 7}, mood"

    def test_kinds_have_names_and_densities_units(self, parted: Parted) -> None:
        assert "6 (CD19+ blast)" in only_in(parted(lambda now: swap_kind(now, 4)), "cells/marrow").words

    def test_the_smallest_uid_and_its_first_column_come_first(self, parted: Parted) -> None:
        def change(now: Content) -> None:
            now["cells"]["kind"][9] = 3
            now["cells"]["cd19"][5] = 17.0
            now["cells"]["mood"][5] = 17.0

        found = only_in(parted(change), "cells/marrow")
        assert (found.uid, found.name, found.words[1], found.differing) == (2**40 + 5, "cd19", "17.0 molecules", 2)

    @pytest.mark.parametrize("more", [True, False])
    def test_a_cell_that_only_one_run_has(self, parted: Parted, more: bool) -> None:
        def change(now: Content) -> None:
            for name, values in now["cells"].items():
                now["cells"][name] = np.append(values, values[-1:] + (name == "uid")) if more else np.delete(values, 2)

        found = only_in(parted(change), "cells/marrow")
        words = [words.split(" (")[0] for words in found.words]
        assert words == (["no such cell", "there"] if more else ["there", "no such cell"])
        assert [value is None for value in found.values] == [more, not more]
        assert found.differing == 1
        if not more:
            assert found.uid == 2**40 + 2

    def test_the_same_cells_in_another_order(self, parted: Parted) -> None:
        def change(now: Content) -> None:
            for name, values in now["cells"].items():
                now["cells"][name] = values[::-1]

        found = only_in(parted(change), "cells/marrow")
        assert (found.name, found.words[0]) == ("order", f"cell {2**40}")

    def test_cells_without_an_identity_are_told_by_their_row(self, write: Write) -> None:
        def anonymous(now: Content) -> None:
            now["cells"]["uid"][:] = 0

        def other(now: Content) -> None:
            anonymous(now)
            now["cells"]["site"][6] = -9

        found = only_in(diff(write("a.h5", {AT: anonymous}), write("b.h5", {AT: other})), "cells/marrow")
        assert (found.uid, found.site, found.name, found.differing) == (None, (6,), "site", 1)
        assert found.place == "cells marrow: the cell in row 6, site"


def swap_kind(now: Content, row: int) -> None:
    now["cells"]["kind"][row] = 15 - now["cells"]["kind"][row]


class TestOneValue:
    def test_an_observable(self, parted: Parted) -> None:
        found = only_in(parted(lambda now: now["observables"].update(il6=1.5)), "observables")
        assert (found.name, found.compartment, found.values[1], found.words[1]) == ("il6", None, 1.5, "1.5 pg/mL")
        assert (found.differing, found.total) == (1, 2)

    def test_an_observable_in_its_last_bit(self, parted: Parted, content: Callable[[int], Content]) -> None:
        value = content(AT - TICKS.start)["observables"]["il6"]
        found = only_in(parted(lambda now: now["observables"].update(il6=np.nextafter(value, 9.0))), "observables")
        assert found.words[0] != found.words[1]

    def test_an_observable_that_one_run_did_not_give(self, parted: Parted) -> None:
        found = only_in(parted(lambda now: now["observables"].pop("il6")), "observables")
        assert found.words[1] == "nan pg/mL"

    def test_the_sign_of_zero_counts_as_in_the_digest(self, write: Write) -> None:
        ours, theirs = (write(f"{value}.h5", {AT: lambda now, value=value: now["observables"].update(il6=value)}) for value in (0.0, -0.0))
        assert only_in(diff(ours, theirs), "observables").words == ("0.0 pg/mL", "-0.0 pg/mL")

    def test_a_voxel(self, parted: Parted) -> None:
        found = only_in(parted(lambda now: now["field"].__setitem__((2, 0, 1), 4.0)), "fields/marrow/il6")
        assert (found.site, found.values[1], found.words[1], found.total) == ((2, 0, 1), 4.0, "4.0 pg/mL", 12)
        assert found.place == "fields marrow il6: voxel (2, 0, 1)"

    @pytest.mark.parametrize(
        ("code", "words"),
        [(0, "void"), (0x26, "CD19+ blast, bound"), (0xC9, "CAR T cell, target guests, CAR T guests"), (0x3F, "bone"), (0x5F, "sinusoid"),
         (0x1F, "fat"), (12, "kind 12")],
    )  # fmt: skip
    def test_a_site(self, parted: Parted, code: int, words: str) -> None:
        found = only_in(parted(lambda now: now["csf"].__setitem__((5, 6), code)), "view/csf")
        assert (found.site, found.values[1], found.words[1]) == ((5, 6), code, f"site code {code} ({words})")
        assert (found.place, found.total) == ("view csf: site (5, 6)", 64)


class TestOneEvent:
    def test_a_detail(self, parted: Parted) -> None:
        found = only_in(parted(lambda now: now.update(events=[("infusion", {"cells": 3, "note": "µ"})])), "events")
        assert (found.name, found.values, found.words) == ("infusion", ({"cells": 4800}, {"cells": 3}), ("cells: 4800", "cells: 3"))

    @pytest.mark.parametrize("place", [0, 1])
    def test_one_that_only_one_run_has(self, parted: Parted, place: int) -> None:
        found = only_in(parted(lambda now: now["events"].insert(place, ("relapse", {"mrd": 0.25}))), "events")
        assert (found.name, found.values, found.words) == ("relapse", (None, {"mrd": 0.25}), ("nothing", "mrd: 0.25"))

    def test_one_at_a_time_at_which_the_other_run_has_none(self, parted: Parted) -> None:
        found = only_in(parted(lambda now: now["events"].clear()), "events")
        assert (found.name, found.values[1]) == ("infusion", None)

    def test_another_order(self, write: Write) -> None:
        one, other = ("crs", {}), ("infusion", {})
        ours = write("a.h5", {AT: lambda now: now.update(events=[one, other])})
        theirs = write("b.h5", {AT: lambda now: now.update(events=[other, one])})
        assert only_in(diff(ours, theirs), "events").words == ("crs", "infusion")


class TestWhichComesFirst:
    CHANGES = (
        ("events", lambda now: now["events"].clear()),
        ("observables", lambda now: now["observables"].update(il6=9.0)),
        ("cells/marrow", set_cell(0, "site", 7)),
        ("view/marrow", lambda now: now["marrow"].__setitem__((0, 0, 0), 255)),
        ("fields/marrow/il6", lambda now: now["field"].__setitem__((0, 0, 0), 9.0)),
    )  # fmt: skip

    @pytest.mark.parametrize("start", range(len(CHANGES)))
    def test_at_one_tick_events_then_observables_cells_views_fields(self, parted: Parted, start: int) -> None:
        def change(now: Content) -> None:
            for _, each in self.CHANGES[start:]:
                each(now)

        found = parted(change)
        assert found.first is not None
        assert found.first.series == self.CHANGES[start][0]
        assert [each.series for each in found.series if each.differing] == [name for name, _ in self.CHANGES[start:]]

    def test_the_earliest_of_all(self, write: Write) -> None:
        late = {AT: self.CHANGES[0][1], AT + 240: self.CHANGES[1][1], AT + 480: self.CHANGES[1][1]}
        found = diff(write("a.h5"), write("b.h5", {**late, AT - 240: self.CHANGES[4][1]}))
        assert found.first is not None
        assert (found.first.series, found.first.tick) == ("fields/marrow/il6", AT - 240)
        assert SeriesDiff("observables", len(TICKS), 2, AT + 240, (0, 0)) in found.series


class TestOtherTimes:
    def test_a_longer_run_differs_unless_only_the_common_counts(self, write: Write) -> None:
        paths = write("a.h5", ticks=TICKS[:-2]), write("b.h5")
        found = diff(*paths)
        assert not found.identical
        assert found.first is None
        assert all((each.differing, each.only) == (0, (0, 2)) for each in found.series)
        assert found.text().endswith("b.h5 is longer; a.h5: day -0.04167 to 0.125; b.h5: day -0.04167 to 0.2083")
        common = diff(*paths, common=True)
        assert common.identical
        assert common.text().startswith("identical where both recorded: 30 frames in 6 series, day -0.04167 to 0.125\n")
        assert diff(paths[0], paths[0], common=True).text().startswith("identical: 30 frames")

    def test_a_difference_within_the_common_times_counts(self, write: Write) -> None:
        found = diff(write("a.h5", ticks=TICKS[:-2]), write("b.h5", {AT: set_cell(2, "site", 0)}), common=True)
        assert not found.identical
        assert found.first is not None
        assert found.first.uid == 2**40 + 2

    def test_runs_that_begin_at_other_times(self, write: Write) -> None:
        found = diff(write("a.h5", ticks=TICKS[2:]), write("b.h5", ticks=TICKS[:-2]))
        assert found.first is None
        assert {each.only for each in found.series} == {(2, 2)}
        assert "they cover other times; a.h5: day 0.04167 to 0.2083; b.h5: day -0.04167 to 0.125" in found.text()

    def test_a_series_that_one_run_did_not_record(self, write: Write) -> None:
        paths = write("a.h5", without=("view/csf",)), write("b.h5")
        found = diff(*paths)
        assert not found.identical
        assert SeriesDiff("view/csf", 0, 0, None, (0, len(TICKS))) in found.series
        assert diff(*paths, common=True).identical

    def test_frames_recorded_at_other_intervals(self, write: Write, tmp_path: Path, header: Header) -> None:
        found = diff(write("a.h5"), write("b.h5", ticks=range(TICKS.start, TICKS.stop, 480)))
        counts = {each.series: (each.times, each.differing, each.only) for each in found.series}
        assert counts.pop("events") == (len(TICKS), 3, (0, 0))  # that nothing happened is a record
        assert set(counts.values()) == {(4, 0, (3, 0))}
        assert found.first is not None
        assert (found.first.series, found.first.tick) == ("events", 0)


class TestTexts:
    def test_scenario_values(self, write: Write) -> None:
        ours = "name: small\nseed: 7\ntreatments:\n  - {type: infusion, dose: 1e6}\nshape: [4, 4, 4]\n"
        theirs = ours.replace("1e6", "2e6").replace("4, 4, 4", "4, 4, 5").replace("seed: 7\n", "") + "extra: {a: 1}\n"
        paths = write("a.h5", scenario=ours), write("b.h5", scenario=theirs)
        found = diff(*paths)
        assert not found.identical
        assert [(item.path, *item.values) for item in found.scenario] == [
            ("seed", "7", "(none)"),
            ("treatments[0].dose", "1e6", "2e6"),
            ("shape", "[4, 4, 4]", "[4, 4, 5]"),
            ("extra", "(none)", "{a: 1}"),
        ]
        assert found.text().startswith("scenario              a.h5       b.h5\n  seed                7          (none)\n")
        assert diff(*paths, common=True).identical

    @pytest.mark.parametrize("other", ["true", "1.0", '"1"', "null", "[1]", "{b: 1}"])
    def test_values_of_other_types(self, write: Write, other: str) -> None:
        found = diff(write("a.h5", scenario="a: 1\n"), write("b.h5", scenario=f"a: {other}\n"))
        assert [(item.path, *item.values) for item in found.scenario] == [("a", "1", other)]

    def test_another_treatment_is_told_as_a_whole(self, write: Write) -> None:
        one, two = "t: [{type: a, day: 1}]\n", "t: [{type: a, day: 1}, {type: b, day: 2}]\n"
        found = diff(write("a.h5", scenario=one), write("b.h5", scenario=two))
        assert [(item.path, *item.values) for item in found.scenario] == [("t[1]", "(none)", "{type: b, day: 2}")]

    def test_the_same_in_other_words(self, write: Write) -> None:
        found = diff(write("a.h5"), write("b.h5", original="# rewritten\nname: small\n"))
        assert (found.identical, found.rewritten, found.scenario, found.first) == (False, True, (), None)
        assert "the scenarios say the same in other words" in found.text()

    def test_a_text_that_is_no_yaml(self, write: Write) -> None:
        found = diff(write("a.h5", scenario="a: ["), write("b.h5"))
        assert [(item.path, item.values[1]) for item in found.scenario] == [("(text)", "{name: small, seed: 7}")]

    def test_declarations_types_and_shapes(self, write: Write, header: Header) -> None:
        def wider(now: Content) -> None:
            now["csf"] = np.zeros((8, 9), np.uint8)
            now["cells"]["site"] = now["cells"]["site"].astype(np.int64)

        units = {**header.observables, "il6": {"unit": "ng/mL", "about": "interleukin 6"}}
        found = diff(write("a.h5"), write("b.h5", dict.fromkeys(TICKS, wider), observables=units))
        assert [(item.path, *item.values) for item in found.structure] == [
            ("observables.il6.unit", "pg/mL", "ng/mL"),
            ("cells/marrow/site", "int32 []", "int64 []"),
            ("view/csf/frames", "uint8 [8, 8]", "uint8 [8, 9]"),
        ]
        assert not found.identical
        assert found.first is None
        assert SeriesDiff("view/csf", 0, 0, None, (len(TICKS), len(TICKS))) in found.series


class TestRefused:
    def test_runs_of_other_compartments(self, write: Write, header: Header) -> None:
        larger = {**header.compartments, "marrow": {"shape": [8, 8, 8], "spacing_um": 10.0, "scale": 1.0}}
        with pytest.raises(InputError, match=r"their compartments differ: a\.h5 has marrow 6 × 5 × 4, .*; b\.h5 has marrow 8 × 8 × 8"):
            diff(write("a.h5"), write("b.h5", compartments=larger))

    def test_no_such_file(self, write: Write) -> None:
        path = write("a.h5")
        with pytest.raises(InputError, match=r"aa\.h5: no such file; nearest: 'a\.h5'"):
            diff(path, path.with_name("aa.h5"))


def test_one_frame_at_a_time_is_in_memory(tmp_path: Path, header: Header) -> None:
    count, frames = 20_000, 40
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path in paths:
        with TrajectoryWriter(path, header) as writer:
            for tick in range(frames):
                writer.cells(tick, "marrow", {"uid": np.arange(count), "site": np.full(count, tick)})
    tracemalloc.start()
    try:
        assert diff(*paths).identical
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    column = 8 * count
    assert peak < 8 * column < frames * column
