# SPDX-License-Identifier: Apache-2.0
"""The command line as a user types it, from a new scenario to a movie, and what becomes of a run that is cut short."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from abm.trajectory import Trajectory, pack
from tests.small_scenarios import ROOT

QUICKSTART = str(ROOT / "scenarios" / "quickstart.yaml")
SMALL = [
    *("--set", "marrow.shape=[12, 12, 12]", "--set", "csf.shape=[16, 8, 4]"),
    *("--set", "start=-0.25 d", "--set", "treatments[0].day=-0.25 d"),
    *("--set", "record.view=2 h", "--set", "record.cells=6 h"),
]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
Finished = subprocess.CompletedProcess[str]


def abm(folder: Path, *arguments: str, prepare: Callable[[], None] | None = None) -> Finished:
    return subprocess.run(
        [sys.executable, "-m", "abm", *arguments],
        cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=120, check=False, preexec_fn=prepare,
    )  # fmt: skip


def run(folder: Path, output: str, *arguments: str, prepare: Callable[[], None] | None = None) -> Finished:
    return abm(folder, "run", QUICKSTART, "-o", output, *SMALL, *arguments, prepare=prepare)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run of half a day."""
    folder = tmp_path_factory.mktemp("cli")
    done = run(folder, "done.h5", "--until", "0.5", "--threads", "1")
    assert done.returncode == 0, done.stderr
    (folder / "said.out").write_text(done.stdout, encoding="utf-8")
    (folder / "said.err").write_text(done.stderr, encoding="utf-8")
    return folder


