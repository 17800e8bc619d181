"""Read the fields of a run's spec from its JSON schema (type, range, choices, help), and convert
what a person typed to a spec."""

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
# The bounds of a JSON schema in words.
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
# Fields shown first; the others have defaults that suit most runs.
FIRST = ("study", "seed", "recipe", "encoder", "source")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a spec. kind: the JSON schema's type. choices: empty if any value is allowed.
    legal: type and range in words. first: whether it is shown first."""

    name: str
    kind: str
    choices: tuple[str, ...]
    default: Any
    help: str
    legal: str
    first: bool


def _spec_class(phase: str) -> type[Spec]:
    """Return the spec class of a phase; raise UsageError if there is no such phase."""
    if phase not in SPECS:
        raise unknown("phase", phase, SPECS, WHERE)
    return SPECS[phase]


@lru_cache
def fields(phase: str) -> tuple[Field, ...]:
    """Return the fields of a phase's spec; the phase's own fields and those in FIRST come first."""
    cls = _spec_class(phase)
    own_names = set(cls.__annotations__)
    items = []
    for name, entry in cls.model_json_schema()["properties"].items():
        # A field that may be null has its type, range and choices in the non-null part of "anyOf".
        entry = {
            **entry,
            **next((part for part in entry.get("anyOf", ()) if part.get("type") != "null"), {}),
        }
        kind = entry.get("type", "string")
        choices = tuple(entry.get("enum", [entry["const"]] if "const" in entry else ()))
        bounds = [words.format(entry[key]) for key, words in _BOUNDS.items() if key in entry]
        legal = (
            "one of the listed values"
            if choices
            else ", ".join(filter(None, [_TYPES.get(kind, ""), *bounds]))
        )
        legal += " (or null)" if "anyOf" in entry else ""
        first = name in FIRST or name in own_names
        description = cls.model_fields[name].description or ""
        items.append(Field(name, kind, choices, entry["default"], description, legal, first))
    return tuple(
        sorted(
            items,
            key=lambda entry: (
                not entry.first,
                FIRST.index(entry.name) if entry.name in FIRST else len(FIRST),
            ),
        )
    )


def written(value: Any) -> str:
    """Format a default as a person would type it: lists without brackets, null for None."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return "null" if value is None else str(value)


def short(text: str) -> str:
    """Cut long text so that error messages stay readable."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def read(field: Field, typed: Any) -> Any:
    """Convert what was typed to a JSON value; text for lists and numbers is parsed as YAML. Raise
    UsageError if it cannot be parsed."""
    if field.kind in ("string", "boolean") or not isinstance(typed, str):
        return typed
    text = typed.strip()
    bracketed = {"array": f"[{text}]", "object": f"{{{text}}}"}
    text = (
        bracketed[field.kind]
        if field.kind in bracketed and not text.startswith(bracketed[field.kind][0])
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
    """Return the validated spec of what was typed. Raise UsageError, with "did you mean" for names,
    if a name or value is wrong."""
    known = {field.name: field for field in fields(phase)}
    for name in typed:
        if name not in known:
            raise unknown("parameter", name, known, WHERE)
    values = {name: read(known[name], value) for name, value in typed.items()}
    changed = {name: value for name, value in values.items() if value != known[name].default}
    return make(_spec_class(phase), changed, WHERE)


def given(phase: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command's parameters: the validated values that differ from their defaults."""
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
    """Return the equivalent `xstilts notebook` command line, which runs in the run's own folder."""
    words = ["xstilts", "notebook", _spec_class(phase).notebook]
    for name, value in given(phase, typed).items():
        words += ["-p", name, text(value)]
    return shlex.join(words)


def papermill_command(phase: str, typed: Mapping[str, Any]) -> str:
    """Return a command line that runs the same notebook with plain papermill."""
    notebook = _spec_class(phase).notebook
    values = given(phase, typed)
    words = ["papermill", f"notebooks/{notebook}.ipynb", "executed.ipynb"]
    return shlex.join([*words, "-y", text(values)] if values else words)


def text(value: Any) -> str:
    """Format a value as one line of YAML. Text is quoted only if YAML would otherwise change it."""
    with suppress(UsageError):
        if isinstance(value, str) and value and load(value, WHERE) == value:
            return value
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
        .removesuffix("...\n")
        .strip()
    )
