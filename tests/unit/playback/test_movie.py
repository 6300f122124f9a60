# SPDX-License-Identifier: Apache-2.0
"""Movies that can be read back, and no half files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from abm.errors import InputError, RunError
from abm.playback import movie, play
from abm.playback.encoding import ffmpeg_binary, mp4_options
from abm.playback.frames import FrameComposer
from abm.playback.movie import render_movie, render_still
from abm.playback.presets import PRESETS
from abm.playback.timecourses import plot_timecourses
from tests.unit.playback.small_run import MakeTrajectory


def read_back(path: Path) -> tuple[str, np.ndarray]:
    """Decode a movie: what ffmpeg says of its picture, and its frames."""
    command = [ffmpeg_binary(), "-hide_banner", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    about = next(line for line in done.stderr.decode().splitlines() if "Video:" in line)
    return about, np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, 360, 640, 3)


class Teller:
    """Notes what a movie tells of its progress, and stops it after some frames."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.days: list[float] = []
        self.stop_after = stop_after

    def update(self, day: float, text: str) -> None:
        self.days.append(day)
        if len(self.days) == self.stop_after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_movie_has_its_frames_and_size_and_shows_the_run(
    make_trajectory: MakeTrajectory, tmp_path: Path, suffix: str
) -> None:
    trajectory, teller = make_trajectory(), Teller()
    path = render_movie(
        trajectory, tmp_path / f"run{suffix}", fps=10, seconds=1.2, width=640, height=360, progress=teller
    )
    about, frames = read_back(path)
    assert "640x360" in about
    assert "10 fps" in about
    assert len(frames) == 12 == len(teller.days)
    assert (teller.days[0], teller.days[-1]) == (0.0, 3.0)
    composer = FrameComposer(trajectory, width=640, height=360)
    place = composer.places[0]
    high, wide = place.extent
    inside = slice(place.top + 3, place.top + high - 3), slice(place.left + 3, place.left + wide - 3)
    for number, day in ((0, 0.0), (11, 3.0)):
        difference = np.abs(frames[number][inside].astype(int) - composer.frame(day)[inside])
        assert np.median(difference) <= 6


def test_a_movie_that_plays_everywhere(make_trajectory: MakeTrajectory, tmp_path: Path) -> None:
    path = render_movie(make_trajectory(), tmp_path / "run.mp4", fps=10, seconds=0.5, width=640, height=360)
    about, _ = read_back(path)
    assert "h264" in about
    assert "yuv420p(tv, bt709" in about
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_length_by_default_is_between_20_and_40_seconds(make_trajectory: MakeTrajectory) -> None:
    composer = FrameComposer(make_trajectory(), width=640, height=360)
    assert len(movie._frame_days(composer, 20.0, None)) == 400
    assert len(movie._frame_days(composer, 0.1, None)) == 4


def test_a_still_shows_the_day_asked_for(make_trajectory: MakeTrajectory, tmp_path: Path) -> None:
    trajectory = make_trajectory()
    path = render_still(trajectory, tmp_path / "run.png", day=1.0, width=640, height=360)
    pixels = np.rint(imread(path)[..., :3] * 255).astype(np.uint8)
    assert (pixels == FrameComposer(trajectory, width=640, height=360).frame(1.0)).all()
    with pytest.raises(InputError, match="between 0 and 3"):
        render_still(trajectory, tmp_path / "late.png", day=9.0)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_movie_cut_short_leaves_the_old_file_and_no_half_one(
    make_trajectory: MakeTrajectory, tmp_path: Path, suffix: str
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / f"run{suffix}").write_bytes(b"the film of yesterday")
    with pytest.raises(KeyboardInterrupt):
        render_movie(
            make_trajectory(), folder / f"run{suffix}", seconds=1, width=640, height=360, progress=Teller(stop_after=5)
        )
    assert [file.name for file in folder.iterdir()] == [f"run{suffix}"]
    assert (folder / f"run{suffix}").read_bytes() == b"the film of yesterday"


