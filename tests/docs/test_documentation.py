"""Every command line of README and docs/ can be typed: the real parsers read it, and the quick ones
are run. Guides do as they say."""

import argparse
import re
import shlex
import subprocess
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import papermill
import pytest
import yaml

from xstilts_core import languages, tasks
from xstilts_core.commands import cli
from xstilts_core.data.readers import files as local_files
from xstilts_core.data.source import Files
from xstilts_core.errors import UsageError
from xstilts_core.languages import LANGUAGES, Language
from xstilts_core.study import Study, identity
from xstilts_core.study.study_file import studies
from xstilts_core.tasks import RECIPE_FIELDS, TASKS, declared

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in DOCS.rglob("*.md") if "made" not in path.parts),
]
PROGRAMS = (
    "xstilts",
    "make",
    "papermill",
    "python",
    "pip",
    "conda",
    "sudo",
    ".venv/bin/pre-commit",
)
# What a reader puts something else in the place of.
PLACEHOLDER = re.compile(r"[A-Z]+\d?|my_\w+|<.*>|.*\.\.\.")
STUDY_FILE = re.compile(r"# (my_\w+\.yaml)\n")
VARIABLES = {"JOBS", "STUDY", "PYTHON", "VENV"}
# The tests that run what takes longer than a reader waits, or needs results.
RUN_BY = {
    "advise": "commands/test_advise.py",
    "init": "commands/test_wheel.py",
    "run": "commands/test_cli.py",
    "notebook": "commands/test_cli.py",
    "score": "publish/test_xtreme_score.py",
    "submission": "publish/test_submission.py",
    "export": "publish/test_export.py",
    "card": "publish/test_cards.py",
    "reference": "commands/test_reference_command.py",
}


def fenced(text: str, language: str) -> list[str]:
    """The blocks of code of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def command_lines(path: Path) -> list[str]:
    """Lines of bash blocks, and commands of two and more words that stand in backticks."""
    text = path.read_text(encoding="utf-8")
    lines = [line for block in fenced(text, "(?:bash)") for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = [
        span
        for span in re.findall(r"`([^`\n]+)`", prose)
        if " " in span and span.split()[0] in PROGRAMS
    ]
    return [line.strip() for line in (*lines, *spans) if line.strip()]


COMMANDS = sorted(
    {(line, path.relative_to(ROOT).as_posix()) for path in PAGES for line in command_lines(path)}
)


def words(line: str) -> list[str]:
    """A line as the shell takes it apart, without its comment and where its output goes."""
    found = shlex.split(line, comments=True)
    return found[: found.index(">")] if ">" in found else found


def given(text: str) -> bool:
    """Whether it is meant as it stands, not as a place for something of the reader's own."""
    return not PLACEHOLDER.fullmatch(text)


def study_blocks() -> dict[str, str]:
    """The studies of readers' own that guides show: name of the file -> its text."""
    blocks = [block for path in PAGES for block in fenced(path.read_text(encoding="utf-8"), "yaml")]
    return {found[1]: block for block in blocks if (found := STUDY_FILE.match(block))}


def make_targets() -> set[str]:
    return set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )


def test_commands_are_found():
    programs = {words(line)[0] for line, _ in COMMANDS}
    assert programs >= {"xstilts", "make", "papermill", "python", "pip"} and len(COMMANDS) > 60
    assert {words(line)[1] for line, _ in COMMANDS if line.startswith("xstilts ")} >= set(
        cli.COMMANDS
    ), "a command that no page shows"


@pytest.mark.parametrize(
    ("line", "page"), COMMANDS, ids=[f"{page}: {line[:50]}" for line, page in COMMANDS]
)
def test_a_command_line_can_be_typed(line, page):
    program, *arguments = words(line)
    assert program in PROGRAMS, f"{page}: nothing here knows how to check {program}"
    known = {
        "xstilts": check_xstilts,
        "make": check_make,
        "papermill": check_papermill,
        "python": check_python,
    }
    known.get(program, check_other)(arguments)


def check_xstilts(arguments: list[str]) -> None:
    if arguments == ["--help"]:
        return
    if (
        len(arguments) == 1 and arguments[0] in cli.COMMANDS
    ):  # its name in a sentence, or with all its defaults
        return
    options = cli.parser().parse_args(arguments)
    study = getattr(options, "study", "")
    if study and given(study) and study not in study_blocks():
        assert study in studies(), study
    if hasattr(options, "task") and given(options.task):
        assert options.task in TASKS and options.language in LANGUAGES
    if given(getattr(options, "profile", "NAME")):
        assert (ROOT / "params" / "profiles" / options.profile / "config.yaml").is_file()
    if hasattr(options, "run") and given(options.run.split("/")[0]):
        check_run(options.run)
    if options.command == "notebook":
        check_notebook(ROOT / "notebooks" / f"{options.name}.ipynb", options.parameters)


