"""`xstilts init`, `tasks`, `data` and `notebook`: begin a project, list tasks, print examples, run
a single notebook."""

import argparse
import json
import sys
from dataclasses import asdict

from xstilts_core.commands.places import place
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded
from xstilts_core.files.project import lay_out

PLACES = ("study", "outputs", "data_root", "encoder", "folder")


def init(options: argparse.Namespace) -> int:
    folder = expanded(options.dir)
    written, different = lay_out(folder)
    for path in different:
        print(f"left as it is: {folder / path} (its content differs from this version's)")
    print(f"{len(written)} files written to {folder}")
    print(f"next: cd {folder} && xstilts check quick && xstilts run quick")
    return 0


def tasks(options: argparse.Namespace) -> int:
    from xstilts_core.publish import task_table

    if options.json:
        print(json.dumps(task_table.task_rows(), indent=1, ensure_ascii=False))
    else:
        print(task_table.tasks_page("tasks.md.j2" if options.markdown else "tasks.txt.j2"))
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