def test_a_folder_of_frames_has_a_picture_for_each_and_their_days(make_trajectory: MakeTrajectory, tmp_path: Path) -> None:
    trajectory = make_trajectory()
    folder = play(trajectory.path, tmp_path / "frames", fps=10, seconds=0.5, width=640, height=360)
    assert sorted(one.name for one in folder.iterdir()) == ["days.csv", *(f"frame_{number:05d}.png" for number in range(1, 6))]
    composer = FrameComposer(trajectory, width=640, height=360)
    for line in (folder / "days.csv").read_text().splitlines()[1:]:
        name, day = line.split(",")
        shown = np.rint(255 * imread(folder / name)[..., :3]).astype(np.uint8)
        np.testing.assert_array_equal(shown, composer.frame(float(day)))
    with pytest.raises(InputError, match=r"frames: exists already; .*--overwrite"):
        play(trajectory.path, folder, seconds=0.5)
    assert play(trajectory.path, folder, overwrite=True, fps=10, seconds=0.3, width=640, height=360) == folder
    assert len(list(folder.iterdir())) == 4
    (folder / "holiday.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"holds 'holiday\.png', which abm has not written"):
        play(trajectory.path, folder, overwrite=True, seconds=0.3)
    assert len(list(folder.iterdir())) == 5


def test_a_folder_of_frames_cut_short_leaves_the_old_one(make_trajectory: MakeTrajectory, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "frame_00001.png").write_bytes(b"of yesterday")
    with pytest.raises(KeyboardInterrupt):
        render_movie(make_trajectory(), tmp_path / "frames", seconds=1, width=640, height=360, progress=Teller(stop_after=5))
    assert (tmp_path / "frames" / "frame_00001.png").read_bytes() == b"of yesterday"
    assert [one.name for one in tmp_path.iterdir() if "frames" in one.name] == ["frames"]


def test_presets_set_what_is_not_asked_for(
    make_trajectory: MakeTrajectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked = make_trajectory().path, []
    monkeypatch.setattr(movie, "mp4_options", lambda target, crf: asked.append(crf) or mp4_options(target, crf))
    play(file, tmp_path / "run.mp4", preset="web", seconds=0.3, width=640, height=360)
    about, _ = read_back(tmp_path / "run.mp4")
    assert "640x360" in about
    assert f"{PRESETS['web'].fps:g} fps" in about
    assert asked == [PRESETS["web"].crf]
    assert imread(play(file, tmp_path / "run.png", preset="paper")).shape[:2] == (PRESETS["paper"].height, PRESETS["paper"].width)
    with pytest.raises(InputError, match="preset 'tlak': must be one of paper, talk, web; nearest: 'talk'"):
        play(file, tmp_path / "b.mp4", preset="tlak")


def test_what_ffmpeg_says_reaches_the_user(
    make_trajectory: MakeTrajectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movie, "mp4_options", lambda target, crf: ["-c:v", "no_such_coder", "-f", "mp4", str(target)])
    folder = tmp_path / "films"
    folder.mkdir()
    with pytest.raises(RunError, match=r"ffmpeg could not write the movie: .+"):
        render_movie(make_trajectory(), folder / "run.mp4", seconds=1, width=640, height=360)
    assert list(folder.iterdir()) == []


def test_what_cannot_be_made_is_refused(make_trajectory: MakeTrajectory, tmp_path: Path) -> None:
    trajectory = make_trajectory()
    for path, options, message in (
        ("run.avi", {}, r"'\.avi'; allowed: \.mp4, \.webm, \.gif"),
        ("run.mp4", {"fps": 0}, "fps must be above 0"),
        ("run.mp4", {"seconds": -1.0}, "seconds must be above 0"),
        ("run.mp4", {"seconds": 0.01}, "at least 2 frames"),
        ("run.mp4", {"width": 641}, "even"),
        ("nowhere/run.mp4", {"seconds": 1.0}, "does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            render_movie(trajectory, tmp_path / path, **options)
    with pytest.raises(InputError, match="at least 2 views, this trajectory has 1"):
        render_movie(make_trajectory(days=1), tmp_path / "run.mp4")
    with pytest.raises(InputError, match="no views"):
        render_movie(make_trajectory(days=0), tmp_path / "run.mp4")
    with pytest.raises(InputError, match=r"allowed: \.png"):
        render_still(trajectory, tmp_path / "run.jpg")


def test_play_goes_by_the_suffix(make_trajectory: MakeTrajectory, tmp_path: Path) -> None:
    file = make_trajectory().path
    assert play(file, tmp_path / "a.png", width=640, height=360).read_bytes().startswith(b"\x89PNG")
    assert play(file, tmp_path / "a.mp4", seconds=0.5, width=640, height=360).read_bytes()[4:8] == b"ftyp"
    with pytest.raises(InputError, match=r"'\.mov'; allowed: \.mp4, \.webm, \.gif, \.png"):
        play(file, tmp_path / "a.mov")
    with pytest.raises(InputError, match=r"'fps' does not go with a \.png file; allowed: day, width"):
        play(file, tmp_path / "b.png", fps=10)


def test_play_replaces_a_file_only_when_told_to_and_never_its_input(
    make_trajectory: MakeTrajectory, tmp_path: Path
) -> None:
    file, taken = make_trajectory().path, tmp_path / "a.png"
    taken.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"a\.png: exists already; .*--overwrite"):
        play(file, taken, width=640, height=360)
    assert taken.read_bytes() == b"mine"
    assert play(file, taken, overwrite=True, width=640, height=360).read_bytes().startswith(b"\x89PNG")
    whole = file.read_bytes()
    run, link = file.rename(tmp_path / "run.png"), tmp_path / "link.png"
    link.symlink_to(run)
    for output in (run, link):
        with pytest.raises(InputError, match="is the trajectory itself"):
            play(run, output, overwrite=True)
    assert (tmp_path / "run.png").read_bytes() == whole


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_time_courses_are_drawn_to_a_file(make_trajectory: MakeTrajectory, tmp_path: Path, suffix: str) -> None:
    figure = plot_timecourses(make_trajectory(), tmp_path / f"courses{suffix}")
    assert (tmp_path / f"courses{suffix}").stat().st_size > 5000
    assert [axes.get_ylabel() for axes in figure.axes] == ["share of cells", "cells/µL", "pg/mL", ""]
    with pytest.raises(InputError, match=r"allowed: \.png, \.pdf, \.svg"):
        plot_timecourses(make_trajectory(), tmp_path / "courses.txt")


def test_time_courses_are_drawn_into_axes(make_trajectory: MakeTrajectory) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    assert plot_timecourses(make_trajectory(), figure.subplots()) is figure
    assert len(figure.axes) == 5
