"""Answer "is this the result that the study asks for?": one definition, for status, reports,
explorer, sharing, checkpoints and Snakefile.

The identity of a run is all that its numbers depend on. It is written into result.json when the run
begins, and compared with what the study asks for now:
- settings: every field of the spec, defaults included, less where the run is made and what it is called;
- versions: of the core, of the embedded suite where it is read, and of the tasks;
- fingerprint: of the files of an encoder that is a folder, the shipped one too;
- revisions: the commits of what comes from the hub, as far as the lock has them;
- files: what was read below data_root;
- precision: what the network computes in, where the CPU says so: `precision: auto` differs between machines. That of a GPU is in the
  details of a result alone, as a machine without one cannot know it;
- parents: the identities of the runs that this one starts from.

Compared are the fields that both sides have. A field that the result lacks is newer than it: the
default of a new field means "as before".
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from xstilts_core import mini
from xstilts_core.data import hub_lock
from xstilts_core.errors import UsageError
from xstilts_core.study import precision
from xstilts_core.study.spec import SPECS, DataSpec, ScoringSpec, Spec
from xstilts_core.tasks import TASKS

CORE_VERSION = 3
"""Bump when training or evaluation makes other numbers of the same spec: then all results are made
again."""

_CORE, _SUITE, TASK = "the core", "the embedded suite", "task "
# How the reason begins where a run itself is as it should be, and one that it starts from is not.
STARTS = "starts from"
Files = dict[str, tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Identity:
    """See the module. run: its folder below outputs/<study>, for messages. files: path below
    data_root -> (bytes, modification time in ns, digest). parents: None for one that is not known.
    older: of a result that was made before results had an identity."""

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

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` and JSON made of one, a later version's too. TypeError or
        KeyError where it is none."""
        known = {entry.name: content[entry.name] for entry in fields(cls) if entry.name in content}
        files = {
            name: (int(size), int(time), str(digest))
            for name, (size, time, digest) in content["files"].items()
        }
        parents = tuple(None if parent is None else cls.of(parent) for parent in content["parents"])
        return cls(**{**known, "files": files, "parents": parents})

    @property
    def own(self) -> dict[str, Any]:
        """The settings that are not the defaults of today, and the encoder's fingerprint: equal for
        equal runs, whatever fields their versions had."""
        today, elsewhere = SPECS[self.phase].model_fields, SPECS[self.phase].elsewhere
        here = (
            (name, self.settings[name])
            for name in today
            if name in self.settings and name not in elsewhere
        )
        names = {name: value for name, value in here if value != today[name].get_default()}
        if not self.fingerprint:
            return names
        return {
            **{name: value for name, value in names.items() if name != "encoder"},
            "weights": self.fingerprint,
        }

    @property
    def key(self) -> str:
        """A text that equal runs share, and those that they start from; runs that share it can
        still differ in versions or files."""
        return json.dumps(
            [self.phase, self.own, [parent and parent.key for parent in self.parents]],
            sort_keys=True,
        )

    @property
    def token(self) -> str:
        """A short text that equal runs share, of what is known before a run begins."""
        return hashlib.sha256(
            json.dumps([self.key, self.versions], sort_keys=True).encode()
        ).hexdigest()[:16]


def settings(spec: Spec) -> dict[str, Any]:
    """Every field of the spec as JSON, less those that say where and how it runs, or what it is
    called."""
    return {
        name: value
        for name, value in spec.model_dump(mode="json").items()
        if name not in type(spec).elsewhere
    }


def versions(spec: Spec) -> dict[str, int]:
    """The versions that the numbers of a run depend on. Fetching makes no numbers."""
    core = {} if isinstance(spec, DataSpec) else {_CORE: CORE_VERSION}
    suite = {_SUITE: mini.VERSION} if spec.source == "mini" else {}
    return {**core, **suite, **{TASK + name: TASKS[name].version for name in spec.uses}}


