"""The table of tasks: whole, narrow enough to read, honest about what is recalled; and the page
that is made of it."""

import json
from pathlib import Path

import pytest

from xstilts_core.commands import cli
from xstilts_core.data.readers.files import FILES
from xstilts_core.publish import task_table
from xstilts_core.tasks import HUB, LOCAL, TASKS, VERSIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tasks.md"


def test_the_page_is_the_one_that_the_command_makes(capsys):
    assert cli.main(["tasks", "--markdown"]) == 0
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), (
        f"declarations have changed: run {task_table.COMMAND}"
    )


def test_the_table_has_every_task_and_stays_narrow(capsys):
    assert cli.main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= task_table.WIDTH
    first = {line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert first >= TASKS.keys()
    for role, heading in task_table.ROLES.items():
        assert heading in lines and any(entry.role == role for entry in TASKS.values())


def block(name: str) -> str:
    """The lines of one task, joined."""
    lines = task_table.tasks_page("tasks.txt.j2").splitlines()
    at = next(number for number, line in enumerate(lines) if line.split(" ")[0] == name)
    end = next(
        number for number, line in enumerate(lines) if number > at and not line.startswith("    ")
    )
    return " ".join(line.strip() for line in lines[at:end])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "mnli",
            (
                "MNLI",
                "392,702 / 9,815 / -",
                "nyu-mll/glue",
                "OANC",
                "Williams et al. 2018",
                "2 epochs, batch 24",
                "(unconfirmed)",
            ),
        ),
        (
            "panx",
            (
                "40 + 8",
                "google/xtreme, unimelb-nlp/wikiann",
                "10 epochs, batch 32, length 256, learning rate 1e-05",
            ),
        ),
        ("ccg", ("local files", "LDC")),
        ("anli_plus", ("mnli + snli + anli", "1,104,934? / 22,857? / -")),
        ("siqa_copa", ("siqa, then copa", "learning rate 3e-05")),
        ("tatoeba", ("retrieval", "no recipe of its own")),
    ],
)
def test_a_task_is_told_in_full(name, said):
    assert all(text in block(name) for text in said)


def test_only_confirmed_recipes_are_told_without_a_mark():
    page = task_table.tasks_page("tasks.md.j2")
    for entry in TASKS.values():
        if entry.published and entry.name not in VERSIONS:
            marked = "(unconfirmed)" in block(entry.name).rpartition("; ")[2]
            assert marked == (not entry.published.confirmed)
            assert entry.published.source in page
        assert set(entry.recalled) <= entry.sizes.keys()


def test_the_page_has_the_places_of_data_on_the_hub_and_in_files():
    page = task_table.tasks_page("tasks.md.j2")
    assert all(
        f"https://huggingface.co/datasets/{source.dataset})" in page for source in HUB.values()
    )
    assert all(f"local files: {reason}" in page for reason in LOCAL.values())
    for layouts in FILES.values():
        usual = [layout for layout in layouts if not layout.refusal and not layout.requires]
        assert all(f"`{pattern}`" in page for layout in usual for pattern in layout.files)
    assert all(place not in page for place in ("k-shot", "t-few", "20_shot")), "places of slices"
    assert page.count("| searched |") == 2 and "1,003,893 passages" in page


def test_rows_are_json_and_carry_everything(capsys):
    assert cli.main(["tasks", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == TASKS.keys()
    assert (
        rows["xquad"]["hub"]["dataset"] == "google/xtreme"
        and rows["xquad"]["hub_added"]["dataset"] == "google/xquad"
    )
    assert (
        rows["ccg"]["hub"] is None
        and "LDC" in rows["ccg"]["not_on_hub"]
        and rows["ccg"]["files"]["train"]
    )
