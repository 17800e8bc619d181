"""Read examples of the data sets on the Hugging Face hub, through its own client: `read_hub(task,
split, language)`.

Each data set is read at the commit that the lock names, from files checked against the lock
(hub_client). HF_ENDPOINT names another hub, HF_HUB_OFFLINE=1 reads only the local cache of
earlier runs, HF_HOME is the folder of that cache. Whatever a data set lacks (configuration, split,
column, class names) is reported in one sentence (UsageError).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts_core.data import hub_client
from xstilts_core.data.hub_client import Repository
from xstilts_core.data.readers.shapes import (
    SHAPES,
    Row,
    both_sides,
    numbered,
    numbered_repeats,
    of_language,
)
from xstilts_core.data.readers.spans import by_sentence
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import Example
from xstilts_core.languages import language
from xstilts_core.tasks import (
    ADDED,
    CONVERTED,
    HUB,
    LOCAL,
    LOCAL_ADDED,
    TASKS,
    TEXTS,
    HubData,
    not_at_source,
    task,
)

if TYPE_CHECKING:
    from datasets import Dataset

CARD = "README.md"


def hub_data(name: str, code: str = "en") -> HubData:
    """Return the hub's location of a task's data in a language. Raise UsageError with the reason
    why it has none, or with the tasks it has."""
    if reason := not_at_source(task(name), "hub"):
        raise UsageError(reason)
    added = code in task(name).added
    reason = LOCAL.get(name) or (LOCAL_ADDED.get(name) if added else None)
    if reason:
        in_language = f" in {code}" if name not in LOCAL else ""
        raise UsageError(
            f"{name}{in_language} cannot be read from the hub: {reason} "
            "(give data_root: --data-root DIR)"
        )
    if name not in HUB:
        raise unknown("task", name, HUB, "the tasks that are read from the hub")
    return ADDED[name] if added else HUB[name]


def hub_languages(name: str, split: str) -> tuple[str, ...]:
    """Return the languages for which the hub has labelled data of a task and split, XTREME-R's
    additions last. No request is made."""
    entry = task(name)
    added = ADDED[name].languages(split, entry.added) if name in ADDED else ()
    return (*hub_data(name).languages(split, entry.languages), *added)


def read_hub(name: str, split: str, code: str) -> list[Example]:
    """Return all labelled examples of a task, split and language. Raise UsageError with the data
    set and what is wrong with it."""
    source = hub_data(name, code)
    legal = hub_languages(name, split)
    if split not in source.splits:
        raise unknown("split", split, source.splits, f"{name} on the hub ({source.dataset})")
    if code not in legal:
        raise unknown("language", code, legal, f"{name} {split} on the hub ({source.dataset})")
    config = source.configuration(split, code)
    rows: Iterable[Row] = chain.from_iterable(
        _table_rows(name, source, config, part) for part in source.splits[split]
    )
    if source.by_language:
        rows = list(rows)
        rows = of_language(rows, [row.get("id") for row in rows], code, source.dataset)
    return examples_of(name, source, rows, code)


def read_hub_texts(code: str) -> list[str]:
    """Return the first paragraph of every Wikipedia article in the hub's first file of a language,
    in the file's order."""
    articles = _table_rows("mlm", TEXTS, TEXTS.configuration("train", code), "train")
    paragraphs = (
        next((line for line in row.get("text").split("\n") if line.strip()), "") for row in articles
    )
    return [text for text in paragraphs if text]


def examples_of(name: str, source: HubData, rows: Iterable[Row], code: str) -> list[Example]:
    """Return the examples that the shape of a task's data set makes of its rows."""
    if source.shape == "translations":
        return _translations(rows, source.columns, code)
    options = {"unanswerable": True} if task(name).scoring == "squad_v2" else {}
    examples: Any = (SHAPES[source.shape](row, *source.columns, **options) for row in rows)
    if source.shape == "span":
        return numbered_repeats(list(examples))
    if source.shape == "answer_sentences":
        return by_sentence(numbered_repeats(list(examples)))
    return numbered(examples)


def _translations(rows: Iterable[Row], columns: Sequence[str], code: str) -> list[Example]:
    """Read the columns sentence, English sentence and, if a data set has them, both language
    codes."""
    pairs, expected = [], [language(code).tatoeba, "eng"]
    for row in rows:
        if (codes := [row.get(name) for name in columns[2:]]) and codes != expected:
            raise row.wrong(
                f"languages {' and '.join(codes)}: expected {' and '.join(map(str, expected))}"
            )
        pairs.append([row.text(name) for name in columns[:2]])
        if not all(pairs[-1]):
            raise row.wrong("blank: expected a sentence on both sides")
    return list(both_sides(code, list(zip(*pairs, strict=True))))


