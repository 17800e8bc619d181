"""Read a study's YAML file strictly: check each key and value, with its line, before the grid is
expanded."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from unicodedata import category

from pydantic.fields import FieldInfo

from xstilts_core.errors import UsageError, shown, unknown
from xstilts_core.files import encoder_files
from xstilts_core.files.paths import expanded, home
from xstilts_core.files.project import require_project
from xstilts_core.files.strict_yaml import load, location
from xstilts_core.languages import language
from xstilts_core.study.published import reference
from xstilts_core.study.spec import (
    ENCODERS,
    SPECS,
    IntermediateSpec,
    PretrainSpec,
    ProbingSpec,
    RetrievalSpec,
    Spec,
    TargetSpec,
    TuneSpec,
)
from xstilts_core.study.spec.wording import YAML_WORDS, check_value
from xstilts_core.tasks import (
    EMBEDDED_LANGUAGES,
    PROBING_NAMES,
    TARGET_NAMES,
    TASKS,
    Task,
    not_at_source,
    task,
)

# Blocks of settings and the specs whose fields they set.
BLOCKS: Mapping[str, type[Spec]] = {
    "pretrain": PretrainSpec,
    "train": TuneSpec,
    "intermediate": IntermediateSpec,
    "target": TargetSpec,
    "retrieval": RetrievalSpec,
    "probing": ProbingSpec,
}
# Fields that the study itself sets for every run: its position in the grid.
_GRID_FIELDS = {"study", "seed", "source", "data_root", "outputs"}
_ASSIGNED = {
    *_GRID_FIELDS,
    "encoder",
    "recipe",
    "control",
    "tasks",
    "task",
    "train_on",
    "targets",
    "probes",
    "benchmark",
    "by_size",
}


def read(path: Path) -> dict[str, Any]:
    """Return the content of the file. Empty blocks and recipes become empty mappings. Raise
    UsageError if it is not a mapping or a key is repeated."""
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
    for key in (*BLOCKS, "tasks", "recipes"):
        if key in content:
            content[key] = {} if content[key] is None else content[key]
    for key in ("recipes", "tasks"):
        if isinstance(content.get(key), dict):
            content[key].update({name: {} for name, value in content[key].items() if value is None})
    return content


def check(
    content: Mapping[str, Any],
    study: Mapping[str, FieldInfo],
    recipe: Mapping[str, FieldInfo],
    file: str,
) -> None:
    """Raise UsageError on the first wrong key or value, with its block. `study` and `recipe` are
    the legal fields."""
    blocks = {*BLOCKS, "tasks", "recipes"}
    _check_keys(content, study, file)
    for name, field in study.items():
        if name not in content and field.is_required():
            raise UsageError(
                f"{file}: {name} is missing: {field.description or 'see params/quick.yaml'}"
            )
    for name, value in content.items():
        if name in blocks:
            _check_mapping(value, name, location(content, name, file))
        else:
            check_value(name, study[name], value, location(content, name, file))
            _check_unique(name, value, location(content, name, file))
    recipes = content.get("recipes", {})
    _check_keys(recipes, recipes, file, "recipes")
    for name, settings in recipes.items():
        _check_mapping(settings, f"recipe {name}", location(recipes, name, file))
        fields = {
            **_legal_fields(IntermediateSpec),
            **{key: field for key, field in recipe.items() if key != "settings"},
        }
        _check_keys(settings, fields, file, f"recipe {name}")
        for key, value in settings.items():
            where = location(settings, key, file, f"recipe {name}")
            check_value(key, fields[key], value, where)
            _check_unique(key, value, where)
            if key not in recipe and value in ([], ""):
                raise UsageError(
                    f"{where}: {key} is {value!r}: it must not be empty "
                    "(leave the key out to use the default)"
                )
    for name, cls in BLOCKS.items():
        _check_block(content.get(name, {}), name, _legal_fields(cls), file, name)
    tasks = content.get("tasks", {})
    _check_keys(tasks, tasks, file, "tasks")
    for name, settings in tasks.items():
        _check_mapping(settings, f"tasks.{name}", location(tasks, name, file))
        _check_block(settings, "tasks", _legal_fields(TuneSpec), file, f"tasks, {name}")
    _check_names(content, file)


def check_kind(
    content: Mapping[str, Any],
    kind: str,
    why: str,
    fields: Mapping[str, FieldInfo],
    others: Iterable[str],
    file: str,
) -> None:
    """Raise UsageError on the first mistake in a study of another kind, which has the key `kind`.

    why: the reason given if `kind` is combined with a key of `others`, the fields of studies with
    runs. fields: the legal keys.
    """
    for key in content:
        if key in others and key not in fields:
            raise UsageError(
                f"{file}: {key} and {kind} exclude each other: {why}. Legal: {', '.join(fields)}"
            )
    _check_keys(content, fields, file)
    if "title" not in content:
        raise UsageError(f"{file}: title is missing: {fields['title'].description}")
    for name, value in content.items():
        check_value(name, fields[name], value, location(content, name, file))
        _check_unique(name, value, location(content, name, file))


def check_published(content: Mapping[str, Any], reports: Sequence[str], file: str) -> None:
    """Raise UsageError if the published scores do not ship with the package, or if a report does
    not read such scores."""
    reference(content["published"], location(content, "published", file, "published"))
    for name in content.get("reports", ()):
        if name not in reports:
            raise unknown("report on published scores", name, reports, f"{file}, reports")


def check_reports(content: Mapping[str, Any], file: str) -> None:
    """Raise UsageError if a name in `reports` is not a report notebook."""
    run_notebooks = {cls.notebook for cls in SPECS.values()}
    reports = {path.stem for path in (home() / "notebooks").glob("*.ipynb")} - run_notebooks
    for name in content.get("reports", ()):
        if name not in reports:
            raise unknown("report notebook", name, reports, f"{file}, reports")


def _check_names(content: Mapping[str, Any], file: str) -> None:
    """Check that targets, probes, languages, tasks with settings and reports are known and used."""
    targets = [
        task(name, location(content, "targets", file, "targets")) for name in content["targets"]
    ]
    for target in targets:
        if target.role != "target":
            raise unknown("target task", target.name, TARGET_NAMES, f"{file}, targets")
        if reason := not_at_source(target, content.get("source", "mini")):
            raise UsageError(f"{file}, targets: {reason}")
    _check_languages(content, targets, file)
    for name in content.get("probes", ()):
        if name not in PROBING_NAMES:
            raise unknown("probing task", name, PROBING_NAMES, f"{file}, probes")
        if reason := not_at_source(TASKS[name], content.get("source", "mini")):
            raise UsageError(f"{file}, probes: {reason}")
    intermediate_tasks = [
        name
        for settings in content["recipes"].values()
        for name in settings.get("intermediate", ())
    ]
    for name in content.get("intermediate", {}).get("task_examples", ()):
        if name not in intermediate_tasks:
            raise unknown(
                "intermediate task of a recipe",
                name,
                intermediate_tasks,
                f"{file}, intermediate, task_examples",
            )
    training_tasks = {
        *intermediate_tasks,
        *(target.train_on for target in targets if target.train_on),
    }
    for name in content.get("tasks", {}):
        if name not in TASKS:
            raise unknown("task", name, training_tasks, f"{file}, tasks")
        if name not in training_tasks:
            raise unknown("task that a run trains on,", name, training_tasks, f"{file}, tasks")
    check_reports(content, file)


def _check_languages(content: Mapping[str, Any], targets: Sequence[Task], file: str) -> None:
    """Check the languages to evaluate: each is known, belongs to a target in the study's benchmark
    and exists at the source, and every target keeps at least one."""
    benchmark, languages, where = (
        content.get("benchmark", "xtreme"),
        content.get("languages", ()),
        f"{file}, languages",
    )
    target_languages = {code for target in targets for code in target.languages_of(benchmark)}
    for code in languages:
        language(code, where)
        if code not in target_languages and any(code in target.added for target in targets):
            raise UsageError(
                f"{where}: {code!r} is one of the languages that XTREME-R added: "
                "it needs 'benchmark: xtreme-r' in the study"
            )
        if code not in target_languages:
            raise unknown("language of these targets", code, target_languages, where)
    for target in targets:
        if languages and not set(languages) & set(target.languages_of(benchmark)):
            legal_codes = ", ".join(target.languages_of(benchmark))
            raise UsageError(
                f"{where}: {', '.join(languages)} leave target {target.name} without any: "
                f"it has {legal_codes}"
            )
    for origin, codes in [
        (where, languages),
        *(
            (f"{file}, {name}, languages", content.get(name, {}).get("languages", ()))
            for name in BLOCKS
        ),
    ]:
        for code in codes:
            language(code, origin)
            if content.get("source", "mini") == "mini" and code not in EMBEDDED_LANGUAGES:
                raise unknown(
                    "language of the embedded suite (source mini)", code, EMBEDDED_LANGUAGES, origin
                )


def _legal_fields(cls: type[Spec]) -> dict[str, FieldInfo]:
    """Return the fields that a block of settings may set. The block of both training phases may
    also set how many test examples are scored afterwards."""
    scoring_fields = (
        {"test_examples": TargetSpec.model_fields["test_examples"]} if cls is TuneSpec else {}
    )
    return {
        name: field
        for name, field in (cls.model_fields | scoring_fields).items()
        if name not in _ASSIGNED
    }


def _check_mapping(value: Any, name: str, file: str) -> Mapping[str, Any]:
    """Return the value if it is a mapping of keys to values; otherwise raise UsageError."""
    if not isinstance(value, dict):
        raise UsageError(
            f"{file}: {name} is {shown(value)}: it must be keys and values, such as {{key: value}}"
        )
    return value


def _check_unique(name: str, value: Any, where: str) -> None:
    """Raise UsageError if a list repeats an item."""
    duplicates = (
        [item for item in value if isinstance(item, str | int) and value.count(item) > 1]
        if isinstance(value, list)
        else []
    )
    if duplicates:
        raise UsageError(f"{where}: {name} has {duplicates[0]!r} twice: keep one of them")


def _check_keys(
    content: Mapping[Any, Any], fields: Iterable[str], file: str, section: str = ""
) -> None:
    """Raise UsageError on the first key that is not text or not one of the fields."""
    for key in content:
        where = location(content, key, file, section)
        if not isinstance(key, str):
            hint = YAML_WORDS if isinstance(key, bool) else " (quote it)"
            raise UsageError(f"{where}: a key is {key!r}: it must be text{hint}")
        if key not in fields:
            raise unknown("key", key, fields, where)


def _check_block(
    settings: Mapping[str, Any],
    block: str,
    fields: Mapping[str, FieldInfo],
    file: str,
    section: str,
) -> None:
    """Check a block of settings: each key belongs to the block, each value fits its field."""
    for key, value in settings.items():
        where = location(settings, key, file, section)
        owners = [
            name for name, cls in BLOCKS.items() if name != block and key in _legal_fields(cls)
        ]
        if key in _ASSIGNED and key not in fields:
            raise UsageError(
                f"{where}: key {key!r} cannot be set here: the study sets it for every run. "
                f"Legal: {', '.join(sorted(fields))}"
            )
        if key not in fields and owners:
            owner_blocks = " or ".join(f"{name}:" for name in owners)
            raise UsageError(
                f"{where}: key {key!r} belongs in {owner_blocks}, not here. "
                f"Legal: {', '.join(sorted(fields))}"
            )
        _check_keys({key: value}, fields, where)
        check_value(key, fields[key], value, where)


def check_encoder(name: str, what: str) -> Path | None:
    """Return the encoder's folder, or None for a hub name or one of the suite's own encoders.

    what: the file and the key, for messages. Raise UsageError if the name is none of these, or if
    the folder's files are incomplete (`encoder_files.check`).
    """
    folder = check_model(name, what, "FacebookAI/xlm-roberta-large", ENCODERS)
    if folder:
        encoder_files.check(folder, f"{what} {name!r}")
    return folder


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
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or (name and folder.is_dir()):
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


def check_group(content: Mapping[str, Any], fields: Mapping[str, FieldInfo], path: Path) -> None:
    """Raise UsageError on the first mistake in a study made of other studies. `fields` are the
    legal keys."""
    _check_keys(content, fields, f"{path} (a study with parts has no runs of its own)")
    if "title" not in content:
        raise UsageError(f"{path}: title is missing: {fields['title'].description}")
    for name, value in content.items():
        check_value(name, fields[name], value, location(content, name, str(path)))
        _check_unique(name, value, location(content, name, str(path)))
    if not content["parts"]:
        raise UsageError(f"{path}: parts is []: it must not be empty")
    for name in content["parts"]:
        if "parts" in read(find_other(name, str(path))):
            raise UsageError(f"{path}, parts: {name} has parts of its own: list those instead")
