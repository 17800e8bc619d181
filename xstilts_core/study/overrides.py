"""Replace keys of a study's file from the command line (`--source`, `--encoder`), so that one file
serves the hub and a machine without it.

`xstilts run` hands the replacements to the Snakefile and writes them beside the runs that it makes,
so that the runner, status, reports, the explorer and a resumed run need no options. A stored
replacement applies as long as the file still has the value that it had then, and no other value is
given.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts_core.study import study_file

# The keys of a study that the command line may replace, and their values in a file without them.
_KEYS = {"source": "mini", "encoder": "mini"}
FILE = ".given"


def apply(content: dict[str, Any], root: Path, options: Mapping[str, str]) -> dict[str, str]:
    """Apply the values of command line options to a study's content, or else those that its runs in
    `root` were made with. Return the values that differ from the file's."""
    stored, replacements = _stored_overrides(root), {}
    for key, default in _KEYS.items():
        file_value = content.get(key, default)
        value = options.get(key) or (
            stored[key][1] if stored.get(key, [""])[0] == file_value else file_value
        )
        if value != file_value:
            content[key] = replacements[key] = value
    return replacements


def _stored_overrides(root: Path) -> dict[str, list[str]]:
    """Return by key the file's value and its replacement when the runs in this folder were made;
    empty if nothing was replaced."""
    try:
        stored = json.loads((root / FILE).read_text(encoding="utf-8"))
        return {key: [str(file_value), str(value)] for key, (file_value, value) in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def text(file: str, replacements: Mapping[str, str]) -> str:
    """Return the text that `_stored_overrides` reads."""
    content = study_file.read(Path(file))
    return (
        json.dumps(
            {key: [content.get(key, _KEYS[key]), value] for key, value in replacements.items()}
        )
        + "\n"
    )
