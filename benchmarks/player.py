# SPDX-License-Identifier: Apache-2.0
"""The player's server on a run of a million sites: time and bytes per frame as a page asks for it, and memory.

One JSON line per way of asking. The run is made up: a marrow of 100 x 100 x 100 sites recorded whole, three
quarters of them filled, a tenth of the cells moving on from one view to the next.
"""

from __future__ import annotations

import gzip
import http.client
import json
import resource
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import abm.celltypes  # noqa: F401  (registers the kinds)
from abm.playback.player.recording import Recording
from abm.playback.player.server import HOST, PlayerServer
from abm.state.kinds import KINDS
from abm.trajectory import Header, TrajectoryWriter
from abm.units import TICKS_PER_DAY

SIDE = 100
VIEWS = 60
WAYS = ("plane:2:50", "front:2:0", "reduced")


def write_run(path: Path) -> None:
    dice = np.random.default_rng(1)
    kinds = [{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in KINDS]
    places = {"marrow": {"shape": [SIDE] * 3, "spacing_um": 10.0, "scale": 1.0}}
    # proportions of a leukaemic marrow: void, background, macrophages, pro-B, pre-B, B, blasts, negative, host T, CAR T
    shares = [0.25, 0.35, 0.01, 0.01, 0.01, 0.02, 0.28, 0.01, 0.02, 0.04]
    view = dice.choice(len(shares), SIDE**3, p=shares).astype(np.uint8)
    with TrajectoryWriter(path, Header("", "", {"scenario": "a million sites"}, kinds, places, {}, {})) as writer:
        for day in range(VIEWS):
            moved = dice.choice(SIDE**3, SIDE**3 // 10, replace=False)
            view[moved] = view[dice.permutation(moved)]
            writer.view(day * TICKS_PER_DAY, "marrow", view.reshape(SIDE, SIDE, SIDE))


def ask(connection: http.client.HTTPConnection, server: PlayerServer, frame: int, way: str) -> tuple[float, int]:
    begun = time.perf_counter()
    path = f"/frame?place=marrow&layer=codes&frame={frame}&cut={way}&token={server.token}"
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    content = connection.getresponse().read()
    gzip.decompress(content)
    return time.perf_counter() - begun, len(content)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.h5"
        write_run(path)
        recording = Recording(path, "million")
        with PlayerServer([recording], port=0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for way in WAYS:
                connection = http.client.HTTPConnection(HOST, server.port)
                found = [ask(connection, server, frame, way) for frame in range(VIEWS)]
                connection.close()
                times = np.array([each[0] for each in found]) * 1e3
                print(
                    json.dumps(
                        {
                            "benchmark": "player",
                            "sites": SIDE**3,
                            "cut": way,
                            "median_ms": round(float(np.median(times)), 1),
                            "p95_ms": round(float(np.percentile(times, 95)), 1),
                            "kB_per_frame": round(float(np.mean([each[1] for each in found])) / 1e3, 1),
                            "server_grew_MB": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1),
                        }
                    )
                )
            server.shutdown()
        recording.close()


if __name__ == "__main__":
    main()