def _table_rows(name: str, source: HubData, config: str, split: str) -> Iterator[Row]:
    """Return the rows of one split."""
    dataset = fetch(name, source, config, split)
    origin = f"{source.dataset}, configuration {config}, split {split}"
    for column in source.columns:
        if column not in dataset.column_names:
            raise unknown("column", column, dataset.column_names, origin)
    table = dataset.select_columns(list(source.columns))
    feature = table.features[source.columns[-1]]
    # The classes of a column, or of the lists in it; none if it holds texts or plain numbers.
    classes = getattr(getattr(feature, "feature", feature), "names", None) or ()
    return rows_of(name, source, origin, table.to_list(), classes)


def rows_of(
    name: str,
    source: HubData,
    origin: str,
    table: Iterable[Mapping[str, Any]],
    classes: Sequence[str] = (),
) -> Iterator[Row]:
    """Yield the rows of a table. classes: the names of the label's classes.

    Raise UsageError if the classes have no names, or names that the task does not know: the order
    of classes is never guessed.
    """
    column, legal = source.columns[-1], task(name).labels if name in TASKS else ()
    names = [source.classes.get(label, label) for label in classes or source.names]
    for label in names:
        if legal and label not in legal:
            raise unknown("class", label, legal, f"{origin}, column {column}")
    labels: dict[str, str | None] = {label: label for label in legal} | dict(source.classes)
    labels |= {str(number): label for number, label in enumerate(names)}
    if source.shape == "pair":
        labels["-1"] = None
    for number, values in enumerate(table, start=1):
        row, label = Row(f"{origin}, row {number}", values, labels), values[column]
        if legal and not names and isinstance(label, int) and label >= 0:
            raise row.wrong(
                f"{column} is {label!r} and the data set names no classes: "
                f"expected {', '.join(legal)} by name"
            )
        yield row


def fetch(name: str, source: HubData, config: str, split: str) -> "Dataset":
    """Return the data set's split at its locked commit: downloaded once, kept in the client's
    cache, checked at every load."""
    from datasets import Dataset
    from datasets.table import InMemoryTable, concat_tables

    repository = Repository.of(source)
    subject = f"{name}: data set {source.dataset}, configuration {config}, split {split}"
    snapshot = hub_client.fetch(
        repository,
        (config, split),
        lambda commit: _split_files(source, config, split, commit, subject),
        subject,
    )
    files = [path for file, path in snapshot.paths.items() if file != CARD]
    table = concat_tables([InMemoryTable(_parquet(path, subject)) for path in files])
    hub_client.lock(repository, (config, split), snapshot, table.num_rows)
    dataset, card = Dataset(table), snapshot.paths.get(CARD)
    return dataset.cast(_card_features(card)[config].features) if card else dataset


def _parquet(path: Path, subject: str, *, schema: bool = False) -> Any:
    """Return the table in a parquet file, or its schema. Raise UsageError if it is none."""
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_schema(path) if schema else parquet.read_table(path)
    except (ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{subject}: {path.name} is not a parquet table: {hub_client.one_line(error)}"
        ) from None


def _split_files(source: HubData, config: str, split: str, commit: str, subject: str) -> list[str]:
    """Return the parquet files of a split at a commit, and the card if they do not contain the
    class names themselves."""
    import datasets

    datasets.disable_progress_bars()
    repository = Repository.of(source)
    # The hub's own parquet copies have a folder per configuration, and in it one per split. Other
    # data sets declare their files by their card or folder names.
    part = (
        {"data_files": {split: f"{config}/{split}/*.parquet"}}
        if repository.branch == CONVERTED
        else {"name": config}
    )
    with hub_client.request(subject, repository, commit):
        builder = datasets.load_dataset_builder(repository.name, revision=commit, **part)
        if split not in (files := builder.config.data_files or {}):
            raise unknown("split", split, files, f"{subject} on the hub")
    names = [path.partition(f"@{commit}/")[2] for path in files[split]]
    names = names[:1] if source.first_file else names
    for name in names:
        if not name.endswith(".parquet"):
            raise UsageError(
                f"{subject} cannot be loaded from the hub: {name} is not a parquet file, "
                "and no other format is read from the hub"
            )
    first = hub_client.fetch_file(repository, names[0], commit, subject)
    # The client's own description of the columns, with the class names.
    if b"huggingface" in (_parquet(first, subject, schema=True).metadata or {}):
        return names
    card = hub_client.cached_path(repository, CARD, commit)
    declared = _card_features(card).get(config) if card else None
    return [*names, CARD] if declared and declared.features else names


@lru_cache(maxsize=1)
def _card_features(card: Path) -> Any:
    """Return a data set card's description of the columns, by configuration."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCard

    return DatasetInfosDict.from_dataset_card_data(DatasetCard.load(card).data)
