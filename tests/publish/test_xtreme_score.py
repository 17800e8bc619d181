"""`xstilts score` beside the oracle of official_xtreme.py, to the last digit; and what it says of
folders that are not whole."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import official_xtreme as official
import pytest

from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.publish.xtreme import RULES, XTREME, XTREME_R, score
from xstilts_core.publish.xtreme.rules import mean
from xstilts_core.publish.xtreme.scores import table
from xstilts_core.tasks import TASKS

WORDS = [
    "the",
    "Haus",
    "a",
    "ein",
    "der",
    "1990",
    "北京",
    "市",
    "البيت",
    "U.S.",
    "पानी",
    "nhà",
    "của",
    "x-y",
    "«ici»",
    "$5",
]


def text_of(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def squad_json(answers: dict[str, list[str]]) -> str:
    asked = [
        {
            "id": name,
            "question": "?",
            "answers": [{"text": text, "answer_start": 0} for text in texts],
        }
        for name, texts in answers.items()
    ]
    return json.dumps(
        {
            "data": [
                {"title": "t", "paragraphs": [{"context": "c", "qas": [entry]} for entry in asked]}
            ],
            "version": "1.1",
        }
    )


def drawn(task: str, code: str, size: int, generator: random.Random) -> tuple[str, str]:
    """Labels and predictions of one language: texts of two files of about `size` items."""
    entry = TASKS[task]
    keep = generator.random() * 0.8 + 0.1

    def spoilt(value: Any, others: Callable[[], Any]) -> Any:
        return value if generator.random() < keep else others()

    if entry.format == "tagging":
        gold = [
            [generator.choice(entry.labels) for _ in range(generator.randrange(1, 14))]
            for _ in range(size)
        ]
        guess = [
            [spoilt(tag, lambda: generator.choice(entry.labels)) for tag in tags] for tags in gold
        ]
        return tuple("\n".join(map(text_of, side)) for side in (gold, guess))
    if entry.format == "span":
        words = lambda: " ".join(generator.choices(WORDS, k=generator.randrange(1, 6)))  # noqa: E731
        gold = {
            f"q{number}": [words() for _ in range(generator.choice((1, 1, 3)))]
            for number in range(size)
        }
        return squad_json(gold), json.dumps(
            {name: spoilt(texts[-1], words) for name, texts in gold.items()}
        )
    if entry.format == "ranking":
        gold = {f"m{number}": [f"Q{generator.randrange(40)}"] for number in range(size)}
        return json.dumps(gold), json.dumps(
            {name: [f"Q{place}" for place in generator.sample(range(40), 25)] for name in gold}
        )
    if task == "bucc2018":
        gold = [
            f"{code}-{number:09d}\ten-{generator.randrange(10**9):09d}" for number in range(size)
        ]
        return text_of(gold), text_of(
            [spoilt(pair, lambda: f"{code}-x{generator.random()}\ten-x") for pair in gold]
        )
    labels = [str(number) for number in range(size)] if task == "tatoeba" else entry.labels
    labels = ['{"label": 0}', '{"label": 1, "idx": 3}'] if task == "xcopa" else labels
    gold = generator.choices(labels, k=size)
    return text_of(gold), text_of(
        [spoilt(label, lambda: generator.choice(labels)) for label in gold]
    )


def write(
    root: Path, benchmark: str, size: int | Callable[[str, str], int], tasks: tuple[str, ...] = ()
) -> tuple[Path, Path]:
    """Folders of predictions and labels with random content."""
    rules, generator = RULES[benchmark], random.Random(7)
    for task in tasks or rules.tasks:
        for code in rules.languages[task]:
            count = size if isinstance(size, int) else size(task, code)
            for side, text in zip(
                ("labels", "predictions"), drawn(task, code, count, generator), strict=True
            ):
                path = root / side / task / rules.file(task, code)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return root / "predictions", root / "labels"


@pytest.mark.parametrize("benchmark", ["xtreme", "xtreme-r"])
def test_tasks_and_languages_are_the_evaluators(benchmark: str) -> None:
    """Language lists, their order and the groups; each list has the languages that the task
    declares."""
    rules = RULES[benchmark]
    assert {
        name: " ".join(codes) for name, codes in rules.languages.items() if name != "lareqa"
    } == official.LANGUAGES[benchmark]
    assert [name for name in rules.tasks if name != "lareqa"] == list(official.LANGUAGES[benchmark])
    assert {group: list(names) for group, names in rules.groups.items()} == official.GROUPS[
        benchmark
    ]
    for name, codes in rules.languages.items():
        assert set(codes) == set(TASKS[name].languages_of(benchmark)) and len(set(codes)) == len(
            codes
        )
        assert rules.file(name, "de").endswith(f".{official.suffix(name)}")
    assert sorted(XTREME_R.languages["lareqa"]) == sorted(set(XTREME_R.languages["xquad"]) - {"ro"})


@pytest.mark.parametrize("benchmark", ["xtreme", "xtreme-r"])
def test_every_number_is_the_evaluators_to_the_last_digit(tmp_path: Path, benchmark: str) -> None:
    predictions, labels = write(tmp_path, benchmark, 29)
    found, expected = (
        score(RULES[benchmark], predictions, labels),
        official.evaluate(benchmark, predictions, labels),
    )
    lareqa = found["tasks"].pop("lareqa", {"avg_metric": 0.0})
    assert found["tasks"] == expected["tasks"] and list(found["tasks"]) == list(expected["tasks"])
    assert found["groups"] == expected["groups"]
    assert found["missing"] == {} and found["ignored"] == []
    main = {
        **{name: values["avg_metric"] for name, values in expected["tasks"].items()},
        "lareqa": lareqa["avg_metric"],
    }
    assert found["overall"] == official.in_order(
        [main[name] for name in RULES[benchmark].tasks]
    ) / len(RULES[benchmark].tasks)


def test_means_are_added_up_from_left_to_right() -> None:
    assert mean([0.1] * 10) == 0.9999999999999999 / 10 != 0.1, "Python 3.12's sum() would give 0.1"
    assert mean([0.3, 0.2, 0.1]) != mean([0.1, 0.2, 0.3])


def test_a_language_of_the_evaluators_own_test(tmp_path: Path) -> None:
    """One language of XTREME's mock submission (mr), retyped: part-of-speech F1 by seqeval 0.0.12,
    which merges equal neighbours."""
    gold = "PRON VERB PRON NOUN VERB AUX PUNCT|ADJ NOUN ADJ NOUN VERB PUNCT"
    for side, text in (("labels", gold), ("predictions", gold.replace("VERB AUX", "VERB VERB"))):
        for code in XTREME.languages["udpos"]:
            path = tmp_path / side / "udpos" / f"test-{code}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(" ", "\n").replace("|", "\n\n") + "\n")
    # 13 chunks, of which two become one: 11 of 12 are right.
    found = score(XTREME, tmp_path / "predictions", tmp_path / "labels")["tasks"]["udpos"][
        "languages"
    ]["mr"]
    precision, recall = 11 / 12, 11 / 13
    assert found == {
        "f1": 2 * precision * recall / (precision + recall) * 100,
        "precision": 11 / 12 * 100,
        "recall": 11 / 13 * 100,
    }


def test_lareqa_is_mean_average_precision_of_the_first_20(tmp_path: Path) -> None:
    labels, ranked = (
        {"a": ["x", "y"], "b": ["z"]},
        {"a": ["x", "-", "y"], "b": [*map(str, range(20)), "z"]},
    )
    for code in XTREME_R.languages["lareqa"]:
        for side, content in (("labels", labels), ("predictions", ranked)):
            path = tmp_path / side / "lareqa" / f"test-{code}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
    found = score(XTREME_R, tmp_path / "predictions", tmp_path / "labels")
    assert found["tasks"]["lareqa"]["avg_map@20"] == pytest.approx(100 * ((1 + 2 / 3) / 2 + 0) / 2)
    assert found["overall"] is None and found["groups"]["retrieval"] is None
    assert any("evaluate.py has no reader" in note for note in found["notes"])


def test_missing_tasks_and_strange_files_are_listed(tmp_path: Path) -> None:
    predictions, labels = write(tmp_path, "xtreme", 3, ("xnli", "pawsx", "mlqa"))
    (labels / "mlqa").rename(labels / "other")
    (predictions / "readme.txt").write_text("hello")
    (predictions / "xnli" / "test-xx.tsv").write_text("neutral\n")
    found = score(XTREME, predictions, labels)
    assert list(found["missing"]) == [
        "panx",
        "udpos",
        "bucc2018",
        "tatoeba",
        "xquad",
        "mlqa",
        "tydiqa",
    ]
    assert found["missing"]["mlqa"] == f"no folder {labels / 'mlqa'}"
    assert found["ignored"] == [
        *(str(predictions / name) for name in ("mlqa", "readme.txt", "xnli/test-xx.tsv")),
        str(labels / "other"),
    ]
    assert (
        found["overall"] is None
        and found["groups"]["qa"] is None
        and found["groups"]["classification"] > 0
    )
    text = table(found, XTREME)
    assert (
        "missing: udpos (no folder" in text
        and "ignored: " in text
        and "averages over all tasks of a group" in text
    )


def broken(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def without(text: str, key: str) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if name != key})


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (
            "xnli/test-de.tsv",
            lambda text: text.replace("\n", "\n", 1) + "neutral\n",
            "{file}, line 7: the file has 7 lines, ",
        ),
        (
            "xnli/test-de.tsv",
            lambda text: "maybe\n" + text.split("\n", 1)[1],
            "unknown label 'maybe' in {file}, line 1: legal: contradict",
        ),
        ("xnli/test-de.tsv", lambda text: text + "\n\n", "unknown label '' in {file}, line 7"),
        ("xnli/test-de.tsv", lambda text: "", "{file} is empty"),
        (
            "tatoeba/test-de.tsv",
            lambda text: "03\n" + text.split("\n", 1)[1],
            "{file}, line 1: '03' is not a line number",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: "-1\n" + text.split("\n", 1)[1],
            "{file}, line 1: '-1' is not a line number",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: "1.0\n" + text.split("\n", 1)[1],
            "{file}, line 1: '1.0' is not a line number",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: "9" * 5000 + "\n" + text.split("\n", 1)[1],
            "{file}, line 1: '9",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: text[:2] + "\n" + text[2:],
            "{file}, line 2: '' is not a line number",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: text + "0\n",
            "{file}, line 7: the file has 7 lines, ",
        ),
        ("tatoeba/test-de.tsv", lambda text: "0\n" * 5, "{file}, line 5: the file has 5 lines, "),
        (
            "tatoeba/test-de.tsv",
            lambda text: text[2:] + "6\n",
            "{file}, line 6: 6 is past the last line: expected 0 to 5, as there are 6",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: "1\n2\n3\n6\n5\n4\n",
            "{file}, line 4: 6 is past the last line: expected 0 to 5, as there are 6 lines; this file counts them from 1: subtract 1",
        ),
        (
            "tatoeba/test-de.tsv",
            lambda text: "0\r" * 6,
            "{file}, line 1: a carriage return inside the line",
        ),
        ("udpos/test-fi.tsv", lambda text: text + "\nNOUN\n", "the file has 7 sentences, "),
        ("udpos/test-fi.tsv", lambda text: "NOUN\n" + text, "{file}, line 1: sentence 1 has "),
        (
            "udpos/test-fi.tsv",
            lambda text: "N\n" + text.split("\n", 1)[1],
            "unknown tag 'N' in {file}, line 1",
        ),
        (
            "bucc2018/test-ru.tsv",
            lambda text: text + text.split("\n")[0] + "\n",
            "{file}, line 7: the pair ru-",
        ),
        ("bucc2018/test-ru.tsv", lambda text: text.replace("\t", " "), "{file}, line 1: 'ru-"),
        (
            "mlqa/test-hi.json",
            lambda text: without(text, "q3"),
            "{file} has no prediction for 'q3': expected the 6 ids of ",
        ),
        (
            "mlqa/test-hi.json",
            lambda text: text[:-1] + ', "new": "x"}',
            "{file} has ids that the labels lack: 'new'",
        ),
        (
            "mlqa/test-hi.json",
            lambda text: text[:-1] + ', "q0": "x"}',
            "{file}, line 1: key 'q0' is repeated in an object",
        ),
        ("mlqa/test-hi.json", lambda text: text[:-1], "{file}, line 1: JSON breaks off at column "),
        (
            "mlqa/test-hi.json",
            lambda text: '{"q0": 1}',
            "{file}: question 'q0' has the answer 1, which is not text",
        ),
    ],
)
def test_errors_name_the_file_and_the_line(
    tmp_path: Path, file: str, change: Callable[[str], str], message: str
) -> None:
    predictions, labels = write(tmp_path, "xtreme", 6, (file.split("/")[0],))
    broken(predictions / file, change)
    with pytest.raises(UsageError) as caught:
        score(XTREME, predictions, labels)
    assert message.format(file=predictions / file) in str(caught.value) and "\n" not in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("task", "file", "content", "message"),
    [
        (
            "xcopa",
            "test-et.jsonl",
            b'{"label": "1"}\n' * 4,
            "label '1': expected an object whose label is the number 0 or 1",
        ),
        ("xcopa", "test-et.jsonl", b"1\n" * 4, "label None: expected an object"),
        ("mewslix", "test-ar.json", b'{"m0": "Q1"}', "'m0' has 'Q1'"),
        ("mewslix", "test-ar.json", b'{"m0": ["Q1", "Q1"]}', "'m0' has an id twice"),
        ("xquad", "test-ro.json", b"{}", "holds no id"),
        ("panx", "test-qu.tsv", "B-PÉR\n".encode("latin-1"), "byte 0xc9 is not UTF-8"),
    ],
)
def test_errors_of_the_other_kinds(
    tmp_path: Path, task: str, file: str, content: bytes, message: str
) -> None:
    predictions, labels = write(tmp_path, "xtreme-r", 4, (task,))
    (predictions / task / file).write_bytes(content)
    with pytest.raises(UsageError, match="test-") as caught:
        score(XTREME_R, predictions, labels)
    assert message in str(caught.value) and str(predictions / task / file) in str(caught.value)


def test_a_language_a_label_or_everything_missing(tmp_path: Path) -> None:
    predictions, labels = write(tmp_path, "xtreme", 3, ("xquad",))
    (labels / "xquad" / "test-el.json").write_text(squad_json({"q0": [""]}))
    with pytest.raises(UsageError, match="question 'q0': no answer: expected labels"):
        score(XTREME, predictions, labels)
    (predictions / "xquad" / "test-el.json").unlink()
    (predictions / "xquad" / "test-ar.json").unlink()
    with pytest.raises(
        UsageError, match=r"predictions/xquad/test-(el|ar).json is missing|no answer"
    ) as caught:
        score(XTREME, predictions, labels)
    assert "files of that kind there" in str(caught.value) or "no answer" in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UsageError, match="have no task of XTREME in common: expected folders named pawsx, "
    ):
        score(XTREME, tmp_path / "empty", labels)
    with pytest.raises(UsageError, match=r"the folder of labels .*nowhere does not exist"):
        score(XTREME, predictions, tmp_path / "nowhere")


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    predictions, labels = write(tmp_path, "xtreme", 5, ("xnli", "panx", "xquad", "bucc2018"))
    before = score(XTREME, predictions, labels)["tasks"]
    for path in predictions.rglob("test-*"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert score(XTREME, predictions, labels)["tasks"] == before


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions, labels = write(tmp_path, "xtreme", 4)
    asked = ["score", "--predictions", str(predictions), "--labels", str(labels)]
    assert cli.main([*asked, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == score(XTREME, predictions, labels)
    assert list(report) == [
        "benchmark",
        "tasks",
        "groups",
        "overall",
        "missing",
        "ignored",
        "notes",
    ]
    assert cli.main(asked) == 0
    shown = capsys.readouterr().out
    assert f"overall {report['overall']:.2f}" in " ".join(shown.split()) and "group qa" in shown
    (predictions / "pawsx" / "test-de.tsv").unlink()
    assert cli.main(asked) == 2
    error = capsys.readouterr().err
    assert (
        f"xstilts score: {predictions / 'pawsx' / 'test-de.tsv'} is missing" in error
        and error.count("\n") == 1
    )


SIZES = {
    "xnli": 5_010,
    "pawsx": 2_000,
    "udpos": 3_500,
    "panx": 7_000,
    "xquad": 1_190,
    "mlqa": 6_000,
    "tydiqa": 560,
    "bucc2018": 9_000,
}


@pytest.mark.slow
def test_a_submission_of_full_size_is_scored_in_seconds(tmp_path: Path, time_limit) -> None:
    """About as many items as the real test sets have, 3.6 million tags among them."""
    predictions, labels = write(tmp_path, "xtreme", lambda task, code: SIZES.get(task, 1_000))
    with time_limit(40):
        assert score(XTREME, predictions, labels)["overall"] > 0
