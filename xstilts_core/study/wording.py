"""Check values as YAML files have them, and turn pydantic's errors into plain sentences: the file,
the key, the value and what is legal."""

import ast
import inspect
import sys
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from xstilts_core.errors import UsageError, shown, unknown

# pydantic's error type -> what the value must be, with the numbers of the error's context.
_PLAIN: dict[str, str] = yaml.safe_load(
    Path(__file__).with_name("requirements.yaml").read_text(encoding="utf-8")
)
# The type of this module's errors: the message follows the key.
SENTENCE = "sentence"
EMBEDDED_LANGUAGE = "language of the embedded suite (source mini)"


def _holds_numbers(annotation: Any) -> bool:
    return annotation in (int, float) or any(map(_holds_numbers, get_args(annotation)))


@cache
def _field_docstrings(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings below the fields of a module's classes, by class and field."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        statement.name: {
            ast.unparse(field.target): ast.literal_eval(text.value)
            for field, text in pairwise(statement.body)
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
        }
        for statement in tree.body
        if isinstance(statement, ast.ClassDef)
    }


class Checked(BaseModel):
    """A frozen model of known keys. It is stricter than pydantic where YAML misleads people."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Take the docstring below a field as its description. pydantic's own search for them
        (use_attribute_docstrings) takes most of a second when torch is imported."""
        for name, text in _field_docstrings(cls.__module__).get(cls.__name__, {}).items():
            cls.model_fields[name].description = text

    @field_validator("*", mode="before")
    @classmethod
    def refuse_misleading_values(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse lists with an item twice, and true and false in place of numbers: pydantic would
        read 1 and 0."""
        numeric = _holds_numbers(cls.model_fields[str(info.field_name)].annotation)
        items = list(value.values()) if isinstance(value, dict) else value
        for item in items if isinstance(items, list) else [value]:
            if numeric and isinstance(item, bool):
                raise PydanticCustomError(
                    SENTENCE,
                    "is {value}: it must be a number "
                    "(YAML reads no, yes, on and off as true or false)",
                    {"value": str(item)},
                )
            if isinstance(value, list) and value.count(item) > 1:
                raise PydanticCustomError(
                    SENTENCE, "has {item} twice: keep one of them", {"item": repr(item)}
                )
        return value


def require_known(
    kind: str, values: Iterable[str], legal: Collection[str], where: str = ""
) -> None:
    """Raise UsageError for the first of the values that is not legal."""
    for value in values:
        if value not in legal:
            raise unknown(kind, value, legal, where)


def first_error(error: ValidationError) -> ErrorDetails:
    """Return the error to report: an unknown key rather than the missing one it may stand for."""
    return min(error.errors(), key=lambda details: details["type"] != "extra_forbidden")


def sentence(
    details: ErrorDetails, key: str, fields: Mapping[str, FieldInfo], where: str
) -> UsageError:
    """Return a UsageError that states one of pydantic's errors in plain words.

    key: the name of the value for the message. fields: the legal keys beside it. where: its origin.
    """
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    field = fields.get(key.partition(".")[0])
    options = get_args(field.annotation) if field else ()
    if kind == "value_error":
        return UsageError(f"{where}: {f'{key}: ' if key else ''}{context['error']}")
    if kind == SENTENCE:
        return UsageError(f"{where}: {key} {details['msg']}")
    if kind == "extra_forbidden":
        return unknown("key", key, fields, where)
    if kind == "literal_error":
        return unknown(key, value, filter(None, options), where)
    if kind == "missing":
        what = f": {field.description}" if field and field.description else ""
        return UsageError(f"{where}: {key} is missing{what}")
    hint = ""
    if isinstance(value, bool):
        hint = " (YAML reads an unquoted no, yes, on or off as true or false: quote it)"
    elif value is None:
        hint = " (the file has nothing, ~ or null there)"
    if kind == "invalid_key" or details["loc"][-1] == "[key]":
        return UsageError(f"{where}: a key is {value!r}: it must be text{hint or ' (quote it)'}")
    requirement = (
        _PLAIN[kind].format(**context) if kind in _PLAIN else f"is wrong: {details['msg']}"
    )
    nullable = " (or null)" if type(None) in options else ""
    return UsageError(f"{where}: {key} is {shown(value)}: it {requirement}{hint}{nullable}")


def explain(error: ValidationError, cls: type[BaseModel], where: str) -> UsageError:
    """Return pydantic's most helpful error on a flat model as one sentence."""
    details = first_error(error)
    key = ".".join(map(str, details["loc"]))
    return sentence(details, key, cls.model_fields, where)
