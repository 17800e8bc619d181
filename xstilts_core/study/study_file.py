"""Find and read a study's YAML file, check the models that it names, and replace keys of it from
the command line (`--source`, `--encoder`), so that one file serves the hub and a machine without
it.

`xstilts run` hands the replacements to the Snakefile and writes them beside the runs that it makes,
so that the runner, status, reports, the explorer and a resumed run need no options. A stored
replacement applies as long as the file still has the value that it had then, and no other value is
given.
"""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from unicodedata import category

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import encoder_files
from xstilts_core.files.paths import expanded, home
from xstilts_core.files.project import require_project
from xstilts_core.files.strict_yaml import load, location

# Names of the suite's own encoders; any other name is a hub name or a folder.
ENCODERS = ("mini", "pretrained")
# The keys of a study that the command line may replace, and their values in a file without them.
_REPLACEABLE = {"source": "mini", "encoder": "mini"}
OVERRIDES = ".given"


def read(path: Path) -> dict[str, Any]:
    """Return the content of the file. Raise UsageError if it is not a mapping or a key is
    repeated."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path}, line {line}: not a YAML file in UTF-8 (byte 0x{raw[error.start]:02x})"
        ) from None
    content = load(text, str(path))
    if not isinstance(content, dict):
        raise UsageError(
            f"{path}: expected keys and values (title:, seeds:, recipes:, targets:), "
            f"found {type(content).__name__}"
        )
    return content


def locate(content: Any, file: str, keys: Sequence[Any], section: str = "") -> str:
    """Return the file, the line of the last of `keys` that the content has, one block inside the
    other, and the section."""
    place = location({}, "", file, section)
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            break
        place, content = location(content, key, file, section), content[key]
    return place


def check_encoder(name: str, what: str) -> Path | None:
    """Return the encoder's folder, or None for a hub name or one of the suite's own encoders.

    what: the file and the key, for messages. Raise UsageError if the name is none of these, or if
    the folder's files are incomplete (`encoder_files.check`).
    """
    folder = check_model(name, what, "FacebookAI/xlm-roberta-large", ENCODERS)
    if folder:
        encoder_files.check(folder, f"{what} {name!r}")
    return folder


def is_folder(name: str, folder: Path | None = None) -> bool:
    """Return whether a model's name is a folder, not a name on the hub. folder: the path that the
    name means, by default below the project's folder."""
    folder = folder or home() / expanded(name)
    return (
        name.startswith((".", "/", "~")) or name.count("/") > 1 or (bool(name) and folder.is_dir())
    )


def check_model(name: str, what: str, example: str, builtin: Sequence[str] = ()) -> Path | None:
    """Return the model's folder, or None for a hub name or one of the suite's `builtin` models.

    what: the file and the key, for messages. example: a hub name. Nothing is downloaded or loaded.
    Raise UsageError if the name is none of these, or a folder without a model.
    """
    if name in builtin:
        return None
    choices = (
        f"Legal: {''.join(f'{word}, ' for word in builtin)}a hub name such as {example}, "
        "or a folder with a config.json"
    )
    folder = home() / expanded(name)
    if is_folder(name):
        if (folder / "config.json").is_file():
            return folder
        problem = "that folder has no config.json" if folder.is_dir() else "there is no such folder"
        inner_models, sibling_models = (
            [path.parent.name for path in parent.glob("*/config.json")]
            for parent in (folder, folder.parent)
        )
        near = [f"{folder.name}/{inner}" for inner in sorted(inner_models)] or get_close_matches(
            folder.name, sibling_models, n=1, cutoff=0.5
        )
        hint = f": did you mean {str(Path(name).parent / near[0])!r}?" if near else "."
        raise UsageError(f"{what} is {name!r}: {problem} ({folder}){hint} {choices}")
    near = get_close_matches(name, builtin, n=1, cutoff=0.6) if "/" not in name else []
    if near or not all(
        part.replace("-", "").replace("_", "").replace(".", "").isalnum()
        for part in name.split("/")
    ):
        hint = f": did you mean {near[0]!r}?" if near else "."
        raise UsageError(f"{what} is {name!r}{hint} {choices}")
    return None


def studies() -> dict[str, Path]:
    """Return the paths of the studies in params/ by name."""
    return {path.stem: path for path in sorted((home() / "params").glob("*.yaml"))}


def find(name_or_path: str) -> Path:
    """Return the path of a study's YAML file, given its name in params/ or a path."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UsageError(f"no study file {path}")
        path = path.resolve()
    else:
        require_project()
        paths = studies()
        if name_or_path not in paths:
            raise unknown("study", name_or_path, paths, "params/")
        path = paths[name_or_path]
    if illegal_letters := [
        letter
        for letter in path.stem
        if letter not in "_-" and category(letter) != "Nd" and category(letter)[0] not in "LM"
    ]:
        raise UsageError(
            f"{path}: a study's name may contain only letters, digits, _ and -, "
            f"not {illegal_letters[0]!r}: rename the file"
        )
    return path


def find_other(name: str, file: str, key: str = "parts") -> Path:
    """Return the path of another study that `file` names under `key`, in params/ or in the file's
    own folder. Raise UsageError if there is none."""
    paths = studies() | {path.stem: path for path in sorted(Path(file).parent.glob("*.yaml"))}
    others = {other: path for other, path in paths.items() if path != Path(file)}
    if name not in others:
        raise unknown("study", name, others, f"{file}, {key}")
    return others[name]


def override(content: dict[str, Any], root: Path, options: Mapping[str, str]) -> dict[str, str]:
    """Apply the values of command line options to a study's content, or else those that its runs in
    `root` were made with. Return the values that differ from the file's."""
    stored, replacements = _stored_overrides(root), {}
    for key, default in _REPLACEABLE.items():
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
        stored = json.loads((root / OVERRIDES).read_text(encoding="utf-8"))
        return {key: [str(file_value), str(value)] for key, (file_value, value) in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def overrides_text(file: str, replacements: Mapping[str, str]) -> str:
    """Return the text that `_stored_overrides` reads."""
    content = read(Path(file))
    return (
        json.dumps(
            {
                key: [content.get(key, _REPLACEABLE[key]), value]
                for key, value in replacements.items()
            }
        )
        + "\n"
    )
