"""Where a pipeline's output is: a folder on this disk, or a place at s3:// for which a folder here is the workshop.

    there    every file, and pipeline.json, which is sent after the files that it tells of, and when a stage is begun whose files will change
    here     files of there, or newer ones; others are brought when a stage is first to be made

So a run goes on on whatever machine, and where all is up to date nothing is carried at all.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from dione.base.errors import BadSource, NotFound
from dione.base.storage import documents
from dione.base.storage.files import emptied, folder, whole, write_text
from dione.sources.carrying import PROBE, begun, get, send
from dione.sources.places import naming, shown, system, writing

STATE = "pipeline.json"
CARRIED = ".carried.json"
"""Size and time of change of every file here when it was the same as there."""
Progress = Callable[[str, int, int], None]
State = dict[str, Any]


@runtime_checkable
class Output(Protocol):
    """What a run asks of it."""

    def state(self) -> State:
        """How each stage ended, in whichever run; nothing where none did, or where it cannot be read."""
        ...

    def has(self, path: Path) -> bool:
        """Whether a file or folder of the output is there."""
        ...

    def bring(self, progress: Progress) -> None:
        """Have all of it on this disk."""
        ...

    def send(self) -> None:
        """Have all of it where it belongs."""
        ...


def of(here: Path, address: str | None) -> Output:
    """The output in a folder on this disk, which is made, or at an address. Raises CannotWrite if it does not take a file."""
    if address:
        begun(address)
    return Mirror(here, address.rstrip("/")) if address else Folder(folder(here))


def read(data: bytes) -> State:
    """A state as it was written; nothing, where it is damaged, so that everything is looked at anew."""
    try:
        found = documents.json_of(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Folder:
    """On this disk."""

    here: Path

    def state(self) -> State:
        path = self.here / STATE
        return read(path.read_bytes()) if path.is_file() else {}

    def has(self, path: Path) -> bool:
        return path.exists()

    def bring(self, progress: Progress) -> None:
        """It is here."""

    def send(self) -> None:
        """It is here."""


@dataclass
class Mirror:
    """At s3://."""

    here: Path
    address: str
    complete: bool = False
    """Whether everything was seen to be here in this run, so that what is missing here was taken away by a stage."""

    def state(self) -> State:
        """Ours, if it goes on from theirs; otherwise theirs, and what is here is of another run and goes."""
        ours = Folder(self.here).state()
        try:
            theirs = read(get(f"{self.address}/{STATE}"))
        except NotFound:
            theirs = {}
        if all(_goes_on(ours.get(name, {}), stage) for name, stage in theirs.items()):
            return ours
        emptied(self.here)
        return theirs

    def has(self, path: Path) -> bool:
        fs, inside = system(f"{self.address}/{path.relative_to(self.here).as_posix()}")
        with naming(self.address):
            return path.exists() or bool(fs.exists(inside))

    def bring(self, progress: Progress) -> None:
        if self.complete:
            return
        fs, inside = system(self.address)
        with naming(self.address):
            fs.invalidate_cache()
            names = {_below(name, inside): name for name in fs.find(inside)}
            missing = [below for below in sorted(names) if below.name != PROBE and not (self.here / below).exists()]
            for done, below in enumerate(missing, 1):
                (self.here / below).parent.mkdir(parents=True, exist_ok=True)
                with whole(self.here / below) as partial:
                    fs.get_file(names[below], str(partial))
                progress("brought", done, len(missing))
        self._note({**self._carried(), **{below.as_posix(): _facts(self.here / below) for below in missing}})
        self.complete = True

    def send(self) -> None:
        found = {file.relative_to(self.here).as_posix(): _facts(file) for file in self.here.rglob("*") if file.is_file()}
        found = {name: facts for name, facts in found.items() if not any(part.startswith(".") for part in PurePosixPath(name).parts)}
        carried = self._carried()
        if changed := tuple(name for name, facts in found.items() if carried.get(name) != facts):
            send(self.here, self.address, last=STATE, only=changed)
        gone = [name for name in carried if name not in found] if self.complete else []
        fs, inside = system(self.address)
        with writing(self.address):
            for name in gone:
                fs.rm_file(f"{inside}/{name}")
        self._note({name: facts for name, facts in {**carried, **found}.items() if name not in gone})

    def _carried(self) -> dict[str, list[int]]:
        path = self.here / CARRIED
        return read(path.read_bytes()) if path.is_file() else {}

    def _note(self, carried: dict[str, list[int]]) -> None:
        write_text(self.here / CARRIED, json.dumps(carried))


def _goes_on(ours: State, theirs: State) -> bool:
    """Whether how a stage ended here is how it ended there, or what came, or is to come, in place of that."""
    if "stamp" in theirs:
        return theirs["stamp"] in (ours.get("stamp"), ours.get("was"))
    return all(ours.get(told) == theirs.get(told) for told in ("begun", "was"))


def _facts(file: Path) -> list[int]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _below(name: str, folder: str) -> PurePosixPath:
    """The path of an object below a folder; raises BadSource for one that would lead out of it."""
    below = PurePosixPath(name.removeprefix(f"{folder}/"))
    if below.is_absolute() or ".." in below.parts:
        raise BadSource(f"{shown(name)} leads out of its folder\ntake it away from the store")
    return below
