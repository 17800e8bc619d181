"""Load YAML that means what it looks like: no key twice, and no number that only YAML 1.1 reads as
it does.

Numbers are integers in decimal digits (5, -5, +5) or fractions (0.1, 5.0e-6); 1e-5, which is text
to YAML, becomes a number if one is expected. Refused anywhere in a file, with a hint how to write
them: 010 (YAML: 8) and 08, 1:30 (90), 0b1, 0o17, 0x1F, 1_000, .inf, .nan, dates (2020-01-01), and
tags such as !!binary.
"""

import math
import re
from typing import Any

import yaml

from xstilts_core.errors import UsageError, shown

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
# Texts in YAML 1.1 that look like numbers.
_SEEMING = re.compile(r"[-+]?(0[0-9_]+|0o[0-7_]+)")
_PLAIN = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "merge", "timestamp")}
_DEEPEST = 50
# libyaml's loader, for files that the package itself writes or brings: ten times as fast.
FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Block(dict[Any, Any]):
    """Keys and values, and the line (from 1) of each key."""

    lines: dict[Any, int]


class _StrictLoader(yaml.SafeLoader):
    """Loader whose mappings are Blocks and that refuses a repeated key. The usual loader silently
    keeps the last of two."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.tag != f"{_TAG}merge" and isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise UsageError(
                        f"line {key.start_mark.line + 1}: key {key.value!r} appears twice: keep "
                        "one of them"
                    )
                keys.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_map(self, node: yaml.MappingNode) -> Any:
        block = _Block()
        yield block
        block.update(self.construct_mapping(node))
        block.lines = {self.construct_object(key): key.start_mark.line + 1 for key, _ in node.value}


_StrictLoader.add_constructor(f"{_TAG}map", _StrictLoader.construct_yaml_map)


def location(block: Any, key: Any, file: str, section: str = "") -> str:
    """Join file, line of the key, and section of the file, as far as they are known."""
    line = getattr(block, "lines", {}).get(key)
    return ", ".join(part for part in (file, f"line {line}" if line else "", section) if part)


def load(text: str, origin: str) -> Any:
    """Return the content of a YAML text. Raise UsageError in one sentence, with the line, on text
    that is not YAML or that YAML reads differently than it looks.

    origin: the file, or another origin of the text.
    """
    loader = None
    try:
        loader = _StrictLoader(text)
        node = loader.get_single_node()
        _check_scalars(loader, node)
        return loader.construct_document(node) if node else None
    except UsageError as error:
        raise UsageError(f"{origin}, {error}") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(
            f"{origin}{line}: this is not valid YAML: "
            f"{' '.join(str(error.problem or error.context).split())}"
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{origin}, line {line}: this is not valid YAML: the character "
            f"{chr(error.character)!a} is not allowed"
        ) from None
    except RecursionError:
        raise UsageError(
            f"{origin}, line {loader.line + 1 if loader else 1}: this YAML cannot be read: it is "
            "nested too deeply"
        ) from None


def _check_scalars(loader: _StrictLoader, root: yaml.Node | None) -> None:
    """Raise UsageError ("line 3: ...") on the first scalar, in a value, list or key, that YAML
    reads differently than it looks."""
    stack: list[tuple[yaml.Node | None, str, int]] = [(root, "the value", 0)]
    visited: set[int] = set()
    while stack:
        node, key, depth = stack.pop()
        if node is None or id(node) in visited:
            continue
        visited.add(id(node))
        if depth > _DEEPEST:
            raise UsageError(
                f"line {node.start_mark.line + 1}: {key} is nested too deeply: expected at most "
                f"{_DEEPEST} levels"
            )
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(loader, node, key)
        elif isinstance(node, yaml.SequenceNode):
            stack += [(item, key, depth + 1) for item in reversed(node.value)]
        elif isinstance(node, yaml.MappingNode):
            for name, value in reversed(node.value):
                label = name.value if isinstance(name, yaml.ScalarNode) else key
                stack += [(value, shown(label)[1:-1], depth + 1), (name, "a key", depth + 1)]
        expected = _PLAIN if isinstance(node, yaml.ScalarNode) else {f"{_TAG}map", f"{_TAG}seq"}
        if node.tag not in expected:
            raise UsageError(
                f"line {node.start_mark.line + 1}: {key} has the tag {shown(node.tag)}: leave tags "
                "out, and quote a lone ="
            )


def _check_scalar(loader: _StrictLoader, node: yaml.ScalarNode, key: str) -> None:
    """Raise UsageError if a scalar is not what its tag claims (a number, truth value or null), or
    looks like another number."""
    kind, text = node.tag.removeprefix(_TAG), node.value
    what = f"line {node.start_mark.line + 1}: {key} is {shown(text)[1:-1]}"
    if kind == "timestamp":
        raise UsageError(f"{what}: YAML reads it as a date: quote it")
    if kind == "int" and not _WHOLE.fullmatch(text):
        raise UsageError(f"{what}: {_reading(loader, node)}: write {_in_digits(loader, node)}")
    if kind == "float" and not (_FRACTION.fullmatch(text) and math.isfinite(float(text))):
        if text.lstrip("+-").lower() in (".inf", ".nan") or _FRACTION.fullmatch(text):
            raise UsageError(f"{what}: it must be a finite number")
        raise UsageError(
            f"{what}: {_reading(loader, node)}: write a number as 0.5 or 5.0e-6, or quote the text"
        )
    if kind == "str" and node.style is None and _SEEMING.fullmatch(text):
        raise UsageError(
            f"{what}: it looks like a number but is text to YAML: write "
            f"{_in_digits(loader, node)}, or quote the text"
        )
    if (kind == "bool" and text.lower() not in loader.bool_values) or (
        kind == "null" and text not in ("", "~", "null", "Null", "NULL")
    ):
        raise UsageError(f"{what}: it is tagged as {kind} but is not one: leave tags out")


def _parsed_number(loader: _StrictLoader, node: yaml.ScalarNode) -> float | None:
    """Return the number that YAML reads, or None if it fails."""
    try:
        return (
            loader.construct_yaml_int(node)
            if node.tag == f"{_TAG}int"
            else loader.construct_yaml_float(node)
        )
    except (ValueError, OverflowError):
        return None


def _reading(loader: _StrictLoader, node: yaml.ScalarNode) -> str:
    value = _parsed_number(loader, node)
    return (
        f"YAML reads it as {shown(value)}" if value is not None else "it is not a readable number"
    )


def _in_digits(loader: _StrictLoader, node: yaml.ScalarNode) -> str:
    """Return the number that a person sees, in decimal digits: 010 is 10."""
    sign, digits = re.fullmatch(r"\+?(-?)(.*)", node.value.replace("_", ""), re.DOTALL).groups()
    try:
        number = int(digits[2:], 8) if digits.startswith("0o") else int(digits)
    except ValueError:
        value = _parsed_number(loader, node)
        return shown(value) if value is not None else "decimal digits"
    return f"{sign}{number}" if number < 10**18 else "at most 18 digits"
