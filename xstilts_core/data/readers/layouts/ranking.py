"""List the files of queries and the passages that answer them (LAReQA, SQuAD by sentence,
Mewsli-X), and of the pools that are searched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts_core.data.readers.layout import Layout
from xstilts_core.data.readers.layouts.spans import SPANS
from xstilts_core.data.readers.ranking import (
    by_sentence,
    read_entities,
    read_lareqa,
    read_mention_pairs,
    read_mentions,
    read_sentences,
)
from xstilts_core.errors import UsageError
from xstilts_core.examples import Example, Passage, RankingExample
from xstilts_core.tasks import TASKS

_ENTITIES = "mewslix/candidate_set_entities.jsonl"


def _lareqa_of(paths: list[Path], code: str) -> list[RankingExample]:
    return read_lareqa(paths[0], TASKS["lareqa"].languages)


def _mewslix_of(paths: list[Path], code: str) -> list[RankingExample]:
    return read_mentions(paths[0], code, paths[0].parent / Path(_ENTITIES).name)


def _mention_pairs_of(paths: list[Path], code: str) -> list[RankingExample]:
    return read_mention_pairs(paths[0])


def sentences_of(layout: Layout) -> Layout:
    """Return a layout of the same files whose span questions are read as queries for a sentence."""

    def read(paths: list[Path], code: str) -> Sequence[Example]:
        return by_sentence(layout.read(paths, code))

    return replace(layout, read=read)


def _beside_entities(path: Path) -> bool:
    """Return whether the pool is in the same folder, where a mention's entity is looked up."""
    return (path.parent / Path(_ENTITIES).name).is_file()


# The names in XTREME-R's scripts. One file of mentions holds all languages.
RANKING: dict[tuple[str, str], tuple[Layout, ...]] = {
    **{
        ("squad_sentences", split): tuple(map(sentences_of, SPANS["squad_v1", split]))
        for split in ("train", "dev")
    },
    ("lareqa", "test"): (Layout(("lareqa/xquad-r/{code}.json",), _lareqa_of),),
    **{
        ("wikipedia_mentions", split): (
            Layout((f"mewslix/wikipedia_pairs-{split}.jsonl",), _mention_pairs_of),
        )
        for split in ("train", "dev")
    },
    **{
        ("mewslix", split): (
            Layout(
                (f"mewslix/wikinews_mentions-{split}.jsonl",),
                _mewslix_of,
                condition=_beside_entities,
                languages=TASKS["mewslix"].languages,
            ),
        )
        for split in ("dev", "test")
    },
}


@dataclass(frozen=True, slots=True)
class Pool:
    """The file below the data root that leads to a task's passages, and its reader."""

    file: str
    read: Callable[[Path], Sequence[Passage]]


_POOLS: dict[str, Pool] = {
    "lareqa": Pool(
        "lareqa/xquad-r/en.json", lambda path: read_sentences(path, TASKS["lareqa"].languages)
    ),
    "mewslix": Pool(_ENTITIES, lambda path: tuple(read_entities(path).values())),
}


def pool_files(task: str, data_root: Path) -> list[Path]:
    """Return the existing files of a task's pool. Those of LAReQA's other languages are beside the
    first."""
    path = Path(data_root) / _POOLS[task].file if task in _POOLS else Path()
    if not path.is_file():
        return []
    return [path] if _POOLS[task].file == _ENTITIES else sorted(path.parent.glob(f"*{path.suffix}"))


def read_pool(task: str, data_root: Path) -> Sequence[Passage]:
    """Return the passages of all languages against which a task's queries are ranked; none for
    tasks without a pool."""
    if task not in _POOLS:
        return ()
    path = Path(data_root) / _POOLS[task].file
    if not path.is_file():
        raise UsageError(f"{path} is missing: {task} ranks its passages")
    return _POOLS[task].read(path)
