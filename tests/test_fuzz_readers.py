"""Readers of every layout on damaged files: they read what is there, or say in one sentence what is wrong; never another exception.

Hypothesis draws the damage: 100 files of each kind in CI, 1,000 before a release (conftest.py).
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import pytest
import ranking_files
from damaged_files import DAMAGE, Damage, damaged, json_lines, told, write
from hypothesis import example, given
from pair_files import GLUE_HEADER, PAWS_HEADER, SNLI_OWN, XNLI_HEADER, table

from xstilts_core import cli, readers
from xstilts_core.examples import ChoiceExample, Example, PairExample, RankingExample, SentenceExample, SpanExample, TagsExample
from xstilts_core.names import UsageError
from xstilts_core.readers.ranking import read_entities
from xstilts_core.tasks import TASKS

TEXTS = ("Anna reads.", "Das Café ist zu.", "Она́ чита́ет.", "वह पढ़ती है।", "她读书。", "قَرَأَ كِتَابًا")
PAIRS = [(TEXTS[k % 6], TEXTS[(k + 2) % 6]) for k in range(8)]
NLI = ("entailment", "neutral", "contradiction")


def rows(*cells: Any) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in zip(*cells, strict=True))


FIRST, SECOND = zip(*PAIRS, strict=True)
LABELS = [NLI[k % 3] for k in range(8)]
DIGITS = [str(k % 2) for k in range(8)]
TAGGED = "Anna\tB-PER\nliest\tO\n\nHeute\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n\n10:30\tO\n"
CONLLU = (
    "# text = im Haus\n1-2\tim\t_\t_\t_\t_\t_\t_\t_\t_\n1\tin\t_\tADP\t_\t_\t3\t_\t_\t_\n2\tdem\t_\tDET\t_\t_\t3\t_\t_\t_\n"
    "2.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n3\tHaus\t_\tNOUN\t_\t_\t0\t_\t_\t_\n\n1\tJa\t_\tINTJ\t_\t_\t0\t_\t0:root\t_\n\n"
)
CONTEXT = "Anna lives in New York. Peter reads an old book."
QUESTIONS = [("Who lives in New York?", "Anna"), ("Who reads?", "Peter"), ("What does Peter read?", "an old book"), ("Where?", "New York")]


def squad(prefix: str = "q", impossible: bool = False) -> str:
    asked = [
        {"id": f"{prefix}{k}", "question": question, "answers": [{"text": text, "answer_start": CONTEXT.index(text)}]}
        for k, (question, text) in enumerate(QUESTIONS)
    ]
    asked += [{"id": f"{prefix}9", "question": "Why?", "answers": [], "is_impossible": True}] if impossible else []
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": asked}]}], "version": "1.1"}, indent=1)


def hellaswag(k: int) -> dict[str, Any]:
    return {"ctx_a": TEXTS[k], "ctx_b": "he", "endings": ["a.", "b.", "c.", "d."], "label": k % 4}


def commonsense(k: int) -> dict[str, Any]:
    return {
        "answerKey": "ABC"[k % 3],
        "question": {"stem": TEXTS[k], "choices": [{"label": letter, "text": letter * 2} for letter in "ABC"]},
    }


def social(k: int) -> dict[str, Any]:
    return {"context": TEXTS[k], "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c", "correct": "ABC"[k % 3]}


def cause(k: int) -> dict[str, Any]:
    return {"premise": TEXTS[k], "choice1": "Üks.", "choice2": "Kaks.", "question": ("cause", "effect")[k % 2], "label": k % 2}


COSMOS = "id,context,question,answer0,answer1,answer2,answer3,label\n" + "".join(
    f'{k},"{TEXTS[k]}, ""no""",Why?,a,"b\nc",d,e,{k % 4}\n' for k in range(4)
)
ANLI = [{"context": a, "hypothesis": b, "label": label[0]} for (a, b), label in zip(PAIRS, LABELS, strict=True)]
SNLI_ROWS = "".join("\t".join([label, a, b, "c", "p", label, "", "", "", ""]) + "\n" for (a, b), label in zip(PAIRS, LABELS, strict=True))
QQP_HEADER = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
BUCC = {f"bucc2018/de-en.dev.{side}": "".join(f"{side}-{k}\t{text}\n" for k, text in enumerate(TEXTS)) for side in ("de", "en")}


@dataclass(frozen=True)
class Kind:
    """A kind of file: what is asked for, the files of it, the one that is damaged.

    count: how many examples the lines of the damaged file make, where lines can be counted.
    """

    task: str
    split: str
    code: str
    files: dict[str, str]
    damaged: str
    count: Callable[[list[str]], int] | None = None


