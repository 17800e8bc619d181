"""What the command line says in place of a study's file (`--source`, `--encoder`): one file serves
the hub and a machine without it.

`xstilts run` writes it beside the runs that it makes: status, reports, explorer and a run that goes
on need no option. There it counts as long as the file itself says what it said then, and no other
is given.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts_core.study import study_file

# The keys of a study that a command line may replace, and what a file says that lacks them.
_KEYS = {"source": "mini", "encoder": "mini"}
FILE = ".given"


def settle(content: dict[str, Any], root: Path, typed: Mapping[str, str]) -> dict[str, str]:
    """Put what was typed into a study's content, else what its runs in `root` were made with.
    Returns what the file says otherwise."""
    before, found = kept(root), {}
    for key, default in _KEYS.items():
        own = content.get(key, default)
        value = typed.get(key) or (before[key][1] if before.get(key, [""])[0] == own else own)
        if value != own:
            content[key] = found[key] = value
    return found


def kept(root: Path) -> dict[str, list[str]]:
    """By key: what the file said, and what took its place, when the runs in this folder were made;
    empty where nothing did."""
    try:
        found = json.loads((root / FILE).read_text(encoding="utf-8"))
        return {key: [str(own), str(value)] for key, (own, value) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def text(file: str, given: Mapping[str, str]) -> str:
    """What `kept` reads."""
    content = study_file.read(Path(file))
    return (
        json.dumps({key: [content.get(key, _KEYS[key]), value] for key, value in given.items()})
        + "\n"
    )
