"""The fields of a run's spec as they stand in its JSON schema: type, range, choices, help; and what
a person typed, made a spec."""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.strict_yaml import load
from xstilts_core.study.spec import SPECS, Spec, make

WHERE = "the form"
# Bounds of a JSON schema, as a person writes them.
_BOUNDS = {
    "minimum": "{:g} or more",
    "exclusiveMinimum": "more than {:g}",
    "maximum": "{:g} or less",
    "exclusiveMaximum": "less than {:.10g}",
}
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "array": "a list, such as a, b",
    "object": "keys and values, such as {a: 1}",
}
LONGEST = 100
# What a person chooses first; all else has defaults that hold for most runs.
FIRST = ("study", "seed", "recipe", "encoder", "source")


@dataclass(frozen=True, slots=True)
class Field:
    """One field. kind: JSON schema's type; choices: empty where any value is; legal: the type and
    range in words; first: comes first."""

    name: str
    kind: str
    choices: tuple[str, ...]
    default: Any
    help: str
    legal: str
    first: bool


def _spec_class(phase: str) -> type[Spec]:
    """The spec of a phase; UsageError for one that there is not."""
    if phase not in SPECS:
        raise unknown("phase", phase, SPECS, WHERE)
    return SPECS[phase]


@lru_cache
def fields(phase: str) -> tuple[Field, ...]:
    """The fields of a phase's spec, those of the phase itself and FIRST before the others."""
    cls = _spec_class(phase)
    own = set(cls.__annotations__)
    found = []
    for name, entry in cls.model_json_schema()["properties"].items():
        # A field that may be null has its type, range and choices in the first of two parts.
        entry = {
            **entry,
            **next((part for part in entry.get("anyOf", ()) if part.get("type") != "null"), {}),
        }
        kind = entry.get("type", "string")
        choices = tuple(entry.get("enum", [entry["const"]] if "const" in entry else ()))
        bounds = [words.format(entry[key]) for key, words in _BOUNDS.items() if key in entry]
        legal = (
            "one of those listed"
            if choices
            else ", ".join(filter(None, [_TYPES.get(kind, ""), *bounds]))
        )
        legal += " (or null)" if "anyOf" in entry else ""
        first = name in FIRST or name in own
        found.append(
            Field(name, kind, choices, entry["default"], entry.get("description", ""), legal, first)
        )
    return tuple(
        sorted(
            found,
            key=lambda entry: (
                not entry.first,
                FIRST.index(entry.name) if entry.name in FIRST else len(FIRST),
            ),
        )
    )


def written(value: Any) -> str:
    """A default as a person would type it: lists without brackets, null for None."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {entry}" for key, entry in value.items())
    return "null" if value is None else str(value)


def short(text: str) -> str:
    """The text, or its beginning: a sentence has to be read."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def read(field: Field, typed: Any) -> Any:
    """What was typed as a JSON value: text of lists and numbers is read as YAML. UsageError where
    it is none."""
    if field.kind in ("string", "boolean") or not isinstance(typed, str):
        return typed
    text = typed.strip()
    wrapped = {"array": f"[{text}]", "object": f"{{{text}}}"}
    text = (
        wrapped[field.kind]
        if field.kind in wrapped and not text.startswith(wrapped[field.kind][0])
        else text
    )
    try:
        value = load(text, WHERE)
    except UsageError:
        raise UsageError(
            f"{WHERE}: {field.name} is {short(typed)!r}: it must be {field.legal}"
        ) from None
    if value is None and not text:
        raise UsageError(f"{WHERE}: {field.name} is empty: it must be {field.legal}")
    if field.kind == "number" and isinstance(value, str):
        try:
            return float(value)  # YAML reads 1e-5 as text
        except ValueError:
            return value
    return value


def spec_of(phase: str, typed: Mapping[str, Any]) -> Spec:
    """The validated spec of what was typed; UsageError with "did you mean" where a name or value is
    wrong."""
    known = {field.name: field for field in fields(phase)}
    for name in typed:
        if name not in known:
            raise unknown("parameter", name, known, WHERE)
    values = {name: read(known[name], value) for name, value in typed.items()}
    changed = {name: value for name, value in values.items() if value != known[name].default}
    return make(_spec_class(phase), changed, WHERE)


def given(phase: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the command: what was typed and is no default, checked."""
    spec, known = (
        spec_of(phase, typed).model_dump(mode="json"),
        {field.name: field for field in fields(phase)},
    )
    return {
        name: spec[name]
        for name, value in typed.items()
        if read(known[name], value) != known[name].default
    }


def xstilts_command(phase: str, typed: Mapping[str, Any]) -> str:
    """The command line that does the same with the suite's runner, in the run's own folder."""
    parts = ["xstilts", "notebook", _spec_class(phase).notebook]
    for name, value in given(phase, typed).items():
        parts += ["-p", name, text(value)]
    return shlex.join(parts)


def papermill_command(phase: str, typed: Mapping[str, Any]) -> str:
    """The same notebook by plain papermill."""
    notebook = _spec_class(phase).notebook
    values = given(phase, typed)
    parts = ["papermill", f"notebooks/{notebook}.ipynb", "executed.ipynb"]
    return shlex.join([*parts, "-y", text(values)] if values else parts)


def text(value: Any) -> str:
    """A value in one line of YAML; text stays as it is where YAML reads it back as the same text,
    and is quoted elsewhere."""
    with suppress(UsageError):
        if isinstance(value, str) and value and load(value, WHERE) == value:
            return value
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
        .removesuffix("...\n")
        .strip()
    )