class TestAsTheUserTypesIt:
    def test_from_new_to_a_picture(self, tmp_path: Path) -> None:
        assert abm(tmp_path, "new", "my.yaml").returncode == 0
        settings = [*SMALL, "--set", "name=mine"]
        checked = abm(tmp_path, "validate", "my.yaml", *settings)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert re.fullmatch(r"my\.yaml: valid; up to \d,\d{3} agents, memory .*B, file .*B, about \d+ s on one core\n", checked.stdout)
        done = abm(tmp_path, "run", "my.yaml", "-o", "my.h5", "--until", "0.25", *settings)
        assert done.returncode == 0
        assert "mine: day -0.2 to 0.2" in done.stdout
        assert done.stdout.endswith("wrote my.h5; see it with: abm play my.h5 -o my.mp4\n")
        told = abm(tmp_path, "info", "my.h5")
        assert (told.returncode, told.stderr) == (0, "")
        assert re.search(r"^status: +finished$", told.stdout, re.MULTILINE)
        assert re.search(r"^scenario: +mine$", told.stdout, re.MULTILINE)
        assert re.search(r"^kinds of event: +infusion 1, treatment 1$", told.stdout, re.MULTILINE)
        shown = abm(tmp_path, "play", "my.h5", "-o", "my.png", "--width", "640", "--height", "360")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert (tmp_path / "my.png").read_bytes().startswith(b"\x89PNG")
        assert sorted(one.name for one in tmp_path.iterdir()) == ["my.h5", "my.png", "my.yaml"]

    def test_a_treatment_after_the_end_is_told_by_validate_and_no_reason_not_to_run(self, tmp_path: Path) -> None:
        late = [*SMALL, "--set", "treatments[1].day=30", "--set", "duration=0.1 d"]
        told = abm(tmp_path, "validate", QUICKSTART, *late)
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.endswith("\n" + f"{QUICKSTART}: treatments[1] (day 30) is not given: the run ends on day 0.1\n")
        assert abm(tmp_path, "run", QUICKSTART, "-o", "x.h5", "--until", "0", "--quiet", *late).returncode == 0

    def test_new_in_short(self, tmp_path: Path) -> None:
        shown = abm(tmp_path, "new", "--short")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.startswith("abm: 1\n")
        assert "#" not in shown.stdout
        assert abm(tmp_path, "new", "my.yaml", "--short").returncode == 0
        assert (tmp_path / "my.yaml").read_text(encoding="utf-8") == shown.stdout
        assert abm(tmp_path, "validate", "my.yaml").returncode == 0
        assert abm(tmp_path, "new", "my.yaml", "--short").returncode == 2

    @pytest.mark.parametrize(("name", "magic"), [("x.gif", b"GIF8"), ("x.mp4", b"\0\0\0")])
    def test_a_short_movie(self, folder: Path, name: str, magic: bytes) -> None:
        options = ["--fps", "4", "--seconds", "1", "--width", "480", "--height", "270", "--quiet"]
        done = abm(folder, "play", "done.h5", "-o", name, *options)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
        content = (folder / name).read_bytes()
        assert content.startswith(magic)
        assert len(content) > 2000

    def test_without_a_terminal_progress_is_a_plain_line(self, folder: Path) -> None:
        said = (folder / "said.err").read_text(encoding="utf-8").splitlines()
        assert re.fullmatch(r"quickstart: day 0\.5 of 0\.5 · .* elapsed · CAR T .* · blasts .* · B .*", said[-1])
        assert "\x1b" not in said[-1]

    def test_the_summary_is_on_standard_output(self, folder: Path) -> None:
        said = (folder / "said.out").read_text(encoding="utf-8")
        assert said.startswith("quickstart: day -0.2 to 0.5\n")
        assert "blasts at start" in said

    def test_quiet_says_nothing(self, folder: Path) -> None:
        done = run(folder, "quiet.h5", "--until", "0", "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_until_threads_and_seed(self, folder: Path) -> None:
        assert run(folder, "seed.h5", "--until", "0.5", "--threads", "2", "--seed", "1").returncode == 0
        assert run(folder, "other.h5", "--until", "0.25", "--seed", "2").returncode == 0
        with (
            Trajectory.open(folder / "done.h5") as done,
            Trajectory.open(folder / "seed.h5") as same,
            Trajectory.open(folder / "other.h5") as other,
        ):
            assert same.digest() == done.digest()
            assert (done.provenance["threads"], same.provenance["threads"]) == (1, 2)
            assert (same.provenance["seed"], other.provenance["seed"]) == (1, 2)
            assert done.observables.index[[0, -1]].tolist() == [-0.25, 0.5]
            assert other.observables.index[-1] == 0.25
            ours, theirs = done.observable("car_t_blood")[1], other.observable("car_t_blood")[1]
            assert (ours[: len(theirs)] != theirs).any()

    def test_replicates_differ(self, tmp_path: Path) -> None:
        done = run(tmp_path, "rep.h5", "--until", "0", "--replicates", "2", "--quiet")
        assert done.returncode == 0
        assert sorted(one.name for one in tmp_path.iterdir()) == ["rep_000.h5", "rep_001.h5"]
        with Trajectory.open(tmp_path / "rep_000.h5") as one, Trajectory.open(tmp_path / "rep_001.h5") as other:
            assert one.digest() != other.digest()
            assert one.observables.shape == other.observables.shape

    @pytest.mark.parametrize("settings", [["record.observables=0"], ["record.view=0", "record.cells=0"]])
    def test_a_series_that_is_off_is_no_reason_to_fail(self, tmp_path: Path, settings: list[str]) -> None:
        options = [word for setting in settings for word in ("--set", setting)]
        done = run(tmp_path, "x.h5", "--until", "0", *options)
        assert done.returncode == 0, done.stderr
        assert abm(tmp_path, "info", "x.h5").returncode == 0


class TestWhatIsRefused:
    def test_an_output_that_exists(self, folder: Path) -> None:
        before = (folder / "done.h5").read_bytes()
        done = run(folder, "done.h5", "--until", "0")
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r".*done\.h5: exists already; choose another name, or allow overwriting\n", done.stderr)
        assert (folder / "done.h5").read_bytes() == before

    def test_overwriting_when_asked_for(self, folder: Path, tmp_path: Path) -> None:
        shutil.copy(folder / "done.h5", tmp_path / "x.h5")
        assert run(tmp_path, "x.h5", "--until", "0", "--overwrite", "--quiet").returncode == 0
        with Trajectory.open(tmp_path / "x.h5") as trajectory:
            assert trajectory.observables.index[-1] == 0

    @pytest.mark.parametrize(
        ("output", "told"),
        [
            ("none/x.h5", "none is not an existing folder"),
            ("taken", "taken: is in the way and not a file"),
            ("file.txt/x.h5", "file.txt is not an existing folder"),
            ("/proc/abm_cannot_write_here.h5", "/proc/abm_cannot_write_here.h5: cannot be written: "),
        ],
    )
    def test_a_path_that_cannot_be_written(self, tmp_path: Path, output: str, told: str) -> None:
        (tmp_path / "taken").mkdir()
        (tmp_path / "file.txt").write_text("mine", encoding="utf-8")
        done = run(tmp_path, output, "--until", "0", "--quiet")
        assert done.returncode == 2
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert sorted(one.name for one in tmp_path.iterdir()) == ["file.txt", "taken"]

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--set", "marow.shape=[4, 4, 4]"], "--set marow.shape=[4, 4, 4]: marow: unknown key; nearest: 'marrow'"),
            (["--seed", "9223372036854775808"], "--seed: must be 0 to 9223372036854775807, got 9223372036854775808"),
            (
                ["--until", "0", "--set", "start=0", "--set", "treatments[0].day=0"],
                "the run must end after day 0, where it stands, got day 0",
            ),
            (["--until", "inf"], "the run must end by day 2800, got day inf"),
            (["--until", "nan"], ""),  # by whom it is refused depends on the version of typer
            (["--until", "1e300"], "the run must end by day 2800, got day 1e+300"),
            (["--until", "-5"], "Invalid value for '--until'"),
            (["--threads", "1000000"], "Invalid value for '--threads'"),
            (["--replicates", "1000000000"], "--replicates: must be between 1 and 10000, got 1e9"),
            (["--set", "marrow.shape=[1200, 1200, 1200]", "--set", "record.cells=0"], " GB of memory, "),
            (["--until", "2800", "--set", "record.view=10 min", "--replicates", "10000"], " TB of disk until it is"),
            (["--set", "marrow.shape=[1200, 1200, 1200]", "--until", "2800", "--set", "record.cells=10 min"], " GB of memory, "),
        ],
    )
    def test_arguments_that_cannot_be(self, tmp_path: Path, arguments: list[str], told: str) -> None:
        done = run(tmp_path, "x.h5", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("options", "told"),
        [(["-o", "x.avi"], "x.avi"), (["-o", "x.png", "--fps", "3"], "'fps' does not go with a .png file")],
    )
    def test_a_movie_that_cannot_be(self, folder: Path, options: list[str], told: str) -> None:
        done = abm(folder, "play", "done.h5", *options)
        assert done.returncode == 2
        assert told in done.stderr


    def test_a_movie_that_exists(self, folder: Path) -> None:
        (folder / "taken.png").write_text("mine", encoding="utf-8")
        done = abm(folder, "play", "done.h5", "-o", "taken.png")
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r"taken\.png: exists already; .*\(--overwrite\)\n", done.stderr)
        assert (folder / "taken.png").read_text(encoding="utf-8") == "mine"
        assert abm(folder, "play", "done.h5", "-o", "taken.png", "--day", "0.25", "--overwrite").returncode == 0
        assert (folder / "taken.png").read_bytes().startswith(b"\x89PNG")


