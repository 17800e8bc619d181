"""Pack a study's finished runs for git: all that its reports read, without texts, answers or
models.

A folder of reference/ has two compressed files of JSON lines for each seed:
  seed<k>.runs.jsonl.gz    one line per run: folder, result (its result.json) and log (the part of
                           its training log that reports read)
  seed<k>.items.jsonl.gz   one line per file of predictions: folder, task, language, columns,
                           metric, ids of the items (omitted if equal to those of the line before)
                           and stats, their sufficient statistics, column by column

The folder also has study.yaml, the study's file, and README.md and plain tables made from the files
above (publish/cards.py). A seed that was run on another machine therefore adds files and leaves
the others unchanged, byte for byte.
"""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
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

_ITEMS = "seed{}.items.jsonl.gz"
# The file with the digest of the packed files that a study's folder was unpacked from.
_UNPACKED = ".reference"
_PREDICTIONS = "predictions"
_ENDING = ".jsonl.gz"
Line = dict[str, Any]


def _lines(path: Path) -> list[Line]:
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


def _write_lines(path: Path, lines: list[Line]) -> None:
    """Write the lines atomically, unless the file has them already: another machine's zlib may
    compress the same lines to different bytes."""
    if path.is_file() and _lines(path) == lines:
        return
    text = "".join(
        json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
        for line in lines
    )
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    temporary.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    os.replace(temporary, path)


def _read(folder: Path, seed: int) -> dict[str, Line]:
    """Return the kept runs of a seed by folder below outputs/<study>, each with its `items`."""
    if not (folder / RUNS.format(seed)).is_file():
        return {}
    runs = {line["folder"]: {**line, "items": []} for line in _lines(folder / RUNS.format(seed))}
    ids: list[Any] = []
    for item in _lines(folder / _ITEMS.format(seed)):
        ids = item.setdefault("ids", ids)
        if item["folder"] in runs:
            runs[item["folder"]]["items"].append(item)
    return runs


def _write(folder: Path, seed: int, runs: Mapping[str, Line]) -> None:
    """Write the files of a seed, items first: a seed counts as kept once its runs are."""
    items = sorted(
        (item for line in runs.values() for item in line["items"]),
        key=lambda item: (item["task"], item["language"], item["folder"]),
    )
    previous = [None, *(item["ids"] for item in items)]
    _write_lines(
        folder / _ITEMS.format(seed),
        [
            {name: value for name, value in item.items() if name != "ids" or value != ids}
            for item, ids in zip(items, previous, strict=False)
        ],
    )
    _write_lines(
        folder / RUNS.format(seed),
        [
            {name: value for name, value in line.items() if name != "items"}
            for _, line in sorted(runs.items())
        ],
    )


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
        seed: _read(folder, seed)
        for seed in {*reference_seeds(folder), *(spec.seed for spec in finished)}
    }
    known = {
        name: results.parsed(line["result"], Path(name))
        for runs in seeds.values()
        for name, line in runs.items()
    }
    # A run without the folder of its seed: what the repetitions with other seeds share.
    alike = {name.rpartition("/")[0]: result for name, result in known.items()}
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
        _require_same(alike.setdefault(name.rpartition("/")[0], result), result, name)
        if name in known:
            _require_same(known[name], result, name)
            continue
        seeds[spec.seed][name] = _line(spec, name, result, replacements)
        added.append(name)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, runs in seeds.items():
        _write(folder, seed, runs)
    shutil.copyfile(study.file, folder / STUDY)
    return added


def _of_seed(made: Identity, seed: int) -> Identity:
    """Return the identity with this seed throughout, parents included."""
    return replace(
        made,
        settings={**made.settings, "seed": seed},
        parents=tuple(parent and _of_seed(parent, seed) for parent in made.parents),
    )


def _require_same(kept: Result, result: Result, name: str) -> None:
    """Raise UsageError if a run differs from the kept one, apart from its seed."""
    before, now = (_of_seed(run.identity, 0) for run in (kept, result))
    reason = identity.difference(before, now)
    digests = [
        {(path, digest) for path, (_, _, digest) in made.files.items()} for made in (before, now)
    ]
    if not reason and (changed := sorted({path for path, _ in digests[0] ^ digests[1]})):
        reason = f"made with other rows of {', '.join(changed[:3])}"
    if not reason and kept.spec["seed"] == result.spec["seed"] and kept.scores != result.scores:
        reason = "made with the same settings but has different scores"
    if reason:
        kept_run, run = (
            f"{made.identity.run} of commit {made.provenance.get('commit', '')[:12] or 'unknown'} "
            f"on {made.provenance.get('device', 'unknown')}"
            for made in (kept, result)
        )
        explanation = reason if reason.startswith(STARTS) else f"it was {reason}"
        raise UsageError(
            f"{name} ({run}) differs from the kept run ({kept_run}): {explanation}; "
            "no run was added"
        )


