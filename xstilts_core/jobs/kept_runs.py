"""Pack a study's finished runs for git: all that its reports read, without texts, answers or
models.

A folder of reference/ has two compressed files of JSON lines for each seed:
  seed<k>.runs.jsonl.gz    one line per run: folder, result (its result.json) and log (the part of
                           its training log that reports read)
  seed<k>.items.jsonl.gz   one line per file of predictions: folder, task, language, columns,
                           metric, ids of the items (omitted if equal to those of the line before)
                           and stats, their sufficient statistics, column by column

The folder also has study.yaml, the study's file, and README.md and plain tables made from the files
above (cards.reference_card). A seed that was run on another machine therefore adds files and leaves
the others unchanged, byte for byte.
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
from xstilts_core.results import LOG, LOGGED, REFERENCE, RESULT, Result
from xstilts_core.study import Study, identity, study_file
from xstilts_core.study.identity import STARTS, Identity
from xstilts_core.study.spec import SPECS, DataSpec, Spec
from xstilts_core.study.study_kinds import RUNS, STUDY, reference_folder, reference_seeds

ITEMS = "seed{}.items.jsonl.gz"
# The file with the digest of the packed files that a study's folder was unpacked from.
_UNPACKED = ".reference"
_PREDICTIONS = "predictions"
_ENDING = ".jsonl.gz"
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Seed:
    """The kept runs of a seed. runs: line by folder below outputs/<study>. items: line by (task,
    language, folder)."""

    runs: dict[str, Line] = field(default_factory=dict)
    items: dict[tuple[str, str, str], Line] = field(default_factory=dict)


def _result_of(line: Line) -> Result:
    """Return the result of a kept run."""
    return results.parsed(line["result"], Path(line["folder"]))


def lines(path: Path) -> list[Line]:
    """Return the lines of a compressed file of JSON lines; raise UsageError if the file is not
    one."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read ({type(error).__name__}: {error}): "
            "restore it from git, or create it again"
        ) from None


def write_lines(path: Path, found: list[Line]) -> None:
    """Write the lines atomically, unless the file has them already: another machine's zlib may
    compress the same lines to different bytes."""
    if path.is_file() and lines(path) == found:
        return
    text = "".join(
        json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
        for line in found
    )
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    temporary.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    os.replace(temporary, path)


def read(folder: Path, seed: int) -> _Seed:
    """Return what is kept of a seed, or an empty `_Seed`."""
    kept = _Seed()
    if (folder / RUNS.format(seed)).is_file():
        kept.runs.update({line["folder"]: line for line in lines(folder / RUNS.format(seed))})
        ids: list[Any] = []
        for line in lines(folder / ITEMS.format(seed)):
            ids = line.setdefault("ids", ids)
            kept.items[line["task"], line["language"], line["folder"]] = line
    return kept


def write(folder: Path, seed: int, kept: _Seed) -> None:
    """Write the files of a seed, items first: a seed counts as kept once its runs are."""
    items, previous_ids = [], None
    for _, line in sorted(kept.items.items()):
        items.append(
            {name: value for name, value in line.items() if name != "ids" or value != previous_ids}
        )
        previous_ids = line["ids"]
    write_lines(folder / ITEMS.format(seed), items)
    write_lines(folder / RUNS.format(seed), [line for _, line in sorted(kept.runs.items())])


# ---- packing


def pack(study: Study, folder: Path) -> list[str]:
    """Add the study's finished runs to those that `folder` keeps; return the names of the new ones.

    Raise UsageError if no run is finished, or if a run differs from the kept run of the same name:
    in settings, versions or data (whatever the seed), or in its scores.
    """
    finished = [
        state.spec
        for state in results.states(study.specs)
        if state.state == "done" and not isinstance(state.spec, DataSpec)
    ]
    if not finished:
        raise UsageError(
            f"{study.name}: no run is finished below {study.root}: xstilts run {study.name}"
        )
    seeds = {
        seed: read(folder, seed)
        for seed in {*reference_seeds(folder), *(spec.seed for spec in finished)}
    }
    known_results = {
        alike(name): _result_of(line) for kept in seeds.values() for name, line in kept.runs.items()
    }
    # An encoder in a local folder keeps its name from the study's file; its fingerprint identifies
    # it.
    replacements = {
        "data_root": "",
        "outputs": "outputs",
        "encoder": study_file.read(Path(study.file)).get("encoder", study.encoder),
    }
    added = []
    for spec in finished:
        name, result = str(spec.folder.relative_to(study.root)), results.read(spec.folder / RESULT)
        _require_same(known_results.setdefault(alike(name), result), result, name)
        if name in (kept := seeds[spec.seed]).runs:
            _require_same(_result_of(kept.runs[name]), result, name)
            continue
        kept.runs[name] = _run_line(spec, name, result, replacements)
        new_items = [
            _item_line(path, name)
            for path in sorted((spec.folder / _PREDICTIONS).glob(f"*{_ENDING}"))
        ]
        kept.items.update({(line["task"], line["language"], name): line for line in new_items})
        added.append(name)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, kept in seeds.items():
        write(folder, seed, kept)
    shutil.copyfile(study.file, folder / STUDY)
    return added