def begin(spec: Spec) -> Identity:
    """The identity of a run that begins in this process, without files: `files_of` adds them when
    it ends."""
    if spec.data_root:
        from xstilts_core.data.readers import text

        text.opened.clear()
    return wanted(spec)


def wanted(spec: Spec) -> Identity:
    """The identity that a result of this spec has if it is made now; without files, which only the
    run itself knows.

    The parents are what the study asks for; of a spec that is in no study, what stands in their
    folders.
    """
    asked = {other.folder: other for other in spec.starts_from}
    parents = tuple(
        wanted(asked[folder]) if folder in asked else standing(folder) for folder in spec.parents
    )
    run = str(spec.folder.relative_to(spec.root))
    return Identity(
        spec.phase,
        run,
        settings(spec),
        versions(spec),
        spec.fingerprint,
        hub_lock.revisions(spec),
        parents=parents,
        precision=precision.of(spec),
    )


def standing(folder: Path) -> Identity | None:
    """The identity of the finished run in this folder, as its result.json tells it; None where
    there is none."""
    try:
        return of_result(json.loads((folder / "result.json").read_text(encoding="utf-8")), folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of_result(content: Mapping[str, Any], folder: Path) -> Identity:
    """The identity in the content of a result.json; one that is older than identities is known by
    its spec, and by its parents' results.

    KeyError or TypeError where the content is no result.
    """
    if "identity" in content:
        return Identity.of(content["identity"])
    phase, spec, science = content["phase"], content["spec"], content["science"]
    named = content["provenance"].get("parents", [])
    roots = [
        next((root for root in folder.parents if (root / name / "result.json").is_file()), None)
        for name in named
    ]
    parents = tuple(
        None if root is None else standing(root / name)
        for root, name in zip(roots, named, strict=True)
    )
    kept = {name: value for name, value in spec.items() if name not in SPECS[phase].elsewhere}
    known = {TASK + name: version for name, version in science.get("versions", {}).items()}
    return Identity(phase, "", kept, known, science.get("weights", ""), parents=parents, older=True)


def difference(made: Identity, asked: Identity) -> str:
    """What a result was made with that is different now, in words; "" if nothing."""
    if made.older and not made.fingerprint:  # of the shipped encoder none was kept
        asked = replace(asked, fingerprint="")
    if not asked.fingerprint:  # results can be looked at where the encoder is not
        made = replace(made, fingerprint="")
    before, now, wish = made.own, asked.own, asked.settings.get("precision")
    if made.precision and asked.precision and (made.precision == asked.precision or wish == "auto"):
        before.pop("precision", None), now.pop("precision", None)
    if keys := sorted(key for key in {*before, *now} if before.get(key) != now.get(key)):
        return f"made with other {', '.join(keys)}"
    if wish == "auto" and made.precision and asked.precision and made.precision != asked.precision:
        return f"made in {made.precision}, and precision auto gives {asked.precision} here"
    for name, version in asked.versions.items():
        # Older results tell the version of a task only where it was not 1, and none of the core.
        version_made = made.versions.get(
            name, 1 if made.older and name.startswith(TASK) else version
        )
        if version_made != version:
            return f"made with version {version_made} of {name}, now {version}"
    for name, commit in asked.revisions.items():
        if (locked := made.revisions.get(name, commit)) != commit:
            return f"made with {name} at commit {locked[:12]}, now locked to {commit[:12]}"
    if len(made.parents) != len(asked.parents):  # the baseline, and a recipe with the same settings
        return f"{STARTS} another run"
    for parent, other in zip(made.parents, asked.parents, strict=True):
        if parent and other and (reason := difference(parent, other)):
            return after(other.run, reason)
    return ""


def after(run: str, reason: str) -> str:
    """What is said of a run that starts from this one, if `reason` is said of this one."""
    return f"{STARTS} {run}, which {'' if reason.startswith(STARTS) else 'was '}{reason}"


# ---- files below data_root


def files_of(spec: Spec) -> Files:
    """What the run of this process has read below data_root, and what it was to read, with digests.

    A file that was changed after it was read has none, and equals no file.
    """
    if not spec.data_root:
        return {}
    from xstilts_core.data.readers import text

    root = Path(spec.data_root)
    opened = {
        path: seen(path) for path in (root / name for name in Below().asked(spec, spec.data_root))
    } | text.opened
    found: Files = {}
    for path, read in opened.items():
        if read and path.is_relative_to(root):
            found[path.relative_to(root).as_posix()] = (
                *read,
                digest(path, *read) if seen(path) == read else "",
            )
    return dict(sorted(found.items()))


def seen(path: Path) -> tuple[int, int] | None:
    """(bytes, modification time in ns) of a file; None where it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4096)
def digest(path: Path, _size: int, _time: int) -> str:
    """SHA-256 of a file's bytes, read once for each of its versions."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stands_below(made: Identity, data_root: str) -> bool:
    """Whether any file that a run, or one that it starts from, has read stands below this folder:
    else it is not the data's."""
    names = any((Path(data_root) / name).is_file() for name in made.files)
    return names or any(stands_below(parent, data_root) for parent in made.parents if parent)


class Below:
    """What stands below data roots now, each question asked once: whoever compares many runs keeps
    one of these while it does."""

    def __init__(self) -> None:
        self.listed: dict[tuple[str, ...], tuple[str, ...]] = {}

    def difference(self, made: Identity, spec: Spec, data_root: str) -> str:
        """What a run, or one that it starts from, has read that is other now below data_root, or
        what it would read beside it.

        "" if nothing.
        """
        root = Path(data_root)
        for before, parent in zip(made.parents, spec.starts_from, strict=False):
            if before and (reason := self.difference(before, parent, data_root)):
                return after(str(parent.folder.relative_to(parent.root)), reason)
        if not made.files:
            return ""
        for name, (size, time, before) in made.files.items():
            now = seen(root / name)
            if now is None:
                return f"made with {name} below {data_root}, which is gone"
            if now != (size, time) and (now[0] != size or digest(root / name, *now) != before):
                return f"made with {name} below {data_root}, which has other rows now"
        for name in self.asked(spec, data_root):
            if name not in made.files:
                return f"made without {name}, which stands below {data_root} now"
        return ""

    def asked(self, spec: Spec, data_root: str) -> Iterator[str]:
        """Paths below data_root of the files that a run would read now."""
        from xstilts_core.data import splits

        if spec.reads_texts:
            if (data_root,) not in self.listed:
                self.listed[data_root,] = tuple(
                    path.relative_to(data_root).as_posix() for path in splits.text_files(data_root)
                )
            yield from self.listed[data_root,]
        for task, split, codes in spec.reads:
            scored = (
                (spec.benchmark, *spec.languages)
                if isinstance(spec, ScoringSpec) and codes is None
                else codes or ()
            )
            place = (task, split, spec.source, data_root, *scored)
            if place not in self.listed:
                self.listed[place] = tuple(listed(spec, task, split, codes, data_root))
            yield from self.listed[place]


def listed(
    spec: Spec, task: str, split: str, codes: tuple[str, ...] | None, data_root: str
) -> Iterator[str]:
    """Paths below data_root that hold a split of a task in these languages (None: those that are
    scored); none where it lacks them."""
    from xstilts_core.data import splits

    try:
        if isinstance(spec, ScoringSpec) and codes is None:
            split = (
                splits.test_split(task, spec.source, data_root, spec.benchmark)
                if split == "scored"
                else split
            )
            codes = splits.evaluated(
                task, split, spec.languages, spec.source, data_root, spec.benchmark
            )
        for code in codes or ():
            for path in splits.files(task, split, code, spec.source, data_root):
                yield path.relative_to(data_root).as_posix()
    except UsageError:
        return
