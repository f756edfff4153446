"""Where a file comes from: what its job was asked for, the code and configuration, and the files that it was made from.

Every file between the stages carries its provenance. A stage checks what it reads with ``trace``: each file must be what the stage
was asked to read, and files that go back to one source must go back to the same version of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from spurprune import __version__
from spurprune.errors import DataError
from spurprune.storage.canonical import config_hash
from spurprune.storage.checksums import DIGEST, sealed, unsealed

BLOCK, PLAN = "block", "plan"  # keys of ``Provenance.place``
INPUTS = "inputs"  # the kind of a dataset's inputs
OF_INPUTS = ("made_by", "expects")  # parameters of a job that are about its inputs
OF_RUNS = ("predictions", "history", "models", "timing", "masks", "optimizer")  # made by one job: a run
METRICS = "metrics"  # of a run
OF_METHOD = ("method", "candidate")  # keys of ``Provenance.place``


@dataclass(frozen=True)
class Source:
    """A file that another was made from: the hashes of its provenance, of the code that made it, of its configuration and its setting's."""

    identity: str
    code: str
    config: str
    setting: str


@dataclass(frozen=True)
class Provenance:
    """Where a file comes from.

    ``place`` holds what the job was asked for, by name (setting, block, plan, …: its wildcards). ``code_version`` is the package's version
    and the hash of the stage's code; ``config_hash`` covers the part of the configuration that the stage received, without the repeats,
    ``setting_hash`` what of this is the setting's, empty without any; ``repeats`` are the file's, None if it belongs to none; ``counts``
    and ``notes`` hold what a reader wants to know before opening the file; ``sources`` are all files behind it, by kind and place (see
    ``Origin.key``). For the job alone, and not kept: ``made_by`` holds the hash of the code that should have made its inputs, by kind or,
    for one of several plans, by "plan NAME"; ``expects`` what their ``counts`` must hold; ``mixed_code`` is true if the user accepts files
    that other code made.
    """

    place: Mapping[str, str]
    code_version: str
    config_hash: str
    repeats: Sequence[int] | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    setting_hash: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)
    expects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mixed_code: bool = False

    @classmethod
    def of(cls, wildcards: Mapping[str, str], params: Mapping[str, Any], *, mixed_code: bool = False) -> "Provenance":
        """Return the provenance of a job from its wildcards and its parameters.

        Among these, ``code`` is the hash of its code; ``made_by`` and ``expects``, if given, are about its inputs.
        """
        given = {key: value for key, value in params.items() if key not in ("code", *OF_INPUTS)}
        repeats = given.pop("repeats", None)
        place = dict(wildcards.items())
        if "method" in place:
            place.setdefault("candidate", "")  # distinguishes final runs from tuning runs
        return cls(
            place,
            f"{__version__}+{params['code']}",
            config_hash(given),
            None if repeats is None else tuple(repeats),
            setting_hash=config_hash(given["setting"]) if "setting" in given else "",
            made_by=dict(params.get("made_by") or {}),
            expects=dict(params.get("expects") or {}),
            mixed_code=mixed_code,
        )

    def kept(self) -> dict[str, Any]:
        """Return what a file keeps of its provenance, as plain values."""
        return {key: value for key, value in asdict(self).items() if key not in (*OF_INPUTS, "mixed_code")}

    @property
    def setting(self) -> str:
        """The setting that the file belongs to; for files of no setting, their study or dataset."""
        return next((self.place[key] for key in ("setting", "study", "dataset") if self.place.get(key)), "")


@dataclass(frozen=True)
class Origin:
    """What a file says of itself: its path, its kind, the keys of ``provenance.place`` that identify a file of this kind."""

    path: str
    kind: str
    keys: tuple[str, ...]
    identity: str
    provenance: Provenance

    @property
    def key(self) -> str:
        """The file's kind and place as one text, such as ``plan block=000-004 plan=none setting=digits``."""
        place = self.provenance.place
        return " ".join([self.kind, *(f"{key}={place[key]}" for key in sorted(self.keys) if place.get(key))])

    @property
    def code(self) -> str:
        """The hash of the code that made the file."""
        return self.provenance.code_version.rpartition("+")[2]

    @property
    def as_source(self) -> Source:
        """What another file keeps of this one."""
        return Source(self.identity, self.code, self.provenance.config_hash, self.provenance.setting_hash)

    @property
    def is_complete(self) -> bool:
        """Whether the file says all that identifies it, as all files of the workflow do."""
        return all(key in self.provenance.place for key in self.keys)

    def require(self, place: Mapping[str, str], repeats: Sequence[int] | None = None) -> "Origin":
        """Return this origin; raise DataError unless the file is of this place and these repeats, as far as it says so."""
        for key in self.keys:
            found, wanted = self.provenance.place.get(key), place.get(key)
            if found is not None and wanted is not None and found != wanted:
                names = f"'{found or 'none'}', not of '{wanted or 'none'}'"
                raise DataError(f"{self.path} holds the {self.kind} of the {key} {names}; delete the file and rerun.")
        mine = self.provenance.repeats
        if repeats is not None and mine is not None and list(mine) != list(repeats):
            raise DataError(f"{self.path} holds the repeats {_span(mine)}, not {_span(repeats)}; delete the file and rerun.")
        return self


