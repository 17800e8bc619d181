"""YAML that a reader and the program take for the same: no key twice, no number that only YAML 1.1
reads as it does.

Numbers are whole ones in decimal digits (5, -5, +5) or fractions (0.1, 5.0e-6); 1e-5, which YAML
takes for text, becomes a number where one is wanted. Refused, wherever they stand in a file, and
told how to write them: 010 (YAML: 8) and 08, 1:30 (90), 0b1, 0o17, 0x1F, 1_000, .inf, .nan, dates
(2020-01-01), and tags such as !!binary.
"""

import math
import re
from typing import Any

import yaml

from xstilts_core.errors import UsageError, shown

_TAG = "tag:yaml.org,2002:"
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
# Texts, to YAML 1.1, that a reader takes for a number.
_SEEMING = re.compile(r"[-+]?(0[0-9_]+|0o[0-7_]+)")
PLAIN = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "merge", "timestamp")}
_DEEPEST = 50


class _Block(dict[Any, Any]):
    """Keys and values, and the line (from 1) of each key."""

    lines: dict[Any, int]


class _StrictLoader(yaml.SafeLoader):
    """Mappings are Blocks, and no key stands twice: of two, the usual loader silently keeps the
    last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != f"{_TAG}merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise UsageError(
                        f"line {key.start_mark.line + 1}: key {key.value!r} stands twice: keep one of them"
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_map(self, node: yaml.MappingNode) -> Any:
        block = _Block()
        yield block
        block.update(self.construct_mapping(node))
        block.lines = {self.construct_object(key): key.start_mark.line + 1 for key, _ in node.value}


_StrictLoader.add_constructor(f"{_TAG}map", _StrictLoader.construct_yaml_map)


def located(block: Any, key: Any, file: str, place: str = "") -> str:
    """file, line of the key, place within the file: as far as they are known."""
    line = getattr(block, "lines", {}).get(key)
    return ", ".join(part for part in (file, f"line {line}" if line else "", place) if part)


def load(text: str, place: str) -> Any:
    """The content of a YAML text. UsageError in one sentence, with the line, on whatever is no YAML
    or is read otherwise than it looks.

    place: the file, or where else the text comes from.
    """
    loader = None
    try:
        loader = _StrictLoader(text)
        node = loader.get_single_node()
        _check_scalars(loader, node)
        return loader.construct_document(node) if node else None
    except UsageError as error:
        raise UsageError(f"{place}, {error}") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(
            f"{place}{line}: this is no YAML: {' '.join(str(error.problem or error.context).split())}"
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{place}, line {line}: this is no YAML: the character {chr(error.character)!a} may not stand in it"
        ) from None
    except RecursionError:
        raise UsageError(
            f"{place}, line {loader.line + 1 if loader else 1}: this is no YAML to be read: nested too deeply"
        ) from None


def _check_scalars(loader: _StrictLoader, root: yaml.Node | None) -> None:
    """UsageError ("line 3: ...") on the first scalar, in a value, list or key, that YAML reads
    otherwise than it looks."""
    waiting: list[tuple[yaml.Node | None, str, int]] = [(root, "the value", 0)]
    seen: set[int] = set()
    while waiting:
        node, key, depth = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if depth > _DEEPEST:
            raise UsageError(
                f"line {node.start_mark.line + 1}: {key} is nested too deeply: expected at most {_DEEPEST} levels"
            )
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(loader, node, key)
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, key, depth + 1) for item in reversed(node.value)]
        elif isinstance(node, yaml.MappingNode):
            for name, value in reversed(node.value):
                own = name.value if isinstance(name, yaml.ScalarNode) else key
                waiting += [(value, shown(own)[1:-1], depth + 1), (name, "a key", depth + 1)]
        expected = PLAIN if isinstance(node, yaml.ScalarNode) else {f"{_TAG}map", f"{_TAG}seq"}
        if node.tag not in expected:
            raise UsageError(
                f"line {node.start_mark.line + 1}: {key} has the tag {shown(node.tag)}: leave tags out, and quote a lone ="
            )


def _check_scalar(loader: _StrictLoader, node: yaml.ScalarNode, key: str) -> None:
    """UsageError where a scalar is no number, truth value or nothing as it would be read, or looks
    like another number."""
    kind, text = node.tag.removeprefix(_TAG), node.value
    what = f"line {node.start_mark.line + 1}: {key} is {shown(text)[1:-1]}"
    if kind == "timestamp":
        raise UsageError(f"{what}: YAML reads it as a date: quote it")
    if kind == "int" and not WHOLE.fullmatch(text):
        raise UsageError(f"{what}: {said(loader, node)}: write {_in_digits(loader, node)}")
    if kind == "float" and not (_FRACTION.fullmatch(text) and math.isfinite(float(text))):
        if text.lstrip("+-").lower() in (".inf", ".nan") or _FRACTION.fullmatch(text):
            raise UsageError(f"{what}: it must be a finite number")
        raise UsageError(
            f"{what}: {said(loader, node)}: write a number as 0.5 or 5.0e-6, or quote the text"
        )
    if kind == "str" and node.style is None and _SEEMING.fullmatch(text):
        raise UsageError(
            f"{what}: it looks like a number and is text to YAML: write {_in_digits(loader, node)}, or quote the text"
        )
    if (kind == "bool" and text.lower() not in loader.bool_values) or (
        kind == "null" and text not in ("", "~", "null", "Null", "NULL")
    ):
        raise UsageError(f"{what}: it is tagged as {kind} and is none: leave tags out")


def number(loader: _StrictLoader, node: yaml.ScalarNode) -> float | None:
    """What YAML makes of a number; None where it fails."""
    try:
        return (
            loader.construct_yaml_int(node)
            if node.tag == f"{_TAG}int"
            else loader.construct_yaml_float(node)
        )
    except (ValueError, OverflowError):
        return None


def said(loader: _StrictLoader, node: yaml.ScalarNode) -> str:
    value = number(loader, node)
    return (
        f"YAML reads it as {shown(value)}"
        if value is not None
        else "it is no number that can be read"
    )


def _in_digits(loader: _StrictLoader, node: yaml.ScalarNode) -> str:
    """The number that a reader sees, in decimal digits: 010 is 10."""
    sign, digits = re.fullmatch(r"([-+]?)(.*)", node.value, re.DOTALL).groups()
    bare = digits.replace("_", "")
    if bare.isascii() and bare.isdigit():
        return (
            f"{sign.replace('+', '')}{bare.lstrip('0')[:18] or 0}"
            if len(bare.lstrip("0")) < 19
            else "at most 18 digits"
        )
    if bare[:2] == "0o" and bare[2:]:
        return f"{sign.replace('+', '')}{int(bare[2:40], 8)}"
    value = number(loader, node)
    return shown(value) if value is not None else "decimal digits"
