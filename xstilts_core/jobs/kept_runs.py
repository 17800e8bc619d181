"""A study's finished runs, packed small enough for git: all that its reports read, and no text,
answer or model.

A folder of reference/ has, for each seed, two files of JSON lines, compressed:
  seed<k>.runs.jsonl.gz    a run: folder, result (its result.json), log (its training log, as far as reports read it)
  seed<k>.items.jsonl.gz   a file of predictions: folder, task, language, columns, metric, ids of the items (left out where they are those
                           of the line before) and stats, their sufficient statistics, column by column
and study.yaml, the study's file. README.md and plain tables beside them are made from these
(cards.reference_card). So a seed that was made on another machine adds files, and the others stay
as they are, to the byte.
"""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from xstilts_core import results
from xstilts_core.errors import UsageError
from xstilts_core.files.disk import TEMPORARY
from xstilts_core.jobs.aside import held
from xstilts_core.results import REFERENCE, RESULT, Result
from xstilts_core.study import Study, identity, study_file
from xstilts_core.study.identity import STARTS, Identity
from xstilts_core.study.spec import SPECS, DataSpec, Spec
from xstilts_core.study.study_kinds import RUNS, STUDY, kept_folder, kept_seeds

ITEMS = "seed{}.items.jsonl.gz"
# Which packed files the folder of a study was unpacked from.
_UNPACKED = ".reference"
LOG = "train_log.jsonl"
# The entries of a training log's line that reports read.
LOGGED = ("step", "loss", "dev", "tokens_per_second", "padding")
_PREDICTIONS = "predictions"
_ENDING = ".jsonl.gz"
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Seed:
    """The kept runs of a seed. runs: folder below outputs/<study> -> line. items: (task, language,
    folder) -> line."""

    runs: dict[str, Line] = field(default_factory=dict)
    items: dict[tuple[str, str, str], Line] = field(default_factory=dict)


def _result_of(line: Line) -> Result:
    """The result of a kept run."""
    return results.parsed(line["result"], Path(line["folder"]))


def lines(path: Path) -> list[Line]:
    """The lines of a compressed file of JSON lines; UsageError where it is none."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read ({type(error).__name__}: {error}): take it from git, or make it again"
        ) from None


def write_lines(path: Path, found: list[Line]) -> None:
    """Write the lines, whole or not at all, unless the file has them: another machine's zlib may
    pack the same lines in other bytes."""
    if path.is_file() and lines(path) == found:
        return
    text = "".join(
        json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
        for line in found
    )
    part = path.with_name(f".{path.name}{TEMPORARY}")
    part.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    os.replace(part, path)


def read(folder: Path, seed: int) -> _Seed:
    """What is kept of a seed; empty where nothing is."""
    found = _Seed()
    if (folder / RUNS.format(seed)).is_file():
        found.runs.update({line["folder"]: line for line in lines(folder / RUNS.format(seed))})
        ids: list[Any] = []
        for line in lines(folder / ITEMS.format(seed)):
            ids = line.setdefault("ids", ids)
            found.items[line["task"], line["language"], line["folder"]] = line
    return found


def write(folder: Path, seed: int, kept: _Seed) -> None:
    """Write the files of a seed, items first: a seed is there when its runs are."""
    items, before = [], None
    for _, line in sorted(kept.items.items()):
        items.append(
            {name: value for name, value in line.items() if name != "ids" or value != before}
        )
        before = line["ids"]
    write_lines(folder / ITEMS.format(seed), items)
    write_lines(folder / RUNS.format(seed), [line for _, line in sorted(kept.runs.items())])


# ---- packing


def pack(study: Study, folder: Path) -> list[str]:
    """Add the study's finished runs to those that `folder` keeps; returns their names, the new ones
    alone.

    UsageError where none is finished, and where one is another than the run that is kept of its
    name: made with other settings, versions or data, of this or of another seed, or with other
    scores.
    """
    done = [
        found.spec
        for found in results.states(study.specs)
        if found.state == "done" and not isinstance(found.spec, DataSpec)
    ]
    if not done:
        raise UsageError(
            f"{study.name}: no run is finished below {study.root}: xstilts run {study.name}"
        )
    seeds = {
        seed: read(folder, seed) for seed in {*kept_seeds(folder), *(spec.seed for spec in done)}
    }
    known = {
        alike(name): _result_of(line) for kept in seeds.values() for name, line in kept.runs.items()
    }
    # An encoder that is a folder is named as the study's file names it; its fingerprint tells which
    # it is.
    places = {
        "data_root": "",
        "outputs": "outputs",
        "encoder": study_file.read(Path(study.file)).get("encoder", study.encoder),
    }
    added = []
    for spec in done:
        name, result = str(spec.folder.relative_to(study.root)), results.read(spec.folder / RESULT)
        _require_same(known.setdefault(alike(name), result), result, name)
        if name in (kept := seeds[spec.seed]).runs:
            _require_same(_result_of(kept.runs[name]), result, name)
            continue
        kept.runs[name] = _run_line(spec, name, result, places)
        found = [
            _item_line(path, name)
            for path in sorted((spec.folder / _PREDICTIONS).glob(f"*{_ENDING}"))
        ]
        kept.items.update({(line["task"], line["language"], name): line for line in found})
        added.append(name)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, kept in seeds.items():
        write(folder, seed, kept)
    shutil.copyfile(study.file, folder / STUDY)
    return added


def alike(name: str) -> str:
    """What the names of a run's repetitions with other seeds share."""
    return name.rpartition("/")[0]


