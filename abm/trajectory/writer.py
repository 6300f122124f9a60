# SPDX-License-Identifier: Apache-2.0
"""Writing a trajectory while the run goes on: from its first byte to the packed file."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from abm.errors import AbmError, InputError, RunError
from abm.trajectory.disk import FULL, free_reserve, reserve, write_error
from abm.trajectory.gathering import SEGMENT_BYTES, SEGMENT_SECONDS, FrameGatherer
from abm.trajectory.hdf5 import parts_folder
from abm.trajectory.index import ABORTED, COMPLETE, RUNNING, make_room, no_folder, write_index
from abm.trajectory.lock import BEAT_SECONDS, acquire, beat, release
from abm.trajectory.packing import pack_parts
from abm.trajectory.resumption import abandon, reopen, take_over
from abm.trajectory.schema import BEFORE_ALL, Header, day_text
from abm.trajectory.standing import standing_of


class TrajectoryWriter(FrameGatherer):
    """Record a run; whatever happens to it, every acknowledged frame can be read.

    Frames are gathered in memory and acknowledged when their segment is on the disk: when it holds
    ``segment_bytes`` or is ``segment_seconds`` old (the first ones younger) at the first frame of a new
    tick, or at :meth:`flush`.
    So a run that was cut short shows whole ticks. As a context manager, a clean exit calls
    :meth:`finish`, an exception :meth:`abort`.

    Parameters
    ----------
    path : path
        The file of the run. While it goes on, segments lie in ``<path>.parts`` beside it.
    header : Header
        The run.
    segment_bytes : float
        Size of a segment before compression [bytes].
    segment_seconds : float
        Age of a segment [s of wall time].
    overwrite : bool
        Replace an earlier trajectory under this name; its data are gone from this moment.
    resume : bool
        Go on with the recording under this name: frames that it holds already are not recorded again.
    ancestor : path, optional
        Begin with what another recording holds up to ``since``.
    since, until : int
        Ticks from which the run goes on, and to which it is to go [15 s]; of a recording that is resumed or branched.

    Raises
    ------
    InputError
        A file is in the way, the path cannot be written, or another process writes it.
    RunError
        The disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        header: Header,
        *,
        segment_bytes: float = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        overwrite: bool = False,
        resume: bool = False,
        ancestor: Path | None = None,
        since: int = BEFORE_ALL,
        until: int = BEFORE_ALL,
    ) -> None:
        super().__init__(Path(path).resolve(), header, segment_bytes, segment_seconds)
        self._beaten = time.monotonic()
        try:
            self._holder = acquire(self.path)
        except OSError as error:
            raise self._cannot_create(error) from None
        try:
            if not resume:
                make_room(self.path, overwrite)
            self._lay_out(resume, ancestor, since, until)
        except OSError as error:
            release(self.path, self._holder)
            if resume and error.errno in FULL:
                raise write_error(error, f"reopening {self.path}", "what was recorded is safe") from None
            raise self._cannot_create(error) from None
        except BaseException:
            release(self.path, self._holder)
            raise

    def _lay_out(self, resume: bool, ancestor: Path | None, since: int, until: int) -> None:
        try:
            if resume:
                reopen(self.path, self.header, until)
            parts_folder(self.path).mkdir(exist_ok=True)
            if ancestor is not None:
                take_over(ancestor, self.path, self.header, since)
            self.begin_after(standing_of(self.path))
            reserve(parts_folder(self.path), sum(len(text.encode()) for text in self.header.texts().values()))
            write_index(self.path, self.header, RUNNING)
        except BaseException:
            free_reserve(parts_folder(self.path))
            if resume:
                abandon(self.path)
            else:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
                shutil.rmtree(parts_folder(self.path), ignore_errors=True)
            raise

    def beat(self) -> None:
        """Tell other machines now and then that this recording goes on; cheap, however often it is called."""
        if not self._closed and time.monotonic() - self._beaten >= BEAT_SECONDS:
            beat(self.path, self._holder)
            self._beaten = time.monotonic()

    def finish(self) -> None:
        """Pack everything into one verified file and remove the segments.

        Raises
        ------
        RunError
            The disk is full: the segments stay readable, and the message says how to go on.
        """
        try:
            self.flush()
            free_reserve(parts_folder(self.path))
            try:
                write_index(self.path, self.header, COMPLETE)
            except OSError as error:
                raise write_error(error, f"closing {self.path}", self._standing()) from None
        except AbmError as error:
            if not self._closed:
                self.abort(str(error))
            raise
        self._closed = True
        try:
            pack_parts(self.path, self.header)
        finally:
            release(self.path, self._holder)

    def abort(self, reason: str) -> None:
        """End the recording early: keep what can be kept, and note why. Does nothing when closed.

        Parameters
        ----------
        reason : str
            For whoever reads the file.
        """
        if self._closed:
            return
        try:
            self.flush()
        except RunError as error:
            known = "all frames" if self._safe_tick == BEFORE_ALL else f"frames after {day_text(self._safe_tick)}"
            lost = f"{known} are lost ({error})"
            reason = reason if reason.endswith(str(error)) else f"{reason}; {lost}"
        self._closed = True
        free_reserve(parts_folder(self.path))
        try:
            write_index(self.path, self.header, ABORTED, reason)
        except OSError:
            pass  # the index that says "running" stands, and without its lock reads as interrupted
        finally:
            release(self.path, self._holder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            if not self._closed:
                self.finish()
        else:
            self.abort(f"{kind.__name__}: {error}" if str(error) else kind.__name__)

    def _cannot_create(self, error: OSError) -> AbmError:
        if not self.path.parent.is_dir():
            return no_folder(self.path)
        if error.errno in FULL:
            return write_error(error, f"creating {self.path}", "nothing was recorded")
        return InputError(f"{self.path}: cannot be written: {error.strerror}")
