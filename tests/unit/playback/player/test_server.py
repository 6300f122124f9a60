# SPDX-License-Identifier: Apache-2.0
"""The server answers those who know its token, by its own name, what the run holds, and nothing else."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from abm.errors import InputError, RunError
from abm.playback.player.page import MODULES, STATIC
from abm.playback.player.recording import Recording
from abm.playback.player.server import HOST, PlayerServer
from abm.playback.player.serving import open_recordings
from tests.docs.markdown import ENVIRONMENT
from tests.unit.playback.player.conftest import Serve
from tests.unit.playback.player.recorded import write_run


def ask(
    server: PlayerServer, path: str, *, token: str | None = None, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=20)
    given = server.token if token is None else token
    joint = "&" if "?" in path else "?"
    connection.request(method, f"{path}{joint}token={given}", headers={"Accept-Encoding": "gzip", **headers})
    answer = connection.getresponse()
    content = answer.read()
    told = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, told, gzip.decompress(content) if told.get("content-encoding") == "gzip" else content


@pytest.mark.parametrize("path", ["/", "/runs", "/standing", "/frame?place=marrow&frame=0", "/static/main.js", "/nothing"])
@pytest.mark.parametrize("token", ["", "wrong", "ä"])
def test_nothing_is_told_without_the_token(serve: Serve, run_file: Path, path: str, token: str) -> None:
    status, _, content = ask(serve(run_file), path, token="%C3%A4" if token == "ä" else token)
    assert status == 403
    if path == "/":
        assert re.search(rb"<p>abm player: the token is missing or wrong; open the address that abm play printed</p>", content)
    else:
        assert "token" in json.loads(content)["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8750", "127.0.0.1.evil.example", "", "192.168.0.7:8750"])
def test_another_name_is_refused(serve: Serve, run_file: Path, host: str) -> None:
    status, _, _ = ask(serve(run_file), "/runs", Host=host)
    assert status == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "LOCALHOST", "[::1]:9000"])
def test_own_names_are_answered_from_any_port_as_through_a_tunnel(serve: Serve, run_file: Path, host: str) -> None:
    assert ask(serve(run_file), "/standing", Host=host)[0] == 200


def test_only_this_machine_can_connect(serve: Serve, run_file: Path) -> None:
    assert serve(run_file).server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/../../etc/passwd",
        "/static/",
        "/static/index.html",
        "/favicon.ico",
    ],
)
def test_no_other_file_is_handed_out(serve: Serve, run_file: Path, path: str) -> None:
    assert ask(serve(run_file), path)[0] == 404


def test_types_and_headers(serve: Serve, run_file: Path) -> None:
    server = serve(run_file)
    _, page, content = ask(server, "/")
    assert page["content-type"] == "text/html; charset=utf-8"
    assert page["cache-control"] == "no-store"
    assert page["x-content-type-options"] == "nosniff"
    assert b"default-src 'none'" in content
    assert ask(server, "/static/player.css")[1]["content-type"].startswith("text/css")
    assert ask(server, "/static/main.js")[1]["content-type"].startswith("text/javascript")
    assert ask(server, "/frame?place=marrow&frame=0")[1]["content-type"] == "application/octet-stream"


def test_who_cannot_unpack_is_sent_the_same_unpacked(serve: Serve, run_file: Path) -> None:
    server = serve(run_file)
    packed = ask(server, "/frame?place=marrow&frame=2")
    plain = ask(server, "/frame?place=marrow&frame=2", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain[1]
    assert plain[2] == packed[2]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/frame?place=marrow&frame=x", "frame must be a whole number, got 'x'"),
        ("/frame?place=marrow", "frame must be a whole number"),
        ("/frame?place=marrow&frame=700", "asked for number 700"),
        ("/frame?place=marrow&frame=0&run=1", "run must be 0 to 0, got 1"),
        ("/cells?place=marrow&frame=0&x=99&y=0&z=0", "no site"),
        ("/history", "uid must be a whole number"),
    ],
)
def test_what_cannot_be_asked_is_400_with_a_reason(serve: Serve, run_file: Path, path: str, told: str) -> None:
    status, _, content = ask(serve(run_file), path)
    assert status == 400
    assert told in json.loads(content)["error"]


def test_only_reading_is_served(serve: Serve, run_file: Path) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert ask(serve(run_file), "/runs", method=method)[0] == 501


def test_many_at_once_are_all_answered(serve: Serve, run_file: Path) -> None:
    server = serve(run_file)
    paths = [f"/frame?place=marrow&frame={number % 7}&cut=plane:2:{number % 8}" for number in range(60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: ask(server, path), paths))
    assert {status for status, _, _ in answers} == {200}
    assert all(content == ask(server, path)[2] for path, (_, _, content) in zip(paths[:10], answers, strict=False))
    assert server.answers.bytes <= server.answers.limit


def test_a_damaged_frame_is_told_and_the_others_are_shown(serve: Serve, tmp_path: Path) -> None:
    import h5py

    path = write_run(tmp_path / "damaged.h5")
    with h5py.File(path, "r") as file:
        frames = file["view/marrow/frames"]
        chunk = frames.id.get_chunk_info_by_coord((0, 0, 0, 0))
    content = bytearray(path.read_bytes())
    for at in range(chunk.byte_offset, chunk.byte_offset + chunk.size):
        content[at] ^= 0x5A
    path.write_bytes(content)
    server = serve(path)
    status, _, told = ask(server, "/frame?place=marrow&frame=0")
    assert status == 500
    assert "is damaged" in json.loads(told)["error"]
    assert ask(server, "/frame?place=csf&frame=0")[0] == 200


def test_a_fault_of_the_player_is_told_and_ends_one_request_only(
    serve: Serve, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(run_file)
    monkeypatch.setattr(server.recordings[0], "history", lambda uid: [][uid])
    status, _, content = ask(server, "/history?uid=3")
    assert status == 500
    assert "unexpected IndexError" in json.loads(content)["error"]
    assert ask(server, "/standing")[0] == 200


def test_a_file_that_is_removed_is_told(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abm.playback.player.recording._GLANCE", 0.0)
    path = write_run(tmp_path / "gone.h5")
    server = serve(path)
    path.unlink()
    status, _, content = ask(server, "/standing")
    assert status == 400
    assert "no such file" in json.loads(content)["error"]


def test_a_port_that_is_taken(run_file: Path) -> None:
    recording = Recording(run_file, "known")
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(RunError, match=r"--port chooses another"):
            PlayerServer([recording], taken.getsockname()[1])
    recording.close()


def test_a_patient_is_not_compared_with_a_closed_block(run_file: Path, tmp_path: Path) -> None:
    from tests.unit.playback.player.recorded import header

    places = {name: about for name, about in header().compartments.items() if name != "periphery"}
    block = write_run(tmp_path / "block.h5", compartments=places)
    with pytest.raises(InputError, match="no course in common"), open_recordings(run_file, block):
        pass


@pytest.mark.parametrize("part", ["pane.js", "index.html", "player.css"])
def test_a_part_that_is_missing_is_told_before_the_player_starts(
    run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    from abm.cli import main
    from abm.playback.player import page

    shutil.copytree(Path(page.__file__).parent / "static", tmp_path / "static")
    (tmp_path / "static" / part).unlink()
    page._text.cache_clear()
    monkeypatch.setattr(page, "files", lambda package: tmp_path)
    try:
        for words in (["--no-browser", "--port", "0"], ["--html", str(tmp_path / "q.html")]):
            assert main(["play", str(run_file), *words]) == 1
            told = capsys.readouterr().err
            assert f"static/{part}" in told
            assert "install abm again" in told
            assert "cannot be written" not in told
    finally:
        page._text.cache_clear()
    assert [path.name for path in tmp_path.iterdir()] == ["static"]


def test_every_module_is_known_to_the_page() -> None:
    folder = Path(__file__).parents[4] / "abm" / "playback" / "player" / "static"
    assert {path.stem for path in folder.glob("*.js")} == set(MODULES)
    assert {path.name for path in folder.iterdir()} == STATIC | {"index.html"}


def played(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "abm", "play", *words],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_from_the_command_line_until_it_is_interrupted(run_file: Path) -> None:
    process = played(run_file.parent, run_file.name, "--no-browser", "--port", "0")
    assert process.stdout is not None
    told: list[Any] = [process.stdout.readline() for _ in range(3)]
    assert told[0].startswith("known.h5: http://127.0.0.1:")
    assert "ssh -L " in told[1]
    host, _, token = told[0].split("http://")[1].strip().partition("/?token=")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", f"/standing?token={token}", headers={"Host": host})
    assert json.loads(connection.getresponse().read())[0]["status"] == "finished"
    connection.close()
    os.kill(process.pid, signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, errors, out) == (0, "", "player closed\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing.h5"], "no such file"),
        (["known.h5", "--fps", "3"], "--fps: goes with -o alone"),
        (["known.h5", "--megabytes", "3"], "--megabytes: goes with --html alone"),
        (["known.h5", "-o", "x.mp4", "--html", "x.html"], "give one of them"),
        (["known.h5", "-o", "x.mp4", "--port", "8"], "--port: goes with the player"),
        (["known.h5", "-o", "x.mp4", "--compare", "known.h5"], "--compare: goes with"),
        (["known.h5", "--compare", "known.h5"], "is the run itself"),
        (["known.h5", "--html", "x.htm"], "allowed: .html"),
        (["known.h5", "--html", "x.html", "--megabytes", "0.1"], "at least 0.5"),
        (["known.h5", "--html", "x.html", "--megabytes", "inf"], "at most 1000000, got inf"),
        (["known.h5", "--html", "there.html"], "exists already"),
    ],
)
def test_what_cannot_be_played(
    run_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    from abm.cli import main

    monkeypatch.chdir(run_file.parent)
    Path("there.html").write_text("mine", encoding="utf-8")
    assert main(["play", *words]) == 2
    assert told in capsys.readouterr().err
    assert Path("there.html").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["known.h5", "there.html"]
