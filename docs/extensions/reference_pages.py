"""Pages that are made of the package: its modules by floors, its commands, the parameters of runs,
one test item in all languages."""

import argparse
import ast
import html
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from xstilts_core.commands import cli
from xstilts_core.examples import PairExample
from xstilts_core.languages import language
from xstilts_core.study.spec import SPECS

PACKAGE = "xstilts_core"
FLOORS = "floors"
HELP_COLUMNS = "100"


def floors(project: Path) -> list[list[str]]:
    """The package's modules, floor by floor from the top, as import-linter holds them."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    (layers,) = [
        contract["layers"] for contract in settings["contracts"] if contract["name"] == FLOORS
    ]
    named = [[name.strip("() ") for name in layer.split(" : ")] for layer in layers]
    return [[name for name in names if source(project, name).is_file()] for names in named]


def source(project: Path, name: str) -> Path:
    """The file of a module or package."""
    package = project / PACKAGE / name
    return package / "__init__.py" if package.is_dir() else package.with_suffix(".py")


def module_pages(project: Path) -> dict[str, str]:
    """Name -> page: one for every module of the top level, with those below it; and `index`."""
    layers = floors(project)
    found = {name: module_page(project, name) for names in layers for name in names}
    found["index"] = index_page(layers)
    return found


def module_page(project: Path, name: str) -> str:
    below = sorted(project.joinpath(PACKAGE, name).rglob("*.py"))
    top = f"{PACKAGE}.{name}"
    lines = [f"# {name}", "", *(package(top, source(project, name)) if below else automodule(top))]
    for path in below:
        module = ".".join(path.relative_to(project).with_suffix("").parts).removesuffix(".__init__")
        if module != top:
            shown = package(module, path) if path.stem == "__init__" else automodule(module)
            lines += ["", f"## {module.removeprefix(f'{PACKAGE}.')}", "", *shown]
    return "\n".join([*lines, ""])


def automodule(name: str, members: str = ":members:") -> list[str]:
    return ["```{eval-rst}", f".. automodule:: {name}", f"   {members}", "```"]


def package(name: str, path: Path) -> list[str]:
    """A package, and what is defined in its own file: what it takes from its modules is shown with
    these.

    A function with the name of one of these modules has no address of its own: the module has it.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    hidden = [own for own in names if path.with_name(f"{own}.py").is_file()]
    shown = [own for own in names if own not in hidden]
    lines = automodule(name, f":members: {', '.join(shown)}" if shown else ":no-members:")
    for own in hidden:
        lines += ["", "```{eval-rst}", f".. autofunction:: {name}.{own}", "   :no-index:", "```"]
    return lines


def index_page(layers: list[list[str]]) -> str:
    lines = [
        "# Modules",
        "",
        "From the docstrings of the package. Floor by floor: a module imports only from floors below its own, the top one first.",
        "Listed is what has a docstring.",
        "",
    ]
    for number, names in zip(range(len(layers), 0, -1), layers, strict=True):
        lines += [f"- floor {number}: " + ", ".join(f"[{name}]({name}.md)" for name in names)]
    toctree = [
        "```{toctree}",
        ":hidden:",
        "",
        *sorted(name for names in layers for name in names),
        "```",
    ]
    return "\n".join([*lines, "", *toctree, ""])


def commands_page() -> str:
    """What `--help` prints, for every command."""
    os.environ["COLUMNS"] = HELP_COLUMNS
    top = cli.parser()
    (choices,) = [
        action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction)
    ]
    lines = [
        "# Commands",
        "",
        "What each command says with `--help`.",
        "",
        *shown(top.format_help()),
    ]
    for name, command in choices.items():
        lines += ["", f"## xstilts {name}", "", *shown(command.format_help())]
    return "\n".join([*lines, ""])


def shown(text: str) -> list[str]:
    return ["```text", text.rstrip(), "```"]


def parameters_page() -> str:
    """The fields of every run's spec: parameters of its notebook, and keys of a study's
    settings."""
    lines = [
        "# Parameters of a run",
        "",
        "The fields of the spec of each phase. They are the parameters of its notebook, and a study sets them under `train`,",
        "`intermediate`, `target`, `retrieval`, `probing`, `pretrain` and `tasks`. A default of 0 or an empty list may stand for the",
        "task's own recipe.",
    ]
    for phase, spec in SPECS.items():
        lines += [
            "",
            f"## {phase}: {spec.notebook}",
            "",
            "| name | default | what it is |",
            "|---|---|---|",
        ]
        for name, field in spec.model_fields.items():
            words = (
                (field.description or "")
                .replace("|", r"\|")
                .replace("<", r"\<")
                .replace("*", r"\*")
            )
            lines.append(
                f"| `{name}` | `{field.get_default(call_default_factory=True)!r}` | {words} |"
            )
    return "\n".join([*lines, ""])


def item_table(items: Mapping[str, PairExample]) -> str:
    """One test item in every language, as a table of HTML that tells the browser each text's
    language."""
    rows = [
        f'<tr><td>{language(code).name}</td><td lang="{code}">{html.escape(item.text_a)}</td>'
        f'<td lang="{code}">{html.escape(item.text_b)}</td></tr>'
        for code, item in items.items()
    ]
    head = "<tr><th>language</th><th>first text</th><th>second text</th></tr>"
    label = html.escape(next(iter(items.values())).label)
    caption = f"<caption>One test item of XNLI in the embedded suite. Its label, in every language: {label}.</caption>"
    opening = f'<div class="table-wrapper docutils container"><table class="docutils">{caption}<thead>{head}</thead><tbody>'
    return "\n".join([opening, *rows, "</tbody></table></div>", ""])
