# SPDX-License-Identifier: Apache-2.0
"""A trajectory in words, for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from abm.trajectory.schema import EVENTS, OBSERVABLES
from abm.trajectory.source import Source

if TYPE_CHECKING:
    from abm.trajectory.reader import Trajectory


def describe(trajectory: Trajectory, source: Source) -> str:
    """Return status, origin, extent and size of a trajectory, a line each."""
    made = trajectory.provenance
    lines = [
        ("file", str(trajectory.path)),
        ("status", ": ".join(filter(None, (trajectory.status, trajectory.reason)))),
        ("scenario", str(made.get("scenario", "(no name)"))),
        ("made by", _origin(made)),
        ("recorded", f"day {trajectory.first_day:.4g} to {trajectory.last_day:.4g}" if source.series else "nothing yet"),
    ]
    lines += [("branch of", f"{one['file']}, from day {one['until_days']:.4g} on") for one in made.get("ancestors", [])]
    lines += [("resumed", f"on day {one['day']:.4g}: {_command(one)}") for one in made.get("resumed", [])]
    if trajectory.noted_digest:
        lines.append(("digest", trajectory.noted_digest))
    for name, compartment in trajectory.header.compartments.items():
        lines.append((f"compartment {name}", _compartment(compartment)))
    lines += [(series.replace("/", " "), _series(source, series)) for series in sorted(source.series)]
    if EVENTS in source.series:
        kinds = Counter(event["kind"] for event in trajectory.events)
        lines.append(("kinds of event", ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))))
    size = sum(file.stat().st_size for file in {trajectory.path, *source.files})
    files = f" in {len(source.files)} segments" if trajectory.status != "finished" else ""
    lines.append(("size on disk", _bytes(size) + files))
    width = max(len(label) for label, _ in lines) + 2
    return "\n".join(f"{label + ':':<{width}}{text}" for label, text in lines)


def _origin(made: dict[str, Any]) -> str:
    software = made.get("software", {})
    git = made.get("git") or {}
    parts = [
        f"abm {software['abm']}" if "abm" in software else "",
        *sorted({f"{one['package']} {one['version']}" for one in made.get("extensions", ())}),
        f"git {git['revision'][:10]}" + (" with changes" if git.get("changed") else "") if git.get("revision") else "",
        f"Python {made['python']}" if "python" in made else "",
        f"seed {made['seed']}" if "seed" in made else "",
        f"{made['threads']} thread{'s' if made['threads'] != 1 else ''}" if "threads" in made else "",
        _command(made),
    ]
    return ", ".join(filter(None, parts)) or "(not noted)"


def _command(made: dict[str, Any]) -> str:
    command = made.get("command")
    return " ".join(command) if isinstance(command, list) else command or ""


def _compartment(compartment: dict[str, Any]) -> str:
    shape = compartment.get("shape")
    if shape is None:
        return "well mixed"
    sites = " × ".join(str(length) for length in shape)
    return f"{sites} sites of {compartment['spacing_um']:g} µm, {compartment['scale']:g} body cells per lattice cell"


def _series(source: Source, name: str) -> str:
    series = source.series[name]
    count, stored = len(series.ticks), source.stored_bytes(name)
    if name == OBSERVABLES:
        return f"{len(series.datasets) - 2} at {count} times, {_bytes(stored)}"
    if name == EVENTS:
        return f"{count}"
    if series.flat:
        rows = int(series.offsets[-1])
        last = int(series.offsets[-1] - series.offsets[-2])
        each = f", {stored / rows:.1f} bytes per cell and frame" if rows else ""
        return f"{count} frames, {last} cells in the last{each}, {_bytes(stored)}"
    shape = " × ".join(str(length) for length in series.datasets["frames"].tail)
    return f"{count} frames of {shape}, {_bytes(stored / count)} per frame, {_bytes(stored)}"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