def _line(spec: Spec, name: str, result: Result, replacements: Mapping[str, str]) -> Line:
    """Return the line of a run and those of its items. replacements: what replaces the folders of
    the machine that ran it."""
    log: list[Line] = []
    with suppress(FileNotFoundError):
        for text in (spec.folder / LOG).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the line is truncated
                log.append({key: value for key, value in json.loads(text).items() if key in LOGGED})
    paths = sorted((spec.folder / _PREDICTIONS).glob(f"*{_ENDING}"))
    return {
        "folder": name,
        "result": _neutral(json.loads(results.text(result)), replacements),
        "log": log,
        "items": [_item_line(path, name) for path in paths],
    }


def _neutral(content: Any, replacements: Mapping[str, str]) -> Any:
    """Return the content with the values of these keys replaced at any depth."""
    if isinstance(content, dict):
        return {
            key: replacements.get(key, _neutral(value, replacements))
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [_neutral(value, replacements) for value in content]
    return content


def _item_line(path: Path, name: str) -> Line:
    """Return the line of a file of predictions, with whole numbers as integers."""
    head, *rows = _lines(path)
    task, language = path.name.removesuffix(_ENDING).split(".", 1)
    return {
        "folder": name,
        "task": task,
        "language": language,
        "columns": head["columns"],
        "metric": head["metric"],
        "ids": [row["id"] for row in rows],
        "stats": [
            [int(value) if value == int(value) else value for value in column]
            for column in zip(*(row["stats"] for row in rows), strict=True)
        ],
    }


# ---- unpacking


def unpack(study: Study) -> None:
    """Write the kept runs into the study's folder, where all readers of runs find them. Do nothing
    if they are there already.

    The caller holds the folder's lock. Whatever was not kept of a run stays absent: the files of
    predictions have no gold answers and no predictions.
    """
    folder, stamp = reference_folder(study.reference), study.root / _UNPACKED
    # The digest changes with what is kept and with how it is unpacked.
    digest = hashlib.sha256(b"1")
    for path in [folder / STUDY, *sorted(folder.glob(f"*{_ENDING}"))]:
        digest.update(path.read_bytes())
    if stamp.is_file():
        if stamp.read_text(encoding="ascii") == digest.hexdigest():
            return
        for phase in SPECS:
            shutil.rmtree(study.root / phase, ignore_errors=True)
    seeds = {seed: _read(folder, seed) for seed in study.seeds}
    local = {"study": study.name, "outputs": study.outputs, "encoder": study.encoder}
    # Parents come first, so that no result is older than those of the runs that it starts from.
    for spec in study.specs:
        line = seeds[spec.seed].get(str(spec.folder.relative_to(study.root)))
        if line is None:
            continue
        spec.folder.mkdir(parents=True, exist_ok=True)
        if line["log"]:
            log = "".join(json.dumps(entry) + "\n" for entry in line["log"])
            (spec.folder / LOG).write_text(log, encoding="utf-8")
        for item in line["items"]:
            _write_items(spec.folder / _PREDICTIONS, item, study.reference)
        content = line["result"]
        content["spec"] |= {key: local[key] for key in content["spec"].keys() & local.keys()}
        content["provenance"][REFERENCE] = study.reference
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (spec.folder / RESULT).write_text(text, encoding="utf-8")
    results.write_text(stamp, digest.hexdigest())


def _write_items(folder: Path, item: Line, reference: str) -> None:
    """Write a file of predictions that has only statistics, as its first line states."""
    head = {"columns": item["columns"], "metric": item["metric"], REFERENCE: reference}
    rows = (
        {"id": name, "stats": stats}
        for name, stats in zip(item["ids"], zip(*item["stats"], strict=True), strict=True)
    )
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *rows))
    folder.mkdir(exist_ok=True)
    (folder / f"{item['task']}.{item['language']}{_ENDING}").write_bytes(
        gzip.compress(text.encode("utf-8"), compresslevel=1, mtime=0)
    )


def ready(study: Study) -> Study:
    """Return the study, after unpacking its kept runs if it has any and no other process holds its
    folder."""
    if study.reference:
        with held(study.root) as acquired:
            if acquired:
                unpack(study)
    return study
