"""Files of queries and the passages that answer them: LAReQA, SQuAD by sentence, Mewsli-X; and of
the pools that are searched."""

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
    """The same files, their span questions read as queries for a sentence."""

    def read(paths: list[Path], code: str) -> Sequence[Example]:
        return by_sentence(layout.read(paths, code))

    return replace(layout, read=read)


def _beside_entities(path: Path) -> bool:
    """Whether the pool stands in the same folder: a mention's entity is looked up there."""
    return (path.parent / Path(_ENTITIES).name).is_file()


# The names that XTREME-R's scripts give. One file of mentions holds all languages.
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
                holds=_beside_entities,
                languages=TASKS["mewslix"].languages,
            ),
        )
        for split in ("dev", "test")
    },
}


@dataclass(frozen=True, slots=True)
class Pool:
    """The file below the data root that leads to a task's passages, and what reads them."""

    file: str
    read: Callable[[Path], Sequence[Passage]]


_POOLS: dict[str, Pool] = {
    "lareqa": Pool(
        "lareqa/xquad-r/en.json", lambda path: read_sentences(path, TASKS["lareqa"].languages)
    ),
    "mewslix": Pool(_ENTITIES, lambda path: tuple(read_entities(path).values())),
}


def pool_files(task: str, data_root: Path) -> list[Path]:
    """The files of a task's pool that are there; those of LAReQA's other languages stand beside the
    first."""
    path = Path(data_root) / _POOLS[task].file if task in _POOLS else Path()
    if not path.is_file():
        return []
    return [path] if _POOLS[task].file == _ENTITIES else sorted(path.parent.glob(f"*{path.suffix}"))


def read_pool(task: str, data_root: Path) -> Sequence[Passage]:
    """The passages of all languages that the queries of a task are ranked against; none for tasks
    that search no pool."""
    if task not in _POOLS:
        return ()
    path = Path(data_root) / _POOLS[task].file
    if not path.is_file():
        raise UsageError(f"{path} is missing: {task} ranks what stands there")
    return _POOLS[task].read(path)