def lines_of(header: int = 0, factor: int = 1, more: int = 0) -> Callable[[list[str]], int]:
    return lambda lines: (len(lines) - header) * factor + more


def filled(lines: list[str]) -> int:
    return sum(bool(line.strip()) for line in lines)


def one(task: str, split: str, code: str, path: str, text: str, count: Callable[[list[str]], int] | None = None) -> Kind:
    return Kind(task, split, code, {path: text}, path, count)


KINDS = {
    "xnli of xtreme": one("xnli", "dev", "de", "xnli/dev-de.tsv", rows(FIRST, SECOND, LABELS), lines_of()),
    "xnli": one(
        "xnli", "dev", "de", "XNLI-1.0/xnli.dev.tsv",
        table(XNLI_HEADER, *("\t".join([("de", "fr")[k % 2], LABELS[k], "p", FIRST[k], SECOND[k], str(k)]) for k in range(8))),
        lambda lines: sum(line.startswith("de\t") for line in lines[1:]),
    ),
    "glue mnli": one(
        "mnli", "train", "en", "glue_data/MNLI/train.tsv",
        table(GLUE_HEADER, *("\t".join([str(k), "1", "2", "fiction", FIRST[k], SECOND[k], LABELS[k], LABELS[k]]) for k in range(8))),
        lines_of(1),
    ),
    "snli": one("snli", "train", "en", "snli_1.0/snli_1.0_train.txt", SNLI_OWN + "\n" + SNLI_ROWS),
    "snli of json lines": one(
        "snli", "dev", "en", "snli_1.0/snli_1.0_dev.jsonl",
        json_lines(*({"sentence1": a, "sentence2": b, "gold_label": label} for (a, b), label in zip(PAIRS, LABELS, strict=True))),
    ),
    "anli": Kind("anli", "dev", "en", {f"anli/anli_v1.0/R{k}/dev.jsonl": json_lines(*ANLI) for k in (1, 2, 3)},
        "anli/anli_v1.0/R2/dev.jsonl", lambda lines: filled(lines) + 16),
    "qqp": one("qqp", "dev", "en", "glue_data/QQP/dev.tsv",
        table(QQP_HEADER, *("\t".join([str(k), "1", "2", *PAIRS[k], DIGITS[k]]) for k in range(8)))),
    "paws-x": one("pawsx", "dev", "de", "pawsx/x-final/de/dev_2k.tsv",
        table(PAWS_HEADER, *("\t".join([str(k), *PAIRS[k], DIGITS[k]]) for k in range(8))), lines_of(1)),
    "hellaswag": one("hellaswag", "dev", "en", "hellaswag/hellaswag_val.jsonl", json_lines(*map(hellaswag, range(6))), filled),
    "cosmosqa": one("cosmosqa", "dev", "en", "cosmosqa/data/valid.csv", COSMOS),
    "commonsenseqa": one("commonsenseqa", "dev", "en", "dev_rand_split.jsonl", json_lines(*map(commonsense, range(6))), filled),
    "siqa": one("siqa", "dev", "en", "socialIQa_v1.4_dev.jsonl", json_lines(*map(social, range(6))), filled),
    "siqa's labels": Kind("siqa", "dev", "en", {
        "socialiqa-train-dev/dev.jsonl": json_lines(*({**social(k), "correct": ""} for k in range(6))),
        "socialiqa-train-dev/dev-labels.lst": "1\n2\n3\n1\n2\n3\n"}, "socialiqa-train-dev/dev-labels.lst", lambda lines: 6),
    "xcopa": one("xcopa", "dev", "et", "xcopa/data/et/val.et.jsonl", json_lines(*map(cause, range(6))), filled),
    "pan-x": one("panx", "dev", "de", "panx/dev-de.tsv", TAGGED),
    "raw pan-x": one("panx", "dev", "de", "panx/de/dev", "".join(f"de:{line}\n" if line else "\n" for line in TAGGED.split("\n")[:-1])),
    "udpos of xtreme": one("udpos", "dev", "de", "udpos/dev-de.tsv", "Das\tDET\nHaus\tNOUN\n\nJa\tINTJ\n"),
    "treebank": one("udpos", "dev", "de", "ud-treebanks-v2.5/UD_German-GSD/de_gsd-ud-dev.conllu", CONLLU),
    "ccg": one("ccg", "dev", "en", "ccg/dev.tsv", "Anna reads\tNP (S\\NP)/NP\nIt is old\tNP (S\\NP)/NP NP\n" * 3, lines_of()),
    "tatoeba": Kind("tatoeba", "test", "de", {f"tatoeba/v1/tatoeba.deu-eng.{side}": "".join(f"{side} {text}\n" for text in TEXTS)
        for side in ("deu", "eng")}, "tatoeba/v1/tatoeba.deu-eng.deu", lines_of(factor=2)),
    "bucc": Kind("bucc2018", "dev", "de", {**BUCC, "bucc2018/de-en.dev.gold": "de-1\ten-2\nde-3\ten-4\n"}, "bucc2018/de-en.dev.de",
        lines_of(more=6)),
    "bucc's gold": Kind("bucc2018", "dev", "de", {**BUCC, "bucc2018/de-en.dev.gold": "de-1\ten-2\nde-3\ten-4\n"}, "bucc2018/de-en.dev.gold",
        lambda lines: 12),
    "squad 1": one("squad_v1", "train", "en", "squad/train-v1.1.json", squad()),
    "squad 2": one("squad_v2", "train", "en", "squad/train-v2.0.json", squad(impossible=True)),
    "tydiqa": one("tydiqa", "dev", "fi", "tydiqa/tydiqa-goldp-v1.1-dev.json", squad("finnish-")),
    "xquad": one("xquad", "test", "de", "xquad/xquad.de.json", squad()),
}  # fmt: skip


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
            assert 0 <= found.label < len(found.choices) and all(isinstance(choice, str) for choice in found.choices)
        case SpanExample():
            assert found.question and found.question == found.question.strip()
            for answer in found.answers:
                assert answer.text.strip() and answer.start >= 0
                assert found.context[answer.start : answer.start + len(answer.text)] == answer.text
            assert found.answers or kind.task == "squad_v2"
        case TagsExample():
            assert found.words and len(found.words) == len(found.tags) and all(word.strip() for word in found.words)
            assert not labels or set(found.tags) <= set(labels)
        case SentenceExample():
            assert found.text.strip()
        case RankingExample():
            assert found.query.strip() and found.passages and all(passage.text.strip() for passage in found.passages)


