"""The project's front door: one list of versions, floors that hold, studies that load, an entry
that is light."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from xstilts_core.study import Study

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
# The core: what lies flat in the package, and how many lines it may have.
CORE = {
    *("examples", "languages", "errors", "model", "packing", "streams", "schedule", "train"),
    *("checkpoint", "evaluate", "retrieve", "results", "run"),
}
MOST_LINES = 3_300
LOCK = [
    line
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def plain(requirement: str) -> str:
    """The normalized name of a requirement (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[; ]", requirement)[0]).lower()


def test_the_lock_pins_every_dependency_exactly_and_names_no_place() -> None:
    assert [
        line for line in LOCK if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line)
    ] == []
    pinned = {plain(line): line.split("==")[1] for line in LOCK}
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    assert [name for name in map(plain, asked) if name not in pinned] == []
    assert pinned["torch"] == "2.13.0"
    for requirement in asked:
        least = requirement.split(">=")[1]
        parts = [
            tuple(int(number) for number in re.findall(r"\d+", text)[:3])
            for text in (least, pinned[plain(requirement)])
        ]
        assert parts[0] <= parts[1], requirement


def test_conda_takes_its_versions_from_the_project() -> None:
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, pip = content["dependencies"]
    assert packages == [f"python{PROJECT['requires-python']}", "pip"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}


def test_every_study_loads() -> None:
    files = sorted((ROOT / "params").glob("*.yaml"))
    assert {"quick", "smoke", "real_slice"} <= {path.stem for path in files}
    for path in files:
        study = Study.load(str(path))
        assert study.specs or study.published or study.parts


def test_quick_is_what_it_promises() -> None:
    quick = Study.load(str(ROOT / "params" / "quick.yaml"))
    assert len(quick.targets) == 9 and len(quick.seeds) >= 2
    assert len([recipe for recipe in quick.recipes.values() if recipe.intermediate]) >= 4


@pytest.mark.parametrize("module", ["commands.cli", "study", "results", "jobs.runner"])
def test_imports_are_light(module: str) -> None:
    heavy = ["torch", "transformers", "datasets", "pandas", "numpy", "matplotlib", "papermill"]
    code = f"import sys, xstilts_core.{module}; print(*sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_floors() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which(
        "lint-imports"
    )
    if command is None:
        pytest.skip("import-linter is not installed (extra: test)")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_lies_flat_is_the_core_and_keeps_its_budget() -> None:
    """The files that CONTRIBUTING asks a newcomer to read; a room for everything else."""
    files = sorted((ROOT / "xstilts_core").glob("*.py"))
    assert {path.stem for path in files} - {"__init__"} == CORE
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    assert lines <= MOST_LINES
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"`{name}.py`" in contributing for name in CORE)


def test_every_room_is_on_a_floor_and_has_its_line_in_the_architecture() -> None:
    rooms = {path.parent.name for path in (ROOT / "xstilts_core").glob("*/__init__.py")}
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    (floors,) = [contract["layers"] for contract in contracts if contract["name"] == "floors"]
    assert len(floors) == 7
    assert {name for floor in floors for name in floor.split(" : ")} == rooms | CORE
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert all(f"`{room}/`" in architecture for room in rooms)
    tested = {path.name for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py"))}
    assert tested - {"docs", "lessons"} <= rooms