def _of_seed(made: Identity, seed: int) -> Identity:
    """The identity with this seed throughout."""
    return replace(
        made,
        settings={**made.settings, "seed": seed},
        parents=tuple(parent and _of_seed(parent, seed) for parent in made.parents),
    )


def _require_same(kept: Result, found: Result, name: str) -> None:
    """UsageError where the run that was found is another than the one that is kept, or than that
    one with another seed."""
    before, now = _of_seed(kept.identity, 0), _of_seed(found.identity, 0)
    reason = identity.difference(before, now)
    digests, others = (
        {path: digest for path, (_, _, digest) in made.files.items()} for made in (before, now)
    )
    if not reason and (
        changed := sorted(
            path for path in {*digests, *others} if digests.get(path) != others.get(path)
        )
    ):
        reason = f"made with other rows of {', '.join(changed[:3])}"
    if not reason and kept.spec["seed"] == found.spec["seed"] and kept.scores != found.scores:
        reason = "made with the same settings, and it has other scores"
    if reason:
        one, other = (f"{result.identity.run} of {_made_at(result)}" for result in (kept, found))
        told = reason if reason.startswith(STARTS) else f"it was {reason}"
        raise UsageError(
            f"{name} ({other}) is another run than what is kept ({one}): {told}; nothing was kept"
        )


def _made_at(result: Result) -> str:
    """Where a run was made, in words."""
    made = result.provenance
    return f"commit {made.get('commit', '')[:12] or 'unknown'} on {made.get('device', 'unknown')}"


def _run_line(spec: Spec, name: str, result: Result, places: Mapping[str, str]) -> Line:
    """The line of a run. places: what stands in place of the folders of the machine that made
    it."""
    content = neutral(json.loads(json.dumps(asdict(result))), places)
    log: list[Line] = []
    with suppress(FileNotFoundError):
        for text in (spec.folder / LOG).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # a line that is cut off
                log.append({key: value for key, value in json.loads(text).items() if key in LOGGED})
    return {"folder": name, "result": content, "log": log}


def neutral(content: Any, places: Mapping[str, str]) -> Any:
    """The content with these keys' values in place of those that it has, however deep."""
    if isinstance(content, dict):
        return {
            key: places[key] if key in places else neutral(value, places)
            for key, value in content.items()
        }
    return [neutral(value, places) for value in content] if isinstance(content, list) else content