def alike(name: str) -> str:
    """Return the part of a run's name that its repetitions with other seeds share."""
    return name.rpartition("/")[0]


def _of_seed(made: Identity, seed: int) -> Identity:
    """Return the identity with this seed throughout, parents included."""
    return replace(
        made,
        settings={**made.settings, "seed": seed},
        parents=tuple(parent and _of_seed(parent, seed) for parent in made.parents),
    )


def _require_same(kept: Result, found: Result, name: str) -> None:
    """Raise UsageError if the run that was found differs from the kept one, apart from its seed."""
    kept_identity, found_identity = _of_seed(kept.identity, 0), _of_seed(found.identity, 0)
    reason = identity.difference(kept_identity, found_identity)
    kept_digests, found_digests = (
        {path: digest for path, (_, _, digest) in made.files.items()}
        for made in (kept_identity, found_identity)
    )
    if not reason and (
        changed := sorted(
            path
            for path in {*kept_digests, *found_digests}
            if kept_digests.get(path) != found_digests.get(path)
        )
    ):
        reason = f"made with other rows of {', '.join(changed[:3])}"
    if not reason and kept.spec["seed"] == found.spec["seed"] and kept.scores != found.scores:
        reason = "made with the same settings but has different scores"
    if reason:
        kept_run, found_run = (
            f"{result.identity.run} of {_made_at(result)}" for result in (kept, found)
        )
        explanation = reason if reason.startswith(STARTS) else f"it was {reason}"
        raise UsageError(
            f"{name} ({found_run}) differs from the kept run ({kept_run}): {explanation}; "
            "no run was added"
        )


def _made_at(result: Result) -> str:
    """Return commit and device of a run, in words."""
    facts = result.provenance
    return f"commit {facts.get('commit', '')[:12] or 'unknown'} on {facts.get('device', 'unknown')}"


def _run_line(spec: Spec, name: str, result: Result, places: Mapping[str, str]) -> Line:
    """Return the line of a run. places: what replaces the folders of the machine that ran it."""
    content = neutral(json.loads(json.dumps(asdict(result))), places)
    log: list[Line] = []
    with suppress(FileNotFoundError):
        for text in (spec.folder / LOG).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the line is truncated
                log.append({key: value for key, value in json.loads(text).items() if key in LOGGED})
    return {"folder": name, "result": content, "log": log}


def neutral(content: Any, places: Mapping[str, str]) -> Any:
    """Return the content with the values of these keys replaced at any depth."""
    if isinstance(content, dict):
        return {
            key: places[key] if key in places else neutral(value, places)
            for key, value in content.items()
        }
    return [neutral(value, places) for value in content] if isinstance(content, list) else content


def _item_line(path: Path, name: str) -> Line:
    """Return the line of a file of predictions, with whole numbers as integers."""
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
    """Write the kept runs into the study's folder, where all readers of runs find them. Do nothing
    if they are there already.

    The caller holds the folder's lock. Whatever was not kept of a run stays absent: the files of
    predictions have no gold answers and no predictions.
    """
    folder = reference_folder(study.reference)
    stamp = digest(folder)
    with suppress(FileNotFoundError):
        if (study.root / _UNPACKED).read_text(encoding="ascii") == stamp:
            return
        for phase in SPECS:
            shutil.rmtree(study.root / phase, ignore_errors=True)
    seeds = {seed: read(folder, seed) for seed in study.seeds}
    # Parents come first, so that no result is older than those of the runs that it starts from.
    for spec in study.specs:
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
            local_values = {"study": study.name, "outputs": study.outputs, "encoder": study.encoder}
            content = line["result"]
            local_parts = {
                "spec": {
                    **content["spec"],
                    **{key: value for key, value in local_values.items() if key in content["spec"]},
                },
                "provenance": {**content["provenance"], REFERENCE: study.reference},
            }
            (spec.folder / RESULT).write_text(
                json.dumps({**content, **local_parts}, indent=1, ensure_ascii=False) + "\n",
                encoding="utf-8",
            )
    results.write_text(study.root / _UNPACKED, stamp)


def digest(folder: Path) -> str:
    """Return a digest that changes with what is kept and with how it is unpacked."""
    hasher = hashlib.sha256(b"1")
    for path in [folder / STUDY, *sorted(folder.glob(f"*{_ENDING}"))]:
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def _write_items(path: Path, item: Line, reference: str) -> None:
    """Write a file of predictions that has only statistics, as its first line states."""
    head = {"columns": item["columns"], "metric": item["metric"], REFERENCE: reference}
    rows = [
        {"id": name, "stats": stats}
        for name, stats in zip(item["ids"], zip(*item["stats"], strict=True), strict=True)
    ]
    path.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *rows))
    path.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=1, mtime=0))


def ready(study: Study) -> Study:
    """Return the study, after unpacking its kept runs if it has any and no other process holds its
    folder."""
    if study.reference:
        with held(study.root) as acquired:
            if acquired:
                unpack(study)
    return study