class TestSignals:
    def interrupted(self, folder: Path, number: signal.Signals) -> tuple[int, str]:
        """Start a long run, send a signal once it records, and return exit code and standard error."""
        command = [sys.executable, "-m", "abm", "run", QUICKSTART, "-o", "long.h5", "--threads", "1"]
        process = subprocess.Popen(
            command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
        )
        try:
            while not (folder / "long.h5").exists():
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.02)
            time.sleep(0.5)  # a few hours of the patient's life
            with Trajectory.open(folder / "long.h5") as trajectory:
                assert trajectory.status == "running"
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, said

    @pytest.mark.parametrize(
        ("number", "code", "reason"),
        [
            (signal.SIGINT, 130, "KeyboardInterrupt"),
            (signal.SIGTERM, 143, "Terminated: ended by SIGTERM"),
            (signal.SIGHUP, 129, "Terminated: ended by SIGHUP"),
        ],
    )
    def test_leaves_what_was_recorded_and_says_where_it_stands(
        self, tmp_path: Path, number: signal.Signals, code: int, reason: str
    ) -> None:
        returned, said = self.interrupted(tmp_path, number)
        assert returned == code
        assert "Traceback" not in said
        said_so = r"^ended at day (-?[0-9.]+); what was recorded is in long\.h5; to go on: abm resume long\.h5$"
        stands = re.search(said_so, said, re.MULTILINE)
        assert stands is not None, said
        with Trajectory.open(tmp_path / "long.h5") as trajectory:
            assert (trajectory.status, trajectory.reason) == ("interrupted", reason)
            days = trajectory.observables.index
            assert len(days) > 1
            assert days[-1] == pytest.approx(float(stands[1]), abs=0.1)
            assert trajectory.views("marrow")[0].shape == (24, 24, 24)
        told = abm(tmp_path, "info", "long.h5")
        assert told.returncode == 0
        assert re.search(rf"^status: +interrupted: {reason}$", told.stdout, re.MULTILINE)
        again = abm(tmp_path, "run", QUICKSTART, "-o", "long.h5", *SMALL, "--until", "0", "--overwrite", "--quiet")
        assert (again.returncode, again.stderr) == (0, "")
        assert [one.name for one in tmp_path.iterdir()] == ["long.h5"]