def check_run(place: str) -> None:
    """A study, or the folder of one of its runs."""
    name, _, folder = place.partition("/")
    study = Study.load(name)
    assert not folder or study.root / folder in study.by_folder, place


def check_notebook(path: Path, parameters: list[list[str]]) -> None:
    known = papermill.inspect_notebook(str(path))
    assert {name for name, _ in parameters} <= known.keys()


def check_make(arguments: list[str]) -> None:
    variables = [argument.split("=")[0] for argument in arguments if "=" in argument]
    targets = [argument for argument in arguments if "=" not in argument]
    assert set(variables) <= VARIABLES and set(targets) <= make_targets() and targets
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check_papermill(arguments: list[str]) -> None:
    source, target, *rest = arguments
    assert target.endswith(".ipynb") and rest[::3] == ["-p"] * (len(rest) // 3)
    check_notebook(ROOT / source, list(zip(rest[1::3], rest[2::3], strict=True)))


def check_python(arguments: list[str]) -> None:
    assert arguments[:2] == ["-m", "benchmarks"]
    from benchmarks import __main__ as benchmarks

    parts = [word for word in arguments[2:] if not word.startswith("-")]
    flags = [word for word in arguments[2:] if word.startswith("-")]
    text = Path(benchmarks.__file__).read_text(encoding="utf-8")
    assert all(f'"{flag}"' in text for flag in flags)
    assert all(
        part in benchmarks.PARTS or part in studies() or part.isdigit() or (ROOT / part).is_file()
        for part in parts
    )


def check_other(arguments: list[str]) -> None:
    """Installing and scripts: extras and files that are there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    named = [
        name
        for argument in arguments
        for found in re.findall(r"\[(.+)\]", argument)
        for name in found.split(",")
    ]
    assert set(named) <= extras.keys()
    assert all(
        (ROOT / argument).is_file() for argument in arguments if argument.endswith((".yml", ".sh"))
    )


# But for those with a place of the reader's own, and for names of commands in a sentence.
OWN = re.compile(r" DIR| my_\w+$|xstilts (check|status|data)$")
QUICK = sorted(
    {
        line
        for line, _ in COMMANDS
        if line.startswith("xstilts ") and words(line)[1] in ("check", "tasks", "data", "status")
    }
)


@pytest.mark.parametrize("line", [line for line in QUICK if not OWN.search(" ".join(words(line)))])
def test_quick_commands_run(line, capsys, tmp_path):
    for name, text in study_blocks().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    arguments = [
        str(tmp_path / word) if (tmp_path / word).is_file() else word for word in words(line)[1:]
    ]
    outputs = ["--outputs", str(tmp_path)] if arguments[0] in ("check", "status") else []
    assert cli.main([*arguments, *outputs]) == 0
    assert capsys.readouterr().out.strip()


def test_make_help_lists_what_the_pages_name():
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    named = {
        word
        for line, _ in COMMANDS
        if line.startswith("make ")
        for word in words(line)[1:]
        if "=" not in word
    }
    assert all(f"make {name}" in shown for name in named)


def test_longer_commands_are_run_by_other_tests():
    for name in cli.COMMANDS.keys() - {"check", "status", "tasks", "data"}:
        text = (ROOT / "tests" / RUN_BY[name]).read_text(encoding="utf-8")
        assert re.search(rf'(\(|\[)\s*"{name}",\s*(str|"|\w)', text), (
            f"{RUN_BY[name]} does not run xstilts {name}"
        )


def test_examples_of_recipes_are_legal(tmp_path):
    """Blocks of YAML that are no whole study: their recipes beside a baseline and a target."""
    blocks = [
        block
        for path in PAGES
        if path.name not in ("task.md", "language.md")
        for block in fenced(path.read_text(encoding="utf-8"), "yaml")
        if not STUDY_FILE.match(block)
    ]
    assert blocks
    for number, block in enumerate(blocks):
        content = yaml.safe_load(block)
        assert content.keys() == {"recipes"}
        whole = {
            "title": "As shown",
            "seeds": [1],
            "targets": ["xnli"],
            "recipes": {"none": None, **content["recipes"]},
        }
        (tmp_path / f"shown_{number}.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
        assert Study.load(str(tmp_path / f"shown_{number}.yaml")).specs


@pytest.mark.parametrize("name", sorted(study_blocks()))
def test_a_study_of_a_guide_loads(name, tmp_path):
    path = tmp_path / name
    path.write_text(study_blocks()[name], encoding="utf-8")
    assert Study.load(str(path)).specs


def row_of_guide() -> Language:
    """The row of the guide to a language."""
    block, *_ = fenced((DOCS / "guides" / "language.md").read_text(encoding="utf-8"), "yaml")
    ((code, row),) = yaml.safe_load(block).items()
    return Language(code, *row)


def declarations(page: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of the task that a guide declares, by its name, and the places of its files."""
    blocks = fenced((DOCS / "guides" / page).read_text(encoding="utf-8"), "yaml")
    *_, fields, places = map(yaml.safe_load, blocks)
    return fields, local_files.layouts(places)


def test_the_guide_to_a_task_reads_its_files(monkeypatch, tmp_path):
    fields, places = declarations("task.md")
    (entry,) = declared(fields).values()
    monkeypatch.setitem(TASKS, entry.name, entry)
    monkeypatch.setattr(local_files, "FILES", MappingProxyType({**local_files.FILES, **places}))
    (rows,) = fenced((DOCS / "guides" / "task.md").read_text(encoding="utf-8"), "text")
    (tmp_path / entry.name).mkdir()
    (tmp_path / entry.name / "test-sw.tsv").write_text(rows, encoding="utf-8")
    examples = Files(str(tmp_path)).load(entry.name, "test", "sw")
    assert [example.label for example in examples] == ["entailment", "contradiction"] and len(
        examples
    ) == entry.sizes["test"]
    with pytest.raises(UsageError, match=r"my_nli/test-de\.tsv"):
        Files(str(tmp_path)).load(entry.name, "test", "de")


def test_the_guide_to_a_task_declares_rows_of_ones_own(monkeypatch, tmp_path):
    text, *_ = fenced((DOCS / "guides" / "task.md").read_text(encoding="utf-8"), "yaml")
    monkeypatch.setenv("XSTILTS_HOME", str(tmp_path))
    (tmp_path / tasks.OWN).mkdir(parents=True)
    (tmp_path / tasks.OWN / "my_rows.yaml").write_text(text, encoding="utf-8")
    (entry,) = tasks._own_tasks()
    assert (entry.name, entry.format, entry.languages) == ("my_rows", "pair", ("sw",))
    assert entry.file == str(tmp_path / "data" / "my_rows.jsonl")


def test_the_guide_to_a_task_makes_one_that_can_be_trained(monkeypatch, tmp_path):
    (entry,) = declared(declarations("task.md")[0]).values()
    monkeypatch.setitem(TASKS, entry.name, entry)
    content = {
        "title": "As shown",
        "source": "files",
        "seeds": [1],
        "recipes": {"none": None},
        "targets": [entry.name],
    }
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (spec,) = Study.load(str(tmp_path / "shown.yaml")).specs
    assert {name: getattr(spec, name) for name in RECIPE_FIELDS} == entry.published.settings()


def test_the_guide_to_a_language_names_the_fields_in_their_order():
    row = row_of_guide()
    assert (
        LANGUAGES.get(row.code, row) == row
        and row.resource_level == "low"
        and row.whitespace is True
    )
    assert {
        type(getattr(row, name))
        for name in ("code", "name", "script", "family", "word_order", "tatoeba", "treebank")
    } == {str}


def test_the_guide_to_a_language_scores_it_with_the_model_of_a_task_that_is_there(
    monkeypatch, tmp_path
):
    row = row_of_guide()
    fields, layouts = declarations("language.md")
    ((name, changed),) = fields.items()
    (entry,) = declared({name: {**asdict(TASKS["udpos"]), "name": name, **changed}}).values()
    for module in (languages, local_files):
        monkeypatch.setattr(module, "LANGUAGES", {**LANGUAGES, row.code: row})
    monkeypatch.setitem(TASKS, entry.name, entry)
    places = MappingProxyType({**local_files.FILES, **layouts})
    monkeypatch.setattr(local_files, "FILES", places)
    (tmp_path / entry.name).mkdir()
    (tmp_path / entry.name / "test-ga.tsv").write_text(
        "Anna\tPROPN\nléann\tVERB\n\nLéann\tVERB\nsí\tPRON\n", encoding="utf-8"
    )
    assert len(Files(str(tmp_path)).load(entry.name, "test", row.code)) == entry.sizes["test"]
    assert Files(str(tmp_path)).evaluated(entry.name, "test", ()) == (row.code,)
    content = {
        "title": "As shown",
        "source": "files",
        "seeds": [1],
        "recipes": {"none": None},
        "targets": ["udpos", entry.name],
    }
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (spec,) = Study.load(str(tmp_path / "shown.yaml")).specs
    before = identity.of_spec(spec)
    monkeypatch.setitem(TASKS, entry.name, replace(entry, languages=("ga", "gd")))
    assert identity.of_spec(spec) == before, "a language alone makes no run stale"
    monkeypatch.setitem(TASKS, entry.name, replace(entry, languages=("ga", "gd"), version=2))
    assert identity.difference(before, identity.of_spec(spec))


def test_every_key_of_a_command_has_help():
    """The page of commands is `--help`: nothing in it is without a word."""
    (choices,) = [
        action.choices
        for action in cli.parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    assert all(action.help for command in choices.values() for action in command._actions)