def trace(own: Provenance, *inputs: Origin) -> Provenance:
    """Return a job's provenance with the sources of its inputs.

    Raises DataError if two inputs have the same kind and place, if two go back to different versions of one source, if one was made by
    other code than ``made_by`` names, or if its counts are not those that are expected.
    """
    for one in inputs:
        for name, wanted in own.expects.get(one.kind, {}).items():
            found = one.provenance.counts.get(name, wanted)
            if found != wanted:
                raise DataError(
                    f"{one.path} holds other {one.kind} than those asked for ({name} {found}, not {wanted}); delete it and rerun."
                )
        expected = own.made_by.get(f"{one.kind} {one.provenance.place.get(one.kind)}", own.made_by.get(one.kind))
        if expected is not None and one.code != expected and not own.mixed_code:
            raise DataError(
                f"{one.path} was made by another version of the code ({one.code}, not {expected}); delete it and rerun, or set "
                "allow_mixed_code to true."
            )
    _require_datasets(inputs)
    return replace(own, sources={key: source for key, (source, _) in _merged(inputs).items()})


def _require_datasets(inputs: Sequence[Origin]) -> None:
    """Raise DataError if an input was made from other datasets than those among the inputs."""
    given = {one.key: one.path for one in inputs if one.kind == INPUTS}
    if not given:
        return
    for one in inputs:
        known = {key for key in one.provenance.sources if key.split(" ")[0] == INPUTS}
        if known and not known & given.keys():
            raise DataError(f"{one.path} was not made from {', '.join(given.values())}, but from {min(known)}; delete it and rerun.")


def require_compatible(own: Provenance, *inputs: Origin) -> None:
    """Raise DataError unless results of several jobs may be shown together.

    They must belong together as in ``trace``. All blocks of a result, all plans of a method and whatever it is evaluated by must have one
    configuration, and one that is the same for all methods as far as it is the setting's. Unless the user accepts mixed code, all runs of
    a setting by one method, and all blocks of any other result, must have been made by one version of the code.
    """
    trace(own, *inputs)
    configured: dict[str, tuple[str, str]] = {}
    made: dict[str, tuple[str, str]] = {}
    for key, (source, path) in _merged(inputs).items():
        of_setting = {f"{_without(key, BLOCK, PLAN, *OF_METHOD)} of any method": source.setting} if source.setting else {}
        for result, config in {_without(key, BLOCK, *(PLAN,) * _is_of_run(key)): source.config, **of_setting}.items():
            known, first = configured.setdefault(result, (config, path))
            if known != config:
                raise DataError(f"{first} and {path} go back to different configurations ({key}); delete the outdated one and rerun.")
        result = _without(key, BLOCK, *(PLAN,) * _is_of_run(key))
        code, first = made.setdefault(result, (source.code, path))
        if code != source.code and not own.mixed_code:
            raise DataError(
                f"{first} and {path} go back to different versions of the code ({code} and {source.code} made the {result}); delete what "
                "the older one made and rerun, or set allow_mixed_code to true."
            )


def _is_of_run(key: str) -> bool:
    return key.split(" ")[0] in (*OF_RUNS, METRICS)


def _without(key: str, *names: str) -> str:
    """Return an origin's key without some parts of its place, and with one kind for all files of a run."""
    kind, *place = key.split(" ")
    return " ".join(["runs" if kind in OF_RUNS else kind, *(part for part in place if part.partition("=")[0] not in names)])


def _merged(inputs: Sequence[Origin]) -> dict[str, tuple[Source, str]]:
    """Return all files behind the inputs, and the inputs themselves, each with an input that goes back to it."""
    found: dict[str, tuple[Source, str]] = {}
    direct: dict[str, str] = {}
    for one in inputs:
        if not one.is_complete:
            continue
        if one.key in direct:
            raise DataError(f"{direct[one.key]} and {one.path} both hold {one.key}; delete the one in the wrong place and rerun.")
        direct[one.key] = one.path
        for key, source in {**one.provenance.sources, one.key: one.as_source}.items():
            known, path = found.setdefault(key, (source, one.path))
            if known.identity != source.identity:
                raise DataError(
                    f"{path} and {one.path} go back to different versions of one file ({key}); delete the outdated one and rerun."
                )
    return found


def to_plain(kind: str, version: int, provenance: Provenance, **more: Any) -> dict[str, Any]:
    """Return the provenance of a file of some kind, and ``more``, as a record of JSON values with its digest."""
    return sealed(json.loads(json.dumps({"table": kind, "version": version, **provenance.kept(), **more})))


def to_json(kind: str, version: int, provenance: Provenance, **more: Any) -> str:
    """Return what ``to_plain`` returns as JSON."""
    return json.dumps(to_plain(kind, version, provenance, **more), sort_keys=True)


def from_json(text: str | bytes) -> dict[str, Any]:
    """Return what ``to_json`` was given, as plain values, with its digest; raises ValueError if it is not intact."""
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return unsealed(content) | {DIGEST: content[DIGEST]}


def origin(path: str, content: Mapping[str, Any], keys: tuple[str, ...]) -> Origin:
    """Return a file's origin from what ``from_json`` returned; raises ValueError if it is no provenance."""
    try:
        provenance = Provenance(
            dict(content["place"]),
            str(content["code_version"]),
            str(content["config_hash"]),
            None if content["repeats"] is None else tuple(content["repeats"]),
            dict(content["counts"]),
            dict(content["notes"]),
            {key: Source(**source) for key, source in content["sources"].items()},
            str(content["setting_hash"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its metadata is no provenance ({error})") from error
    return Origin(path, str(content["table"]), keys, str(content[DIGEST]), provenance)


def _span(repeats: Sequence[int]) -> str:
    return str(repeats[0]) if len(repeats) == 1 else f"{min(repeats)} to {max(repeats)}"
