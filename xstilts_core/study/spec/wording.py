"""Turn a wrong value into a plain sentence: the file, the key, the value and what is legal."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from xstilts_core.errors import UsageError, shown, unknown

YAML_WORDS = " (YAML reads an unquoted no, yes, on or off as true or false: quote it)"
# pydantic's error type -> what the value must be, with the numbers of the error's context.
PLAIN = {
    "list_type": "must be a list, such as [a, b]",
    "dict_type": "must be keys and values, such as {{key: value}}",
    "model_type": "must be keys and values, such as {{key: value}}",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than": "must be less than {lt:.10g}",
    "less_than_equal": "must be {le:g} or less",
    "too_short": "must not be empty",
    "missing": "is missing",
}


def sentence(first: Mapping[str, Any], key: str, where: str) -> UsageError:
    """Return a UsageError that states one of pydantic's errors in plain words."""
    if first["type"] == "value_error":
        return UsageError(f"{where}: {f'{key}: ' if key else ''}{first['ctx']['error']}")
    if first["type"] == "missing":
        return UsageError(f"{where}: {key} is missing")
    requirement = PLAIN.get(first["type"], "").format(**first.get("ctx", {}))
    requirement = requirement or f"{first['msg'][0].lower()}{first['msg'][1:]}"
    if first["type"] == "string_pattern_mismatch":
        requirement = "may contain only letters, digits, _ and -"
    hint = (
        YAML_WORDS
        if isinstance(first["input"], bool)
        else " (the file has nothing, ~ or null there)"
        if first["input"] is None
        else ""
    )
    return UsageError(f"{where}: {key} is {shown(first['input'])}: it {requirement}{hint}")


def explain(error: ValidationError, cls: type[BaseModel], where: str) -> UsageError:
    """Return pydantic's first error as one sentence with the key, the value, its origin and what is
    legal."""
    first, key = error.errors()[0], ".".join(str(part) for part in error.errors()[0]["loc"])
    return (
        unknown("key", key, cls.model_fields, where)
        if first["type"] == "extra_forbidden"
        else sentence(first, key, where)
    )


def check_value(name: str, field: FieldInfo, value: Any, where: str) -> None:
    """Raise UsageError if the field cannot hold `value`. Other fields are not considered."""
    options = get_args(field.annotation)
    if get_origin(field.annotation) is Literal and value not in options:
        raise unknown(name, value, [option for option in options if option], where)
    item_type = options[0] if get_origin(field.annotation) is list else None
    for item in [value, *(value if item_type and isinstance(value, list) else ())]:
        expected_type = item_type if item is not value else field.annotation
        # Pydantic would read a bool as 1 or 0.
        if isinstance(item, bool) and expected_type in (int, float, int | None, float | None):
            raise UsageError(
                f"{where}: {name} is {item!r}: it must be a number "
                "(YAML reads no, yes, on and off as true or false)"
            )
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{where}: {name} is {value!r}: it must be a finite number")
    try:
        annotation: Any = field.annotation
        TypeAdapter(
            Annotated[(annotation, *field.metadata)] if field.metadata else annotation
        ).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        problem = sentence(first, ".".join(str(item) for item in (name, *first["loc"])), where)
        raise (UsageError(f"{problem} (or null)") if type(None) in options else problem) from None
