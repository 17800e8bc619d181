"""Generate pages from the package: its modules by floors, its commands, the parameters of runs, and
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
    """Return the package's modules, floor by floor from the top, as declared for import-linter."""
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    (layers,) = [
        contract["layers"] for contract in settings["contracts"] if contract["name"] == FLOORS
    ]
    named = [[name.strip("() ") for name in layer.split(" : ")] for layer in layers]
    return [[name for name in names if source(project, name).is_file()] for names in named]


def source(project: Path, name: str) -> Path:
    """Return the file of a module or package."""
    package = project / PACKAGE / name
    return package / "__init__.py" if package.is_dir() else package.with_suffix(".py")


def module_pages(project: Path) -> dict[str, str]:
    """Return pages by name: one for every top-level module, with its submodules, and `index`."""
    layers = floors(project)
    pages = {name: module_page(project, name) for names in layers for name in names}
    pages["index"] = index_page(layers)
    return pages


def module_page(project: Path, name: str) -> str:
    files = sorted(project.joinpath(PACKAGE, name).rglob("*.py"))
    top = f"{PACKAGE}.{name}"
    lines = [f"# {name}", "", *(package(top, source(project, name)) if files else automodule(top))]
    for path in files:
        module = ".".join(path.relative_to(project).with_suffix("").parts).removesuffix(".__init__")
        if module != top:
            content = package(module, path) if path.stem == "__init__" else automodule(module)
            lines += ["", f"## {module.removeprefix(f'{PACKAGE}.')}", "", *content]
    return "\n".join([*lines, ""])


def automodule(name: str, members: str = ":members:") -> list[str]:
    return ["```{eval-rst}", f".. automodule:: {name}", f"   {members}", "```"]


def package(name: str, path: Path) -> list[str]:
    """Return the directives for a package and the definitions in its own file; members imported
    from its modules appear with those.

    A function with the name of one of these modules cannot be linked, because the module has its
    address.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    hidden = [member for member in names if path.with_name(f"{member}.py").is_file()]
    visible = [member for member in names if member not in hidden]
    lines = automodule(name, f":members: {', '.join(visible)}" if visible else ":no-members:")
    for member in hidden:
        lines += ["", "```{eval-rst}", f".. autofunction:: {name}.{member}", "   :no-index:", "```"]
    return lines


def index_page(layers: list[list[str]]) -> str:
    lines = [
        "# Modules",
        "",
        "Generated from the docstrings of the package, floor by floor from the top: a module",
        "imports only from its own floor or from floors below. Only members with a docstring are",
        "listed.",
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
    """Return the output of `--help` for every command."""
    os.environ["COLUMNS"] = HELP_COLUMNS
    top = cli.parser()
    (choices,) = [
        action.choices for action in top._actions if isinstance(action, argparse._SubParsersAction)
    ]
    lines = [
        "# Commands",
        "",
        "The output of `--help` for each command.",
        "",
        *shown(top.format_help()),
    ]
    for name, command in choices.items():
        lines += ["", f"## xstilts {name}", "", *shown(command.format_help())]
    return "\n".join([*lines, ""])


def shown(text: str) -> list[str]:
    return ["```text", text.rstrip(), "```"]


def parameters_page() -> str:
    """Return the fields of every run's spec: parameters of its notebook, and keys of a study's
    settings."""
    lines = [
        "# Parameters of a run",
        "",
        "The fields of the spec of each phase: the parameters of its notebook, which a study",
        "sets under `train`, `intermediate`, `target`, `retrieval`, `probing`, `pretrain` and",
        "`tasks`. A default of 0 or an empty list may mean the value of the task's own recipe.",
    ]
    for phase, spec in SPECS.items():
        lines += [
            "",
            f"## {phase}: {spec.notebook}",
            "",
            "| name | default | description |",
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
    """Return one test item in every language as an HTML table that marks each text's language."""
    rows = [
        f'<tr><td>{language(code).name}</td><td lang="{code}">{html.escape(item.text_a)}</td>'
        f'<td lang="{code}">{html.escape(item.text_b)}</td></tr>'
        for code, item in items.items()
    ]
    head = "<tr><th>language</th><th>first text</th><th>second text</th></tr>"
    label = html.escape(next(iter(items.values())).label)
    caption = (
        "<caption>One test item of XNLI in the embedded suite. "
        f"Its label, in every language: {label}.</caption>"
    )
    opening = (
        '<div class="table-wrapper docutils container"><table class="docutils">'
        f"{caption}<thead>{head}</thead><tbody>"
    )
    return "\n".join([opening, *rows, "</tbody></table></div>", ""])
