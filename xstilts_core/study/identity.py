"""Answer "is this the result that the study requires?" with one definition for status, reports,
explorer, sharing, checkpoints and Snakefile.

The identity of a run is everything that its numbers depend on. It is taken when the run begins,
written into its result.json at the end, and compared with the study's current requirements:
- settings: every field of the spec, defaults included, except the run's name and where it is made;
- versions: of the core, of the embedded suite if it is read, and of the tasks;
- fingerprint: of the files of an encoder in a folder, including the shipped one;
- revisions: the commits of whatever comes from the hub, as far as the lock has them;
- files: those that were read below data_root;
- precision: of the network, if it runs on a CPU, since `precision: auto` differs between machines.
  That of a GPU is only in the details of a result, as a machine without one cannot know it;
- parents: the identities of the runs that this one starts from.

Only fields that both sides have are compared. A field that the result lacks was added later: the
default of a new field means "as before".
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from xstilts_core import mini
from xstilts_core.data import hub_client
from xstilts_core.errors import UsageError
from xstilts_core.study import precision
from xstilts_core.study.spec import SPECS, DataSpec, ScoringSpec, Spec
from xstilts_core.study.wording import first_error
from xstilts_core.tasks import TASKS

if TYPE_CHECKING:
    from xstilts_core.data.releases import Source

CORE_VERSION = 3
"""Bump when training or evaluation gives different numbers for the same spec: then every result is
remade."""

_CORE, _SUITE, TASK = "the core", "the embedded suite", "task "
# The beginning of the reason if the run itself is up to date, but one that it starts from is not.
STARTS = "starts from"
Files = dict[str, tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that a run's numbers depend on (see the module).

    run: its folder below outputs/<study>, for messages. files: path below data_root -> (bytes,
    modification time in ns, digest). parents: None for an unknown one. older: whether the result
    was made before results had an identity.
    """

    phase: str
    run: str
    settings: dict[str, Any]
    versions: dict[str, int]
    fingerprint: str = ""
    revisions: dict[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    parents: tuple["Identity | None", ...] = ()
    older: bool = False
    precision: str = ""

    @staticmethod
    def of(content: Mapping[str, Any]) -> "Identity":
        """Read an identity from `dataclasses.asdict` and JSON, also one of a later version. Raise
        TypeError if the content is not an identity."""
        try:
            return _IDENTITY.validate_python(content)
        except ValidationError as error:
            raise TypeError(first_error(error)["msg"]) from None

    @property
    def changed_settings(self) -> dict[str, Any]:
        """Settings that differ from today's defaults, and the encoder's fingerprint. They are equal
        for equal runs, whatever fields the runs' versions had."""
        spec = SPECS[self.phase]
        changed = {
            name: self.settings[name]
            for name, field in spec.model_fields.items()
            if name in self.settings.keys() - spec.bookkeeping
            and self.settings[name] != field.get_default()
        }
        if self.fingerprint:
            changed.pop("encoder", None)
            changed["weights"] = self.fingerprint
        return changed

    @property
    def key(self) -> str:
        """Text shared by equal runs whose parents are equal, too. Such runs can still differ in
        versions or files."""
        return json.dumps(
            [self.phase, self.changed_settings, [parent and parent.key for parent in self.parents]],
            sort_keys=True,
        )

    @property
    def token(self) -> str:
        """Short text shared by equal runs, computed only from facts known before a run begins."""
        text = json.dumps([self.key, self.versions], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_IDENTITY = TypeAdapter(Identity)


def settings(spec: Spec) -> dict[str, Any]:
    """Return every field of the spec as JSON, except the run's name and where and how it runs."""
    return spec.model_dump(mode="json", exclude=set(spec.bookkeeping))


def versions(spec: Spec) -> dict[str, int]:
    """Return the versions that a run's numbers depend on. Fetching data produces no numbers."""
    core = {} if isinstance(spec, DataSpec) else {_CORE: CORE_VERSION}
    suite = {_SUITE: mini.VERSION} if spec.embedded else {}
    return {**core, **suite, **{TASK + name: TASKS[name].version for name in spec.uses}}


def begin(spec: Spec) -> Identity:
    """Return the identity of a run that begins in this process. It has no files yet: `files_of`
    adds them when the run ends."""
    if spec.data_root:
        from xstilts_core.data.readers import text

        text.opened.clear()
    return of_spec(spec)


def of_spec(spec: Spec) -> Identity:
    """Return the identity that a result of this spec would have if it were made now, without files,
    which only the run itself knows.

    The parents are those that the study requires. A spec outside a study takes the results in their
    folders.
    """
    specs = {other.folder: other for other in spec.starts_from}
    parents = tuple(
        of_spec(specs[folder]) if folder in specs else _of_folder(folder) for folder in spec.parents
    )
    return Identity(
        phase=spec.phase,
        run=str(spec.folder.relative_to(spec.root)),
        settings=settings(spec),
        versions=versions(spec),
        fingerprint=spec.fingerprint,
        revisions=hub_client.revisions(spec),
        parents=parents,
        precision=precision.of(spec),
    )


def _of_folder(folder: Path) -> Identity | None:
    """Return the identity of the finished run in this folder, read from its result.json. Return
    None if there is none."""
    try:
        return of_result(json.loads((folder / "result.json").read_text(encoding="utf-8")), folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of_result(content: Mapping[str, Any], folder: Path) -> Identity:
    """Return the identity in the content of a result.json.

    A result that is older than identities is identified by its spec and its parents' results. Raise
    KeyError or TypeError if the content is not a result.
    """
    if "identity" in content:
        return Identity.of(content["identity"])
    phase, spec, science = content["phase"], content["spec"], content["science"]
    parent_names = content["provenance"].get("parents", [])
    roots = [
        next((root for root in folder.parents if (root / name / "result.json").is_file()), None)
        for name in parent_names
    ]
    parents = tuple(
        None if root is None else _of_folder(root / name)
        for root, name in zip(roots, parent_names, strict=True)
    )
    return Identity(
        phase=phase,
        run="",
        settings={
            name: value for name, value in spec.items() if name not in SPECS[phase].bookkeeping
        },
        versions={TASK + name: version for name, version in science.get("versions", {}).items()},
        fingerprint=science.get("weights", ""),
        parents=parents,
        older=True,
    )


def difference(recorded: Identity, required: Identity) -> str:
    """Return how a result's identity differs from the required one, in words; "" if it does not."""
    # Older results lack the shipped encoder's fingerprint.
    if recorded.older and not recorded.fingerprint:
        required = replace(required, fingerprint="")
    if not required.fingerprint:  # results can be inspected on a machine without the encoder
        recorded = replace(recorded, fingerprint="")
    before, now = recorded.changed_settings, required.changed_settings
    auto = required.settings.get("precision") == "auto"
    both_known = bool(recorded.precision and required.precision)
    if both_known and (recorded.precision == required.precision or auto):
        before.pop("precision", None), now.pop("precision", None)
    if keys := sorted(key for key in {*before, *now} if before.get(key) != now.get(key)):
        return f"made with other {', '.join(keys)}"
    if auto and both_known and recorded.precision != required.precision:
        return f"made in {recorded.precision}, and precision auto gives {required.precision} here"
    for name, version in required.versions.items():
        # Older results give a task's version only if it was not 1, and no version of the core.
        recorded_version = recorded.versions.get(
            name, 1 if recorded.older and name.startswith(TASK) else version
        )
        if recorded_version != version:
            return f"made with version {recorded_version} of {name}, now {version}"
    for name, commit in required.revisions.items():
        if (recorded_commit := recorded.revisions.get(name, commit)) != commit:
            return f"made with {name} at commit {recorded_commit[:12]}, now locked to {commit[:12]}"
    # The baseline against a recipe of equal settings.
    if len(recorded.parents) != len(required.parents):
        return f"{STARTS} another run"
    for parent, other in zip(recorded.parents, required.parents, strict=True):
        if parent and other and (reason := difference(parent, other)):
            return _inherited_reason(other.run, reason)
    return ""


def _inherited_reason(run: str, reason: str) -> str:
    """Return the reason for a run that starts from `run`, given the `reason` for `run` itself."""
    return f"{STARTS} {run}, which {'' if reason.startswith(STARTS) else 'was '}{reason}"


# ---- files below data_root


def files_of(spec: Spec) -> Files:
    """Return what this process's run read, or was to read, below data_root, with digests.

    A file that was changed after it was read has no digest, so it equals no file.
    """
    if not spec.data_root:
        return {}
    from xstilts_core.data.readers import text

    root = Path(spec.data_root)
    inputs = (root / name for name in DataRoots().input_paths(spec, spec.data_root))
    opened = {path: _size_and_time(path) for path in inputs} | text.opened
    files: Files = {}
    for path, read in opened.items():
        if read and path.is_relative_to(root):
            unchanged = _size_and_time(path) == read
            name = path.relative_to(root).as_posix()
            files[name] = (*read, hub_client.digest(path, *read) if unchanged else "")
    return dict(sorted(files.items()))


def _size_and_time(path: Path) -> tuple[int, int] | None:
    """Return (bytes, modification time in ns) of a file, or None if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def has_files_below(recorded: Identity, data_root: str) -> bool:
    """Return whether any file that a run or one of its parents has read exists below this folder.
    If none does, the folder does not hold their data."""
    names = any((Path(data_root) / name).is_file() for name in recorded.files)
    return names or any(has_files_below(parent, data_root) for parent in recorded.parents if parent)


class DataRoots:
    """The current content of data roots. Each lookup is cached, so reuse one instance when
    comparing many runs."""

    def __init__(self) -> None:
        self._paths = cache(lambda *request: list(_split_paths(*request)))

    def difference(self, recorded: Identity, spec: Spec, data_root: str) -> str:
        """Return what has changed below data_root among the files that a run or one of its parents
        has read or would now read in addition; "" if nothing."""
        root = Path(data_root)
        for before, parent in zip(recorded.parents, spec.starts_from, strict=False):
            if before and (reason := self.difference(before, parent, data_root)):
                return _inherited_reason(str(parent.folder.relative_to(parent.root)), reason)
        if not recorded.files:
            return ""
        for name, (size, time, recorded_digest) in recorded.files.items():
            now = _size_and_time(root / name)
            if now is None:
                return f"made with {name} below {data_root}, which is gone"
            if now != (size, time) and (
                now[0] != size or hub_client.digest(root / name, *now) != recorded_digest
            ):
                return f"made with {name} below {data_root}, which has other rows now"
        for name in self.input_paths(spec, data_root):
            if name not in recorded.files:
                return f"made without {name}, which is below {data_root} now"
        return ""

    def input_paths(self, spec: Spec, data_root: str) -> Iterator[str]:
        """Yield the paths, relative to data_root, of the files that a run would read now."""
        from xstilts_core.data.releases import RELEASES

        if spec.embedded:
            return
        source = RELEASES[spec.source](data_root, getattr(spec, "benchmark", "xtreme"))
        if spec.reads_texts:
            yield from self._paths(source, "", "", (), ())
        languages = tuple(spec.languages) if isinstance(spec, ScoringSpec) else ()
        for task, split, codes in spec.reads:
            yield from self._paths(source, task, split, codes, languages)


def _split_paths(
    source: "Source",
    task: str,
    split: str,
    codes: tuple[str, ...] | None,
    languages: tuple[str, ...],
) -> Iterator[str]:
    """Yield the paths, relative to data_root, that hold a split of a task in these languages (None:
    those that are scored, of `languages` if there are any); without a task, those of all texts.
    Yield none if the source lacks them."""
    from xstilts_core.data.releases import Files

    try:
        if codes is None:
            split = source.test_split(task) if split == "scored" else split
            codes = source.evaluated(task, split, languages)
        paths = (path for code in codes for path in source.files(task, split, code))
        for path in paths if task else Files(source.data_root).text_files():
            yield path.relative_to(source.data_root).as_posix()
    except UsageError:
        return
