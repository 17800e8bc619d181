"""`xstilts export`, `card`, `reference`, `score` and `submission`: share the models and scores of a
run or a study, and compute a benchmark's official scores."""

import argparse
import json
from pathlib import Path
from typing import Any

from xstilts_core.commands.places import load, place, require_folder
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded

CARD = "README.md"
_PRINTED = "-"


def _named_study(options: argparse.Namespace) -> Any:
    """Return the named study; None if the name is a run's, that is its folder or a path of several
    parts that is not a YAML file."""
    from xstilts_core.results import RESULT
    from xstilts_core.study import Study
    from xstilts_core.study.study_file import studies

    name = options.run
    if (expanded(name) / RESULT).is_file():
        return None
    if Path(name).suffix in (".yaml", ".yml") or name in studies() or len(Path(name).parts) < 2:
        study = Study.load(name, place(options.outputs))
        require_folder(options.outputs, study.root)
        return study
    return None


def card(options: argparse.Namespace) -> int:
    from xstilts_core.publish import cards, records

    study = _named_study(options)
    run = None if study else records.find(options.run, place(options.outputs))
    text = str(cards.study_card(study) if study else cards.model_card(run))
    if options.out == _PRINTED:
        print(text, end="")
        return 0
    path = expanded(options.out) if options.out else (study.root if study else run.folder) / CARD
    if path.is_dir():
        path /= CARD
    if path.is_file() and path.read_text(encoding="utf-8") != text and not options.force:
        raise UsageError(
            f"{path} exists with other content: --force overwrites it, --out FILE writes elsewhere"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(path)
    return 0


def export(options: argparse.Namespace) -> int:
    from xstilts_core.publish import cards, records, upload
    from xstilts_core.publish.export import export as write_encoder

    out, repository = expanded(options.dir), options.push_to_hub
    if options.public and not repository:
        raise UsageError("--public has no effect without --push-to-hub OWNER/NAME")
    if repository:
        upload.writer(repository)
    study = _named_study(options)
    if study:
        cards.export_study(study, out)
        name = study.name
    else:
        run = records.find(options.run, place(options.outputs))
        write_encoder(run, out)
        name = run.name
    print(f"{name}: {', '.join(sorted(path.name for path in out.iterdir()))} in {out}")
    if repository:
        kind, message = "dataset" if study else "model", f"{name}, exported by xstilts"
        try:
            commit = upload.send(out, repository, kind, message, options.public)
        except UsageError as error:
            private = "" if options.public else " --private"
            raise UsageError(
                f"{error}. {out} is complete and can be uploaded later: "
                f"hf upload {repository} {out} --repo-type {kind}{private}"
            ) from None
        visibility = "private" if commit.private else "public"
        print(f"{commit.address} ({visibility}), commit {commit.commit[:12]}")
    return 0


def reference(options: argparse.Namespace) -> int:
    """Add a study's finished runs to a folder that is small enough for git."""
    from xstilts_core.files import disk
    from xstilts_core.jobs import kept_runs
    from xstilts_core.publish import cards

    study = load(options)
    if not study.specs or study.reference:
        raise UsageError(f"{study.file}: the study has no runs of its own to keep")
    folder = expanded(options.out) / study.name
    added = kept_runs.pack(study, folder)
    kept_study = cards.write_tables(folder)
    seeds = ", ".join(map(str, kept_study.seeds))
    print(
        f"{folder}: {len(added)} runs added; seeds {seeds}; "
        f"{disk.size(folder) / disk.MEGABYTE:.1f} MB"
    )
    return 0


def score(options: argparse.Namespace) -> int:
    from xstilts_core.publish.xtreme import RULES, scores

    rules = RULES[options.benchmark]
    report = scores.score(rules, expanded(options.predictions), expanded(options.labels))
    print(
        json.dumps(report, indent=1, ensure_ascii=False)
        if options.json
        else scores.table(report, rules)
    )
    return 0


def submission(options: argparse.Namespace) -> int:
    from xstilts_core.publish.xtreme import RULES
    from xstilts_core.publish.xtreme.submission import cautions, write_submission

    study, out = load(options), expanded(options.out)
    study.require_runs()
    parts = write_submission(study, out, options.recipe, options.seed, options.partial)
    written_parts = [part for part in parts if part.files]
    width = max(len(part.task) for part in written_parts)
    for part in written_parts:
        print(
            f"{part.task:<{width}}  {len(part.files):>2} languages  "
            f"{part.spec.folder.relative_to(study.root)}"
        )
    for sentence in cautions(parts):
        print(f"note: {sentence}")
    count = sum(len(part.files) for part in written_parts)
    print(
        f"{count} files of {RULES[study.benchmark].title} in {out}, "
        "each read back as xstilts score reads it"
    )
    return 0