LARGE = [
    *("run", str(ROOT / "scenarios" / "coculture.yaml"), "-o", "x.h5", "--until", "1.7", "--quiet"),
    *("--set", "marrow.shape=[24, 24, 24]", "--set", "record.cells=0"),
    *("--set", "record.view=10 min", "--set", "record.view_depth=24", "--set", "record.checkpoints=2 h"),
]
"""Views alone, which are packed as their segments hold them; the packed file holds twenty states besides."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a run that met no limit."""
    folder = tmp_path_factory.mktemp("whole")
    assert abm(folder, *LARGE).returncode == 0
    return folder / "x.h5"


class TestFullDisk:
    """A limit on the size of a file stands for a disk that is full: writing fails in the same place."""

    def limited(self, folder: Path, size: int) -> str:
        """Run with a limit [bytes] and return what was said."""
        done = abm(folder, *LARGE, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        assert "file size limit reached while " in done.stderr
        return done.stderr

    def test_when_the_file_is_packed_every_frame_stays(self, whole: Path, tmp_path: Path) -> None:
        said = self.limited(tmp_path, int(whole.stat().st_size * 0.95))
        assert "abm.trajectory.pack(" in said
        with Trajectory.open(whole) as finished, Trajectory.open(tmp_path / "x.h5") as found:
            assert found.status == "interrupted"
            assert found.digest() == finished.digest()
        assert abm(tmp_path, "info", "x.h5").returncode == 0
        pack(tmp_path / "x.h5")
        with Trajectory.open(tmp_path / "x.h5") as found:
            assert found.status == "finished"

    def test_when_a_segment_is_written_the_header_stays(self, tmp_path: Path) -> None:
        said = self.limited(tmp_path, 60_000)
        with Trajectory.open(tmp_path / "x.h5") as found:
            assert found.status == "interrupted"
            assert "file size limit reached" in found.reason
            assert found.provenance["scenario"] == "coculture"
            assert len(found.observables) == 0
        assert "nothing was recorded yet" in said
        assert abm(tmp_path, "info", "x.h5").returncode == 0

    def test_when_nothing_fits_nothing_is_left(self, tmp_path: Path) -> None:
        said = self.limited(tmp_path, 2000)
        assert "nothing was recorded" in said
        assert list(tmp_path.iterdir()) == []
