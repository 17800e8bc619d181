"""`xstilts tasks`, `data` and `notebook`: list tasks, print examples, run a single notebook."""

import argparse
import json
import sys
from dataclasses import asdict

from xstilts_core.commands.places import place
from xstilts_core.errors import UsageError

PLACES = ("study", "outputs", "data_root", "encoder", "folder")


def tasks(options: argparse.Namespace) -> int:
    from xstilts_core.publish import task_table

    if options.json:
        print(json.dumps(task_table.task_rows(), indent=1, ensure_ascii=False))
    else:
        print(task_table.markdown() if options.markdown else task_table.terminal_table())
    return 0


def data(options: argparse.Namespace) -> int:
    from xstilts_core.data.source import find_source
    from xstilts_core.languages import language
    from xstilts_core.tasks import task

    if options.limit < 0:
        raise UsageError(f"--limit {options.limit}: give 1 or more, or 0 for all")
    task(options.task, "xstilts data")
    language(options.language)
    source = find_source(options.source, place(options.data_root))
    examples = source.load(options.task, options.split, options.language)
    for example in examples[: options.limit or None]:
        print(json.dumps(asdict(example), ensure_ascii=False))
    return 0


def notebook(options: argparse.Namespace) -> int:
    from xstilts_core.files.strict_yaml import load
    from xstilts_core.jobs.notebook import NotebookFailure
    from xstilts_core.jobs.runner import run_by_hand

    if options.threads < 0:
        raise UsageError(
            f"--threads {options.threads}: give 1 or more, or leave it out for one per core"
        )

    def value(key: str, text: str) -> object:
        """Parse `text` as YAML, but an unquoted path literally: YAML reads "a #1" as "a"."""
        return text if key in PLACES and text[:1] not in "\"'" else load(text, f"-p {key} {text}")

    parameters = {key: value(key, text) for key, text in options.parameters}
    try:
        print(run_by_hand(options.name, parameters, options.output, options.threads))
    except NotebookFailure as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0
