"""`xstilts score` on damaged files of predictions and labels: the official evaluator's numbers, or
one sentence with file and line."""

import json
import random
from pathlib import Path

import official_xtreme as official
import pytest
from damaged_files import DAMAGE, Damage, damaged, told, write
from hypothesis import example, given
from hypothesis import strategies as st
from test_xtreme_score import drawn

from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.publish.xtreme import XTREME
from xstilts_core.publish.xtreme.kinds import kind_of
from xstilts_core.tasks import TASKS

KINDS = ("xnli", "udpos", "xquad", "mlqa", "bucc2018", "tatoeba", "xcopa", "mewslix")
# What makes a line end to the oracle's splitlines, and none to a reader.
SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def comparable(path: Path) -> bool:
    """Whether the oracle, which believes every file, reads it as it stands: no other separators, no
    byte order mark."""
    text = path.read_text(encoding="utf-8-sig")
    return not set(text) & set(SEPARATORS) and path.read_bytes() == text.encode("utf-8")


@pytest.mark.parametrize("task", KINDS)
def test_damaged_predictions_and_labels_are_scored_right_or_told(tmp_path: Path, task: str) -> None:
    entry, generator = TASKS[task], random.Random(3)
    suffix = official.suffix(task)
    gold, guess = drawn(task, "de", 7, generator)
    labels, predictions = (
        write(tmp_path / side / f"test-de.{suffix}", text)
        for side, text in (("labels", gold), ("predictions", guess))
    )

    @given(DAMAGE, st.booleans())
    @example(([], "utf-8", 0), True)
    @example(([("other line ends", 0, 1)], "utf-8", 0), False)
    @example(([("other line ends", 0, 2)], "utf-8", 0), False)
    @example(([("other number", 0, 4)], "utf-8", 0), False)
    @example(([("key twice", 0, 0)], "utf-8", 0), False)
    def tried(damage: Damage, of_labels: bool) -> None:
        write(labels, damaged(gold, damage) if of_labels else gold)
        write(predictions, guess if of_labels else damaged(guess, damage))
        try:
            found = kind_of(entry).score(entry, "de", labels, predictions)
        except UsageError as error:
            assert damage[0] or damage[1] != "utf-8"
            assert told(error, str(labels), str(predictions)), error
            return
        assert all(0 <= value <= 100 for value in found.values())
        if task == "tatoeba":
            numbers = [
                list(map(int, path.read_text(encoding="utf-8-sig").split()))
                for path in (labels, predictions)
            ]
            assert len(numbers[0]) == len(numbers[1]) and all(
                0 <= number < len(numbers[0]) for side in numbers for number in side
            )
        if comparable(predictions) and comparable(labels):
            assert found == official.one_file(task, "de", labels, predictions)

    tried()


def test_the_command_scores_or_says_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = random.Random(5)
    for code in XTREME.languages["bucc2018"]:
        for side, text in zip(
            ("labels", "predictions"), drawn("bucc2018", code, 5, generator), strict=True
        ):
            write(tmp_path / side / "bucc2018" / XTREME.file("bucc2018", code), text)
    path = tmp_path / "predictions" / "bucc2018" / XTREME.file("bucc2018", "fr")
    whole = path.read_text(encoding="utf-8")

    @given(DAMAGE)
    def tried(damage: Damage) -> None:
        write(path, damaged(whole, damage))
        done = cli.main(
            [
                "score",
                "--predictions",
                str(tmp_path / "predictions"),
                "--labels",
                str(tmp_path / "labels"),
                "--json",
            ]
        )
        out, error = capsys.readouterr()
        if done == 0:
            assert 0 <= json.loads(out)["tasks"]["bucc2018"]["avg_metric"] <= 100 and not error
        else:
            assert done == 2 and not out and error.count("\n") == 1 and path.name in error

    tried()
