"""Readers of every layout on damaged files: they read what is there, or say in one sentence what is
wrong; never another exception.

Hypothesis draws the damage: 100 files of each kind in CI, 1,000 before a release (conftest.py).
"""

import json
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
import ranking_files
from damaged_files import DAMAGE, Damage, damaged, told, write
from file_kinds import KINDS, Kind
from hypothesis import example, given

from xstilts_core.commands import cli
from xstilts_core.data.readers import files as local_files
from xstilts_core.data.readers.mentions import read_entities
from xstilts_core.errors import UsageError
from xstilts_core.examples import (
    ChoiceExample,
    Example,
    PairExample,
    RankingExample,
    SentenceExample,
    SpanExample,
    TagsExample,
)
from xstilts_core.tasks import TASKS


def made(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        write(root / name, text)


def texts_of(found: Example) -> Iterator[str]:
    for value in astuple(found):
        for part in value if isinstance(value, tuple) else [value]:
            for text in part if isinstance(part, tuple) else [part]:
                if isinstance(text, str):
                    yield text


def check(found: Example, kind: Kind) -> None:
    """What must hold of an example, however it was come by."""
    assert all(text.encode("utf-8") is not None and "\r\n" not in text for text in texts_of(found))
    labels = TASKS[kind.task].labels
    match found:
        case PairExample():
            assert found.label is None or found.label in labels
        case ChoiceExample():
            assert 0 <= found.label < len(found.choices) and all(
                isinstance(choice, str) for choice in found.choices
            )
        case SpanExample():
            assert found.question and found.question == found.question.strip()
            for answer in found.answers:
                assert answer.text.strip() and answer.start >= 0
                assert found.context[answer.start : answer.start + len(answer.text)] == answer.text
            assert found.answers or kind.task == "squad_v2"
        case TagsExample():
            assert (
                found.words
                and len(found.words) == len(found.tags)
                and all(word.strip() for word in found.words)
            )
            assert not labels or set(found.tags) <= set(labels)
        case SentenceExample():
            assert found.text.strip()
        case RankingExample():
            assert (
                found.query.strip()
                and found.passages
                and all(passage.text.strip() for passage in found.passages)
            )


def content(found: Example) -> tuple[Any, ...]:
    """All of it but the id."""
    return astuple(found)[1:]


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_right_or_told(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    made(tmp_path, kind.files)
    original = kind.files[kind.damaged]
    whole = local_files.read_files(kind.task, kind.split, kind.code, tmp_path)
    path = tmp_path / kind.damaged

    @given(DAMAGE)
    @example(([], "utf-8-sig", 0))
    @example(([("other line ends", 0, 1)], "utf-8", 0))
    @example(([("other line ends", 0, 2)], "utf-8", 0))
    @example(([("other line ends", 0, 3)], "utf-8", 0))
    @example(([("other line ends", 0, 2), ("put in at a line's end", 0, 14)], "utf-8", 0))
    def tried(damage: Damage) -> None:
        raw = damaged(original, damage)
        path.write_bytes(raw)
        try:
            found = local_files.read_files(kind.task, kind.split, kind.code, tmp_path)
        except UsageError as error:
            assert raw != original.encode("utf-8") and told(error, path.name), error
            return
        for each in found:
            check(each, kind)
        text = raw.decode("utf-8-sig")
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        lines = lines if lines[-1] else lines[:-1]
        assert path.suffix in (".json", ".jsonl") or not any("\r" in line for line in lines), (
            "lone carriage returns may have been line ends"
        )
        if kind.count:
            assert len(found) == kind.count(lines), "rows that are there are read, all of them"
        if lines == original.split("\n")[:-1]:
            assert found == whole
        if name in ("xnli of xtreme", "paws-x", "glue mnli"):
            before, after = original.split("\n")[:-1], set(map(content, found))
            first = len(before) - len(whole)
            same = lines[:first] == before[:first]
            kept = [
                content(each)
                for line, each in zip(before[first:], whole, strict=True)
                if same and line in lines[first:]
            ]
            assert set(kept) <= after, "a row that was not damaged is read as before"
        if isinstance(found[0], SpanExample):
            asked = [
                entry
                for article in json.loads(text)["data"]
                for part in article["paragraphs"]
                for entry in part["qas"]
            ]
            assert [(each.question, len(each.answers)) for each in found] == [
                (e["question"].strip(), len(e["answers"])) for e in asked
            ]
        if (
            isinstance(found[0], TagsExample)
            and "\t" in original
            and kind.task != "ccg"
            and name != "treebank"
        ):
            words = [
                line.split("\t")[0].removeprefix("de:" if name == "raw pan-x" else "").strip()
                for line in lines
                if line.strip()
            ]
            shared = [word for each in found for word in each.words]
            assert shared == [word for word in words if word] or name == "raw pan-x"

    tried()


LANGUAGES = TASKS["lareqa"].languages
RANKED = {
    "lareqa": ("lareqa", "test", "de", "lareqa/xquad-r/de.json"),
    "lareqa of another language": ("lareqa", "test", "de", "lareqa/xquad-r/zh.json"),
    "squad by sentence": ("squad_sentences", "train", "en", "squad_v1/train-v1.1.json"),
    "mentions": ("mewslix", "test", "de", "mewslix/wikinews_mentions-test.jsonl"),
    "entities": ("mewslix", "test", "de", "mewslix/candidate_set_entities.jsonl"),
    "mention pairs": ("wikipedia_mentions", "train", "en", "mewslix/wikipedia_pairs-train.jsonl"),
}


@pytest.mark.parametrize("name", RANKED)
def test_a_damaged_file_of_rankings_is_read_right_or_told(tmp_path: Path, name: str) -> None:
    task, split, code, place = RANKED[name]
    ranking_files.write_lareqa(tmp_path)
    ranking_files.write_mewslix(tmp_path, 8)
    path = tmp_path / place
    original = path.read_text(encoding="utf-8")
    kind = Kind(task, split, code, {}, place)
    whole = local_files.read_files(task, split, code, tmp_path)

    @given(DAMAGE)
    @example(([], "utf-8-sig", 0))
    @example(([("other line ends", 0, 1)], "utf-8", 0))
    def tried(damage: Damage) -> None:
        raw = damaged(original, damage)
        path.write_bytes(raw)
        read_entities.cache_clear()
        try:
            found = local_files.read_files(task, split, code, tmp_path)
            pool = local_files.read_pool(task, tmp_path)
        except UsageError as error:
            assert raw != original.encode("utf-8") and told(error, path.name), error
            return
        for each in found:
            check(each, kind)
        if name == "entities":
            assert len(pool) == sum(bool(line.strip()) for line in raw.split(b"\n"))
        if name == "mention pairs":
            assert len(found) == sum(bool(line.strip()) for line in raw.split(b"\n"))
        if raw.decode("utf-8-sig").replace("\r\n", "\n") == original:
            assert found == whole

    tried()
    read_entities.cache_clear()


@pytest.mark.parametrize("name", ["anli", "pan-x", "squad 1"])
def test_the_command_prints_lines_of_json_or_one_sentence(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = KINDS[name]
    made(tmp_path, kind.files)
    asked = [
        "data",
        kind.task,
        "--split",
        kind.split,
        "--language",
        kind.code,
        "--source",
        "files",
        "--data-root",
        str(tmp_path),
        "--limit",
        "0",
    ]

    @given(DAMAGE)
    @example(([("put in", 40, 51)], "utf-8", 0))
    def tried(damage: Damage) -> None:
        write(tmp_path / kind.damaged, damaged(kind.files[kind.damaged], damage))
        done = cli.main(asked)
        out, error = capsys.readouterr()
        if done == 0:
            assert [json.loads(line)["id"] for line in out.split("\n")[:-1]] and not error
        else:
            assert (
                done == 2
                and not out
                and error.startswith("xstilts data: ")
                and error.count("\n") == 1
            )

    tried()
