"""Read a task from its original files below a data root, searching the paths of `layouts/`."""

from pathlib import Path

from xstilts_core.data.readers.layout import Layout
from xstilts_core.data.readers.layouts import FILES
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example
from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import LOCAL, TASKS, not_at_source

# Development files are more than this many times as large as test files that hold only a few rows,
# such as the heads of real files.
_SCRAP = 20


def _layouts_of(task: str, split: str, data_root: Path) -> tuple[Layout, ...]:
    """Return the layouts of a task and split. Raise UsageError for an unknown task or split, or a
    data root that is not a folder."""
    if task in TASKS and (reason := not_at_source(TASKS[task], "files")):
        raise UsageError(reason)
    if (task, split) not in FILES:
        splits = {known: [name for owner, name in FILES if owner == known] for known, _ in FILES}
        if task not in splits:
            raise unknown("task", task, splits, "the tasks that are read from files")
        raise unknown("split", split, splits[task], f"the files of {task}")
    if not Path(data_root).is_dir():
        raise UsageError(
            f"the data root {data_root} is not a folder: "
            f"expected one with a folder per task ({task}/ ...)"
        )
    return FILES[task, split]


def available(task: str, split: str, data_root: Path) -> tuple[str, ...]:
    """Return the codes of the languages with labelled files below the data root, in alphabetical
    order."""
    layouts = _layouts_of(task, split, data_root)
    return tuple(
        code for code in LANGUAGES if any(layout.find(code, Path(data_root)) for layout in layouts)
    )


def find_files(task: str, split: str, language: str, data_root: Path) -> list[Path]:
    """Return the labelled files of a task, split and language below the data root, as `read_files`
    reads them; none if there are none."""
    path_lists = (
        layout.find(language, Path(data_root)) for layout in _layouts_of(task, split, data_root)
    )
    return next(filter(None, path_lists), [])


def is_scrap(task: str, code: str, data_root: Path) -> bool:
    """Return whether a language's test files are almost empty: less than a twentieth of its
    development files, which is true of no release."""
    test, dev = (
        sum(path.stat().st_size for path in find_files(task, split, code, data_root))
        for split in ("test", "dev")
    )
    return test * _SCRAP < dev


def read_files(task: str, split: str, language: str, data_root: Path) -> list[Example]:
    """Return all labelled examples of a task, split and language below the data root.

    Raise UsageError with the paths that were searched and the languages that exist, or with the
    file and line that cannot be read.
    """
    layouts = _layouts_of(task, split, data_root)
    for layout in layouts:
        paths = layout.find(language, Path(data_root))
        if paths:
            return list(layout.read(paths, language))
    patterns = [
        pattern
        for layout in layouts
        if not (layout.refusal or layout.requires)
        for pattern in layout.patterns_for(language)
    ]
    present = [
        (str(path), layout.refusal)
        for layout in layouts
        for path in layout.files_of(language, Path(data_root))
    ]
    unlabelled = list(dict.fromkeys(path for path, refusal in present if not refusal))
    verb = "is" if len(unlabelled) == 1 else "are"
    raise UsageError(
        f"no labelled {task} {split} files of language {language!r} below {data_root}: "
        + (
            f"looked for {' or '.join(patterns)}"
            if patterns
            else "the data set names no files of that language"
        )
        + (
            f"; {' and '.join(unlabelled)} {verb} empty or without labels "
            "(XTREME removes the labels of its tests)"
            if unlabelled
            else ""
        )
        + "".join(f"; {path} {refusal}" for path, refusal in present if refusal)
        + f"; languages there: {', '.join(available(task, split, data_root)) or 'none'}"
        + (f". {LOCAL[task]}" if task in LOCAL else "")
    )
