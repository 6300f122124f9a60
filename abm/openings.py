# SPDX-License-Identifier: Apache-2.0
"""Where other packages add to this one: the names they declare, and what each of these stands for.

An :class:`Opening` knows the names that installed packages declare as entry points, and what was
registered in this process. Nothing of a package is imported before one of its names is asked for, so
that a package that is not used costs nothing, changes nothing, and spoils nothing if it is broken.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from abm.errors import InputError

SWITCH = "ABM_EXTENSIONS"
"""Environment variable; 0 leaves out everything that installed packages declare."""
OFF, ON = ("0", "no", "false", "off"), ("", "1", "yes", "true", "on")
WITHOUT = f"{SWITCH}=0 leaves out what packages add"
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Origin:
    """Where something was added from.

    Parameters
    ----------
    package : str
        Name of the distribution; the module, in brackets, of what was registered in this process.
    version : str
        Its version; a digest of the source of what was registered.
    place : str
        ``module:name``.
    """

    package: str
    version: str
    place: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"

    @property
    def is_installed(self) -> bool:
        """Tell whether other processes find it too."""
        return not self.package.startswith("(")


def _of_entry(entry: EntryPoint) -> Origin:
    # an entry point that was found has a distribution, whose metadata may still be a wreck
    name = version = "unknown"
    if entry.dist is not None:
        name, version = entry.dist.name or name, entry.dist.version or version
    return Origin(name, version, entry.value)


def _of_object(thing: Any) -> Origin:
    """Return the origin of what was registered: its module, and a digest of its source."""
    written = inspect.unwrap(thing)  # of an observable, the function
    source = _source(written) or "".join(map(_source, filter(inspect.isfunction, vars(written).values())))
    version = hashlib.sha256(source.encode()).hexdigest()[:8] if source else "unknown"
    return Origin(f"({written.__module__})", version, f"{written.__module__}:{written.__qualname__}")


def _source(written: Any) -> str:
    """Return the source of a class or function; nothing where it cannot be had, as of a class in a notebook."""
    try:
        return inspect.getsource(written)
    except (OSError, TypeError):
        return ""


class Opening(Generic[Thing]):
    """One kind of thing that other packages can add.

    Parameters
    ----------
    group : str
        Group of entry points, such as ``"abm.treatments"``. The name of an entry is the name in scenarios.
    what : str
        Word for messages, such as ``"treatment"``.
    own : callable
        Returns the names of this package's own.
    name_of : callable
        Returns the name of a thing; raises ValueError, with what is wrong, for what cannot be used.
    enter, leave : callable, optional
        Called with each thing before it can be used, to raise ValueError if it clashes with another, and with each that goes.
    """

    def __init__(
        self,
        group: str,
        what: str,
        own: Callable[[], Collection[str]],
        name_of: Callable[[Any], str],
        enter: Callable[[Thing], object] = lambda thing: None,
        leave: Callable[[Thing], object] = lambda thing: None,
    ) -> None:
        self.group = group
        self.what = what
        self.own = own
        self.name_of = name_of
        self._enter, self._leave = enter, leave
        self._things: dict[str, tuple[Thing, Origin]] = {}

    def names(self) -> list[str]:
        """Return the names that can be asked for, in order; nothing is imported."""
        return sorted({*self._things, *(entry.name for entry in declared(self.group))} - {*self.own()})

    def clashes(self) -> list[str]:
        """Return the names of this package that others declare too, in order."""
        return sorted({entry.name for entry in declared(self.group)}.intersection(self.own()))

    def loaded(self) -> tuple[Thing, ...]:
        """Return what has been asked for or registered so far, in the order of names."""
        return tuple(self._things[name][0] for name in sorted(self._things))

    def load_all(self) -> Iterator[InputError]:
        """Load all that others add; yield what is wrong with those that cannot be."""
        for name in self.names():
            try:
                self.get(name)
            except InputError as error:
                yield error

    def written(self) -> Iterator[tuple[str, Origin, Any]]:
        """Yield name, origin and class or function of what has been asked for or registered so far."""
        for name, (thing, origin) in self._things.items():
            written: Any = thing
            yield name, origin, inspect.unwrap(written)  # of an observable, the function

    def origin(self, name: str) -> Origin | None:
        """Return where a name comes from, None for one that is not known; nothing is imported."""
        if name in self._things:
            return self._things[name][1]
        entries = [entry for entry in declared(self.group) if entry.name == name]
        return _of_entry(entries[0]) if entries else None

    def get(self, name: str) -> Thing | None:
        """Return what a name stands for, imported if need be; None if nobody adds it.

        Raises
        ------
        InputError
            It cannot be loaded or used, or two packages declare it; the message names them.
        """
        if name not in self._things:
            entries = [entry for entry in declared(self.group) if entry.name == name]
            if not entries:
                return None
            if name in self.own():
                raise InputError(f"{self._called(entries[0])}: abm has one of that name already; uninstall that package, or {WITHOUT}")
            if len(entries) > 1:
                packages = " and ".join(str(_of_entry(entry)) for entry in entries)
                raise InputError(f"{self.what} {name!r}: is declared by {packages}; uninstall one of them, or {WITHOUT}")
            self._load(entries[0])
        return self._things[name][0]

    def register(self, thing: Thing) -> None:
        """Add something for this process; what was registered from the same place before is replaced.

        Raises
        ------
        InputError
            It cannot be used, or its name is taken.
        """
        try:
            name = self.name_of(thing)
        except ValueError as error:
            raise InputError(f"cannot be registered as a {self.what}: {error}") from None
        origin, before = _of_object(thing), self.origin(name)
        if name in self.own() or (before is not None and before.place != origin.place):
            holder = "abm" if before is None or name in self.own() else before.package
            raise InputError(f"{self.what} {name!r}: {holder} has one of that name already; choose another name")
        if before is None or not before.is_installed:
            try:
                self._take(name, thing, origin)
            except ValueError as error:
                raise InputError(f"{self.what} {name!r}: {error}") from None

    def discard(self, name: str) -> None:
        """Forget something that was loaded or registered; nothing happens if it is not known."""
        if name in self._things:
            self._leave(self._things.pop(name)[0])

    def _load(self, entry: EntryPoint) -> None:
        remedy = f"mend or uninstall that package, or {WITHOUT}"
        try:
            thing = entry.load()
        except (Exception, SystemExit) as error:  # whatever another's module does when it is imported
            words = str(error).splitlines()[0] if str(error) else ""
            raise InputError(f"{self._called(entry)}: cannot be loaded: {type(error).__name__}: {words}; {remedy}") from error
        try:
            name = self.name_of(thing)
            if name != entry.name:
                raise ValueError(f"calls itself {name!r}, which must be the name of the entry point")
            self._take(name, thing, _of_entry(entry))
        except ValueError as error:
            raise InputError(f"{self._called(entry)}: {error}; {remedy}") from None

    def _take(self, name: str, thing: Thing, origin: Origin) -> None:
        before = self._things.pop(name, None)
        if before is not None:
            self._leave(before[0])
        self._enter(thing)
        self._things[name] = (thing, origin)

    def _called(self, entry: EntryPoint) -> str:
        return f"{self.what} {entry.name!r} of {_of_entry(entry)} ({entry.value})"


def is_off() -> bool:
    """Tell whether the user leaves out what packages add.

    Raises
    ------
    InputError
        What the variable says is neither yes nor no.
    """
    said = os.environ.get(SWITCH, "").strip()
    if said.lower() not in (*OFF, *ON):
        raise InputError(f"{SWITCH}={said}: must be one of {', '.join(filter(None, (*OFF, *ON)))}")
    return said.lower() in OFF


def off_words() -> str:
    """Return what to tell who misses something while the user leaves out what packages add; nothing if that is not so."""
    return f"{SWITCH}={os.environ[SWITCH]} is set, which leaves out what packages add" if is_off() else ""


def declared(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group, in the order of name and package; none if they are switched off."""
    return () if is_off() else _declared(group, tuple(sys.path))


@lru_cache(maxsize=8)
def _declared(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=group), key=lambda entry: (entry.name, str(_of_entry(entry)))))


def source_digest(origin: Origin) -> str:
    """Return a digest of the package that something is from, which changes when it is edited in place; nothing is imported."""
    return _package_digest(origin.place.partition(":")[0].partition(".")[0]) if origin.is_installed else origin.version


@cache
def _package_digest(package: str) -> str:
    spec = find_spec(package)
    found = hashlib.sha256()
    if spec is not None:
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
        files = [(path.relative_to(folder).as_posix(), path) for folder in folders for path in folder.rglob("*.py")]
        if not folders and spec.origin is not None:
            files = [(package, Path(spec.origin))]
        for name, path in sorted(files):
            found.update(f"{name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:8]
