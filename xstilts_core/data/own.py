"""Read labelled rows of a user's own: JSON lines with the fields of the example types.

A line is an object with the fields that `xstilts data TASK` prints: of `PairExample` (format pair;
text_b may be left out), `TagsExample` (tagging), `SpanExample` (span) or `ChoiceExample` (choice).
id may be left out, other fields are ignored.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from xstilts_core.errors import UsageError, shown, unknown
from xstilts_core.examples import (
    ChoiceExample,
    Example,
    PairExample,
    SpanExample,
    TagsExample,
)

OWN_FORMATS: Mapping[str, type[Example]] = {
    "pair": PairExample,
    "tagging": TagsExample,
    "span": SpanExample,
    "choice": ChoiceExample,
}
_LEAST_ROWS = 50


def read_own(path: Path, form: str) -> list[Example]:
    """Return the examples of a file. Raise UsageError for the first wrong line, for fewer than
    _LEAST_ROWS rows, or if all labels are the same."""
    if form not in OWN_FORMATS:
        raise unknown("format", form, OWN_FORMATS, "--format")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"--data {path}: cannot be read ({reason}): give JSON lines") from None
    numbered = ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    examples = [_example(line, form, f"{path}, line {number}") for number, line in numbered]
    if len(examples) < _LEAST_ROWS:
        raise UsageError(
            f"{path}: {len(examples)} rows: give at least {_LEAST_ROWS}, one JSON object a line"
        )
    labels = {label for example in examples for label in _labels(example)}
    if len(labels) < 2:
        only = ", ".join(map(shown, labels)) or "no answer"
        raise UsageError(f"{path}: every label is {only}: give rows with two or more labels")
    return examples


def _example(line: str, form: str, where: str) -> Example:
    """Return the example of a line. Raise UsageError if it has the wrong fields or values."""
    fields = list(OWN_FORMATS[form].__dataclass_fields__)[1:]
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise UsageError(f"{where}: {shown(row)}: expected an object with {', '.join(fields)}")
        optional = {} if form == "span" else {"text_b": "", "question": ""}
        values = {"id": where, **optional, **row}
        example = TypeAdapter(OWN_FORMATS[form]).validate_python(values)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}: no JSON ({error.msg}, column {error.colno})") from None
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            legal = ", ".join(row) or "no fields"
            raise UsageError(
                f"{where}: no {name!r} among {legal}: format {form} has {', '.join(fields)}"
            ) from None
        value = shown(problem["input"])
        raise UsageError(f"{where}: {name} is {value}: {problem['msg']}") from None
    if problem := _misfit(example):
        raise UsageError(f"{where}: {problem}")
    return example


def _misfit(example: Example) -> str:
    """Return what does not fit together in an example, or ""."""
    match example:
        case PairExample(label=None) | ChoiceExample(label=None):
            return "label is null: expected a labelled row"
        case ChoiceExample() if not 0 <= example.label < len(example.choices):  # type: ignore[operator]
            count = len(example.choices)
            return f"label {example.label}: expected the index of one of {count} choices, from 0"
        case TagsExample() if not example.words or len(example.words) != len(example.tags):
            return f"{len(example.words)} words but {len(example.tags)} tags: expected as many"
        case SpanExample():
            for answer in example.answers:
                if not example.context[answer.start :].startswith(answer.text):
                    return f"answer {shown(answer.text)} is not at {answer.start} of the context"
    return ""


def _labels(example: Example) -> tuple[object, ...]:
    """Return the labels of an example, answers among them."""
    match example:
        case TagsExample():
            return example.tags
        case SpanExample():
            return tuple(answer.text for answer in example.answers)
    return (getattr(example, "label", None),)