def _item_line(path: Path, name: str) -> Line:
    """The line of a file of predictions. Whole numbers are written as such."""
    head, *rows = lines(path)
    task, language = path.name.removesuffix(_ENDING).split(".", 1)
    columns = [
        [int(value) if value == int(value) else value for value in column]
        for column in zip(*(row["stats"] for row in rows), strict=True)
    ]
    key = {"folder": name, "task": task, "language": language}
    return {
        **key,
        "columns": head["columns"],
        "metric": head["metric"],
        "ids": [row["id"] for row in rows],
        "stats": columns,
    }


# ---- unpacking


def unpack(study: Study) -> None:
    """Lay the kept runs out in the study's folder, where all that reads runs finds them. Does
    nothing where they lie there already.

    The caller holds the folder. What is missing of a run is missing in its place: predictions have
    no gold answer and no prediction.
    """
    folder = kept_folder(study.reference)
    stamp = digest(folder)
    with suppress(FileNotFoundError):
        if (study.root / _UNPACKED).read_text(encoding="ascii") == stamp:
            return
        for phase in SPECS:
            shutil.rmtree(study.root / phase, ignore_errors=True)
    seeds = {seed: read(folder, seed) for seed in study.seeds}
    for spec in (
        study.specs
    ):  # parents first: a result is not older than those of the runs that it starts from
        if line := seeds[spec.seed].runs.get(str(spec.folder.relative_to(study.root))):
            spec.folder.mkdir(parents=True, exist_ok=True)
            if line["log"]:
                (spec.folder / LOG).write_text(
                    "".join(json.dumps(entry) + "\n" for entry in line["log"]), encoding="utf-8"
                )
            for item in (
                item
                for (_, _, name), item in seeds[spec.seed].items.items()
                if name == line["folder"]
            ):
                _write_items(
                    spec.folder / _PREDICTIONS / f"{item['task']}.{item['language']}{_ENDING}",
                    item,
                    study.reference,
                )
            places = {"study": study.name, "outputs": study.outputs, "encoder": study.encoder}
            content = line["result"]
            told = {
                "spec": {
                    **content["spec"],
                    **{key: value for key, value in places.items() if key in content["spec"]},
                },
                "provenance": {**content["provenance"], REFERENCE: study.reference},
            }
            (spec.folder / RESULT).write_text(
                json.dumps({**content, **told}, indent=1, ensure_ascii=False) + "\n",
                encoding="utf-8",
            )
    results.write_text(study.root / _UNPACKED, stamp)


def digest(folder: Path) -> str:
    """A text that changes with what is kept, and with how it is unpacked."""
    found = hashlib.sha256(b"1")
    for path in [folder / STUDY, *sorted(folder.glob(f"*{_ENDING}"))]:
        found.update(path.read_bytes())
    return found.hexdigest()


def _write_items(path: Path, item: Line, reference: str) -> None:
    """A file of predictions that has statistics alone, and says so in its first line."""
    head = {"columns": item["columns"], "metric": item["metric"], REFERENCE: reference}
    rows = [
        {"id": name, "stats": stats}
        for name, stats in zip(item["ids"], zip(*item["stats"], strict=True), strict=True)
    ]
    path.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *rows))
    path.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=1, mtime=0))


def require_answers(head: Line, path: Path) -> None:
    """UsageError where this first line of a file of predictions says that it has no answers."""
    if kept := head.get(REFERENCE):
        raise UsageError(
            f"{path}: in {kept_folder(kept)} no texts, gold answers or predictions are kept: run that study yourself"
        )


def ready(study: Study) -> Study:
    """The study, its kept runs unpacked if it shows any and nobody is at work on it."""
    if study.reference:
        with held(study.root) as free:
            if free:
                unpack(study)
    return study
