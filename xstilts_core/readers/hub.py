"""Examples of the data sets on the Hugging Face hub, through its own client: `read_hub(task, split, language)`.

HF_ENDPOINT names another hub, HF_HUB_OFFLINE=1 reads what earlier runs left in the local cache, HF_HOME says where that is. What a
data set lacks (configuration, split, column, class names) is told in one sentence (UsageError).
"""

import functools
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xstilts_core.examples import Example
from xstilts_core.languages import LANGUAGES, language
from xstilts_core.names import UsageError, unknown
from xstilts_core.readers.rows import SHAPES, Rows
from xstilts_core.tasks import HUB, LOCAL, HubData, task

if TYPE_CHECKING:
    from datasets import Dataset

TIMEOUT_SECONDS = 10
SHOWN = 300


@functools.lru_cache(maxsize=4)
def silence(endpoint: str) -> str:
    """Why no server answers at the address, asked once a process; "" where one does, whatever it says."""
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return "" if isinstance(reason, ssl.SSLError) else str(reason) or type(reason).__name__
    return ""


def require_hub(wanted: str) -> None:
    """UsageError where the hub is to be asked for `wanted` and does not answer. The clients would retry for most of a minute."""
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE and (reason := silence(constants.ENDPOINT)):
        raise UsageError(
            f"{wanted}: the hub at {constants.ENDPOINT} does not answer ({reason}). HF_HUB_OFFLINE=1 reads what is in the local cache, "
            "HF_ENDPOINT names a mirror, and source files needs no hub"
        )


def hub_data(name: str) -> HubData:
    """Where a task's data stand on the hub; UsageError with the reason, or the tasks that are there."""
    if name in LOCAL:
        raise UsageError(f"{name} cannot be read from the hub: {LOCAL[name]} (give data_root: --data-root DIR)")
    if name not in HUB:
        raise unknown("task", name, HUB, "the tasks that are read from the hub")
    return HUB[name]


def hub_languages(name: str, split: str) -> tuple[str, ...]:
    """Languages for which the hub has labelled data of a task and split, in the benchmark's order. Asks nobody."""
    return hub_data(name).languages(split, task(name).languages)


def read_hub(name: str, split: str, code: str) -> list[Example]:
    """All labelled examples of a task, split and language. UsageError naming the data set and what is wrong with it."""
    source = hub_data(name)
    legal = hub_languages(name, split)
    if split not in source.splits:
        raise unknown("split", split, source.splits, f"{name} on the hub ({source.dataset})")
    if code not in legal:
        raise unknown("language", code, legal, f"{name} {split} on the hub ({source.dataset})")
    row = language(code)
    config = source.config.format(code=code, tatoeba=row.tatoeba, treebank=row.treebank)
    parts = [rows_of(name, source, config, part) for part in source.splits[split]]
    if source.by_language:
        parts = [of_language(part, code) for part in parts]
    return SHAPES[source.shape](parts, task(name), code)


def rows_of(name: str, source: HubData, config: str, split: str) -> Rows:
    """The columns of one split, and the names of its classes."""
    found = fetch(name, source, config, split)
    place = f"{source.dataset}, configuration {config}, split {split}"
    for column in source.columns:
        if column not in found.column_names:
            raise unknown("column", column, found.column_names, place)
    table = found.select_columns(list(source.columns))
    classes = {column: class_names(table.features[column]) for column in source.columns}
    return Rows(place, list(source.columns), table[:], classes, dict(source.classes))


def fetch(name: str, source: HubData, config: str, split: str) -> "Dataset":
    """The data set's split, downloaded once by the hub's client and kept in its cache."""
    require_hub(f"{name}, data set {source.dataset}")
    import datasets
    from huggingface_hub import constants

    quiet = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(source.dataset, config, split=split, revision=source.revision or None)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        text = " ".join(str(error).split())
        cached = " (HF_HUB_OFFLINE is set: only the local cache is read)" if constants.HF_HUB_OFFLINE else ""
        place = f"configuration {config}, split {split}"
        raise UsageError(f"{name}: data set {source.dataset}, {place} cannot be loaded from the hub{cached}: {text[:SHOWN]}") from None
    finally:
        if quiet:
            datasets.enable_progress_bars()


def class_names(feature: object) -> tuple[str, ...]:
    """The names of the classes of a column, or of the lists in it; none where it holds texts or bare numbers."""
    return tuple(getattr(getattr(feature, "feature", feature), "names", None) or ())


def of_language(rows: Rows, code: str) -> Rows:
    """The rows whose id begins with the language's English name: "finnish-7633091408814529542-0" (TyDiQA)."""
    prefix = f"{LANGUAGES[code].name.lower()}-"
    kept: Sequence[int] = [position for position, name in enumerate(rows.values["id"]) if name.lower().startswith(prefix)]
    if not kept:
        beginnings = sorted({str(name).partition("-")[0] for name in rows.values["id"]})
        raise UsageError(f"{rows.place}: no id begins with {prefix!r}: expected ids that name the language; found {', '.join(beginnings)}")
    return rows.select(kept)
