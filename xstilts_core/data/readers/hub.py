"""Examples of the data sets on the Hugging Face hub, through its own client: `read_hub(task, split,
language)`.

Each data set is read at the commit that the lock names (hub_lock), from files that are what they
were when it was locked (hub_client). HF_ENDPOINT names another hub, HF_HUB_OFFLINE=1 reads what
earlier runs left in the local cache, HF_HOME says where that is. What a data set lacks
(configuration, split, column, class names) is told in one sentence (UsageError).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts_core.data import hub_client
from xstilts_core.data.hub_lock import Repository
from xstilts_core.data.readers.rows import SHAPES, Rows
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example
from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import (
    ADDED,
    CONVERTED,
    HUB,
    LOCAL,
    LOCAL_ADDED,
    TEXTS,
    HubData,
    not_at_source,
    task,
)

if TYPE_CHECKING:
    from datasets import Dataset

CARD = "README.md"


def hub_data(name: str, code: str = "en") -> HubData:
    """Where a task's data in a language stand on the hub; UsageError with the reason, or the tasks
    that are there."""
    if reason := not_at_source(task(name), "hub"):
        raise UsageError(reason)
    added = code in task(name).added
    reason = LOCAL.get(name) or (LOCAL_ADDED.get(name) if added else None)
    if reason:
        place = f" in {code}" if name not in LOCAL else ""
        raise UsageError(
            f"{name}{place} cannot be read from the hub: {reason} (give data_root: --data-root DIR)"
        )
    if name not in HUB:
        raise unknown("task", name, HUB, "the tasks that are read from the hub")
    return ADDED[name] if added else HUB[name]


def hub_languages(name: str, split: str) -> tuple[str, ...]:
    """Languages for which the hub has labelled data of a task and split, those that XTREME-R added
    at the end. Asks nobody."""
    entry = task(name)
    added = ADDED[name].languages(split, entry.added) if name in ADDED else ()
    return (*hub_data(name).languages(split, entry.languages), *added)


def read_hub(name: str, split: str, code: str) -> list[Example]:
    """All labelled examples of a task, split and language. UsageError naming the data set and what
    is wrong with it."""
    source = hub_data(name, code)
    legal = hub_languages(name, split)
    if split not in source.splits:
        raise unknown("split", split, source.splits, f"{name} on the hub ({source.dataset})")
    if code not in legal:
        raise unknown("language", code, legal, f"{name} {split} on the hub ({source.dataset})")
    config = source.configuration(split, code)
    parts = [_rows_of(name, source, config, part) for part in source.splits[split]]
    if source.by_language:
        parts = [_of_language(part, code) for part in parts]
    return SHAPES[source.shape](parts, task(name), code)


def read_hub_texts(code: str) -> list[str]:
    """The first paragraph of every Wikipedia article that the hub has of a language in its first
    file, in the file's order."""
    found = _rows_of("mlm", TEXTS, TEXTS.configuration("train", code), "train")
    paragraphs = (
        next((line for line in text.split("\n") if line.strip()), "")
        for text in found.values["text"]
    )
    return [text for text in paragraphs if text]


def _rows_of(name: str, source: HubData, config: str, split: str) -> Rows:
    """The columns of one split, and the names of its classes."""
    found = fetch(name, source, config, split)
    place = f"{source.dataset}, configuration {config}, split {split}"
    for column in source.columns:
        if column not in found.column_names:
            raise unknown("column", column, found.column_names, place)
    table = found.select_columns(list(source.columns))
    classes = {column: _class_names(table.features[column]) for column in source.columns}
    classes[source.columns[-1]] = classes[source.columns[-1]] or source.names
    return Rows(place, list(source.columns), table[:], classes, dict(source.classes))


def fetch(name: str, source: HubData, config: str, split: str) -> "Dataset":
    """The data set's split at its locked commit: downloaded once, kept in the client's cache,
    checked whenever it is loaded."""
    from datasets import Dataset

    repository = Repository.of(source)
    wanted = f"{name}: data set {source.dataset}, configuration {config}, split {split}"
    got = hub_client.fetch(
        repository,
        (config, split),
        lambda commit: _split_files(source, config, split, commit, wanted),
        wanted,
    )
    table = parquet([path for file, path in got.paths.items() if file != CARD], wanted)
    hub_client.keep(repository, (config, split), got, table.num_rows)
    return (
        Dataset(table).cast(_card_features(got.paths[CARD])[config].features)
        if CARD in got.paths
        else Dataset(table)
    )