def content(found: Example) -> tuple[Any, ...]:
    """All of it but the id."""
    return astuple(found)[1:]


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_right_or_told(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    made(tmp_path, kind.files)
    original = kind.files[kind.damaged]
    whole = readers.read_files(kind.task, kind.split, kind.code, tmp_path)
    path = tmp_path / kind.damaged

    @given(DAMAGE)
    @example(([], "utf-8-sig", 0))
    @example(([("other line ends", 0, 1)], "utf-8", 0))
    @example(([("other line ends", 0, 2)], "utf-8", 0))
    @example(([("other line ends", 0, 2), ("put in at a line's end", 0, 14)], "utf-8", 0))
    def tried(damage: Damage) -> None:
        raw = damaged(original, damage)
        path.write_bytes(raw)
        try:
            found = readers.read_files(kind.task, kind.split, kind.code, tmp_path)
        except UsageError as error:
            assert raw != original.encode("utf-8") and told(error, path.name), error
            return
        for each in found:
            check(each, kind)
        text = raw.decode("utf-8-sig")
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        lines = lines if lines[-1] else lines[:-1]
        if kind.count:
            assert len(found) == kind.count(lines), "rows that are there are read, all of them"
        if lines == original.split("\n")[:-1]:
            assert found == whole
        if name in ("xnli of xtreme", "paws-x", "glue mnli"):
            before, after = original.split("\n")[:-1], set(map(content, found))
            first = len(before) - len(whole)
            same = lines[:first] == before[:first]
            kept = [content(each) for line, each in zip(before[first:], whole, strict=True) if same and line in lines[first:]]
            assert set(kept) <= after, "a row that was not damaged is read as before"
        if isinstance(found[0], SpanExample):
            asked = [entry for article in json.loads(text)["data"] for part in article["paragraphs"] for entry in part["qas"]]
            assert [(each.question, len(each.answers)) for each in found] == [(e["question"].strip(), len(e["answers"])) for e in asked]
        if isinstance(found[0], TagsExample) and "\t" in text and kind.task != "ccg" and name != "treebank":
            words = [line.split("\t")[0].removeprefix("de:" if name == "raw pan-x" else "").strip() for line in lines if line.strip()]
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
    whole = readers.read_files(task, split, code, tmp_path)

    @given(DAMAGE)
    @example(([], "utf-8-sig", 0))
    @example(([("other line ends", 0, 1)], "utf-8", 0))
    def tried(damage: Damage) -> None:
        raw = damaged(original, damage)
        path.write_bytes(raw)
        read_entities.cache_clear()
        try:
            found = readers.read_files(task, split, code, tmp_path)
            pool = readers.read_pool(task, tmp_path)
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
def test_the_command_prints_lines_of_json_or_one_sentence(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
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
            assert done == 2 and not out and error.startswith("xstilts data: ") and error.count("\n") == 1

    tried()
