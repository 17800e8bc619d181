"""Find and read a study's YAML file, and explain what is wrong in it: the line, the key, what is
legal."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from unicodedata import category

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files import encoder_files
from xstilts_core.files.paths import expanded, home
from xstilts_core.files.project import require_project
from xstilts_core.files.strict_yaml import load, location
from xstilts_core.study.recipe import ASSIGNED, BLOCKS, Recipe
from xstilts_core.study.spec import ENCODERS
from xstilts_core.study.wording import first_error, sentence

# How many keys lead to a block of settings.
_DEPTHS = {**dict.fromkeys(BLOCKS, 1), "tasks": 2, "recipes": 2}


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


def _named(keys: Sequence[Any], separator: str) -> str:
    """Return the name of a block or value in a message, such as "tasks, xnli", "recipe mnli"."""
    if len(keys) == 2 and keys[0] == "recipes":
        return f"recipe {keys[1]}"
    return separator.join(map(str, keys))


def explain(
    error: ValidationError, fields: Mapping[str, FieldInfo], content: Any, file: str
) -> UsageError:
    """Return pydantic's most helpful error on a study's content as one sentence with file, line
    and block. fields: those of the study."""
    details = first_error(error)
    keys = [key for key in details["loc"] if key != "[key]"]
    depth = _DEPTHS.get(str(keys[0]), 0)
    if details["type"] == "invalid_key" or "[key]" in details["loc"]:
        depth = len(keys) - 1
    section = keys[:depth] if len(keys) > depth else []
    where = locate(content, file, keys, _named(section, ", "))
    key = _named(keys[len(section) :], ".")
    if not section:
        return sentence(details, key, fields, where)
    block = Recipe if section[0] == "recipes" else BLOCKS[str(section[0])]
    legal = ", ".join(sorted(block.model_fields))
    if details["type"] == "extra_forbidden" and block is not Recipe:
        owners = [name for name in BLOCKS if name != "tasks" and key in BLOCKS[name].model_fields]
        if key in ASSIGNED:
            return UsageError(
                f"{where}: key {key!r} cannot be set here: the study sets it for every run. "
                f"Legal: {legal}"
            )
        if owners:
            blocks = " or ".join(f"{name}:" for name in owners)
            return UsageError(f"{where}: key {key!r} belongs in {blocks}, not here. Legal: {legal}")
    return sentence(details, key, block.model_fields, where)


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