def parquet(paths: Sequence[Path], wanted: str) -> Any:
    """The rows of the files, one after another, as a table that datasets takes."""
    from datasets.table import InMemoryTable, concat_tables
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    try:
        return concat_tables([InMemoryTable(read_table(path)) for path in paths])
    except (ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{wanted}: no parquet table: {' '.join(str(error).split())}") from None


def _split_files(source: HubData, config: str, split: str, commit: str, wanted: str) -> list[str]:
    """The parquet files of a split at a commit, and the card where they do not say the names of
    their classes themselves."""
    repository = Repository.of(source)
    with hub_client.asking(wanted, repository, commit):
        names = (
            _converted_files(repository, f"{config}/{split}", commit)
            if repository.branch == CONVERTED
            else []
        )
        names = names or _declared_files(repository, config, split, commit, wanted)
    names = names[:1] if source.first_file else names
    for name in names:
        if not name.endswith(".parquet"):
            raise UsageError(
                f"{wanted} cannot be loaded from the hub: {name} is no parquet file, and nothing else is read from there"
            )
    if _has_features(hub_client.file(repository, names[0], commit, wanted), wanted):
        return names
    card = hub_client.cached(repository, CARD, commit)
    said = _card_features(card).get(config) if card else None
    return [*names, CARD] if said and said.features else names


def _converted_files(repository: Repository, folder: str, commit: str) -> list[str]:
    """The files of a split on the branch of the hub's own parquet copies: a folder for each
    configuration, in it one for each split."""
    from huggingface_hub import HfApi

    found = HfApi().list_repo_tree(
        repository.name, folder, repo_type=repository.kind, revision=commit
    )
    return [entry.path for entry in found if entry.path.endswith(".parquet")]


def _declared_files(
    repository: Repository, config: str, split: str, commit: str, wanted: str
) -> list[str]:
    """The files of a split as the data set's card, or the names of its folders, declare them."""
    import datasets

    with quiet():
        builder = datasets.load_dataset_builder(repository.name, config, revision=commit)
    files = builder.config.data_files or {}
    if split not in files:
        raise unknown("split", split, files, f"{wanted} on the hub")
    return [path.partition(f"@{commit}/")[2] for path in files[split]]


@contextmanager
def quiet() -> Iterator[None]:
    """Without the client's progress bars."""
    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _has_features(path: Path, wanted: str) -> bool:
    """Whether a parquet file carries the client's own description of its columns, names of classes
    among it."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        return b"huggingface" in (read_schema(path).metadata or {})
    except (ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{wanted}: {path.name} is no parquet table: {' '.join(str(error).split())}"
        ) from None


@lru_cache(maxsize=1)
def _card_features(card: Path) -> Any:
    """What a data set's card says of the columns, by configuration."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCard

    return DatasetInfosDict.from_dataset_card_data(DatasetCard.load(card).data)


def _class_names(feature: object) -> tuple[str, ...]:
    """The names of the classes of a column, or of the lists in it; none where it holds texts or
    bare numbers."""
    return tuple(getattr(getattr(feature, "feature", feature), "names", None) or ())


def _of_language(rows: Rows, code: str) -> Rows:
    """The rows whose id begins with the language's English name: "finnish-7633091408814529542-0"
    (TyDiQA)."""
    prefix = f"{LANGUAGES[code].name.lower()}-"
    kept: Sequence[int] = [
        position
        for position, name in enumerate(rows.values["id"])
        if name.lower().startswith(prefix)
    ]
    if not kept:
        beginnings = sorted({str(name).partition("-")[0] for name in rows.values["id"]})
        raise UsageError(
            f"{rows.place}: no id begins with {prefix!r}: expected ids that name the language; found {', '.join(beginnings)}"
        )
    return rows.select(kept)
