"""Numbers of a study's file: what YAML would read otherwise than a reader is told with file, line
and key."""

import re
from pathlib import Path

import pytest
from test_study import GOOD, study

from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.files.strict_yaml import load


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("010", "YAML reads it as 8: write 10$"),
        ("0_10", "YAML reads it as 8: write 10$"),
        ("-010", "YAML reads it as -8: write -10$"),
        ("1:30", "YAML reads it as 90: write 90$"),
        ("1:30:00", "YAML reads it as 5400: write 5400$"),
        ("0b11", "YAML reads it as 3: write 3$"),
        ("0x1F", "YAML reads it as 31: write 31$"),
        ("0x_", "it is not a readable number: write decimal digits$"),
        ("1_000", "YAML reads it as 1000: write 1000$"),
        ("9" * 30, "write at most 18 digits$"),
        ("08", "it looks like a number but is text to YAML: write 8, or quote the text$"),
        ("0o17", "it looks like a number but is text to YAML: write 15, or quote the text$"),
        ("1:30.5", "YAML reads it as 90.5: write a number as 0.5 or 5.0e-6, or quote the text$"),
        ("1_0.5", "YAML reads it as 10.5: write a number"),
        ("-.INF", "it must be a finite number$"),
        ("1.0e+999", "it must be a finite number$"),
        ("2020-01-01", "YAML reads it as a date: quote it$"),
        ("2020-13-45", "YAML reads it as a date: quote it$"),
        ("2020-01-01 10:00:00", "YAML reads it as a date: quote it$"),
        ("!!int '5'", None),
        ("!!int five", "it is not a readable number: write decimal digits$"),
        ("!!bool five", "it is tagged as bool but is not one"),
        ("!!binary aGk=", "has the tag 'tag:yaml.org,2002:binary': leave tags out"),
        ("=", "has the tag 'tag:yaml.org,2002:value': leave tags out, and quote a lone =$"),
        ("+5", None),
        ("0", None),
    ],
)
@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (GOOD + "train: {{train_examples: {0}}}\n", "train_examples", 9),
        (GOOD + "tasks:\n  mnli:\n    train_examples:\n      {0}\n", "train_examples", 12),
        (GOOD + "target_sizes: [5000,\n  {0}]\n", "target_sizes", 10),
        (
            GOOD.replace("{intermediate: [mnli]}", "{{intermediate: [mnli], train_examples: {0}}}"),
            "train_examples",
            6,
        ),
        (GOOD + "train:\n  ? {0}\n  : 5\n", "a key", 10),
    ],
)
def test_a_number_is_what_a_reader_takes_it_for(
    tmp_path: Path, text: str, key: str, line: int, written: str, message: str | None
) -> None:
    """YAML 1.1's octal, sexagesimal and binary numbers, its dates and infinities: told with file,
    line and key, wherever they stand."""
    filled = text.replace("{0}", written).replace("{{", "{").replace("}}", "}")
    if message is None:
        assert key == "a key" or study(tmp_path, filled).specs
        return
    with pytest.raises(UsageError) as error:
        study(tmp_path, filled)
    assert re.search(message, str(error.value)) and f"my_study.yaml, line {line}: {key} " in str(
        error.value
    )
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "key",
    [
        "nothing",
        "&a [*a]",
        "{<<: {a: 1}, b: [2, ~, no, text]}",
        "'010'",
        '"1:30"',
        "1.5e+3",
        "1e-5",
    ],
)
def test_other_yaml_is_as_it_was(key: str) -> None:
    import yaml

    assert repr(load(f"x: {key}", "here")) == repr(yaml.safe_load(f"x: {key}"))


def test_a_parameter_by_hand_is_read_in_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["notebook", "21_target", "-p", "train_examples", "010"]) == 2
    assert capsys.readouterr().err == (
        "xstilts notebook: -p train_examples 010, line 1: the value is 010: YAML reads it as 8: write 10\n"
    )
