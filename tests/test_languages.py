"""The table of languages: complete, consistent, and clear about wrong codes."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from xstilts_core.errors import UsageError
from xstilts_core.languages import LANGUAGES, language
from xstilts_core.tasks import TASKS

XTREME_R = (
    "af ar az bg bn de el en es et eu fa fi fr gu he hi ht hu id it ja jv ka kk ko lt ml mr ms "
    "my nl pa pl pt qu ro ru sw ta te th tl tr uk ur vi wo yo zh"
)


def test_every_language_of_xtreme_r_has_a_row():
    assert [code for code in LANGUAGES if code in XTREME_R.split()] == XTREME_R.split()
    assert all(code == row.code for code, row in LANGUAGES.items())


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda entry: entry.name)
def test_every_language_of_every_task_has_a_row(task):
    for code in (*task.languages, *task.added):
        assert language(code).code == code


def test_codes_in_file_names_are_unique_and_complete():
    codes = [row.tatoeba for row in LANGUAGES.values() if row.tatoeba]
    assert len(codes) == len(set(codes))
    assert (
        sum(1 for code in XTREME_R.split() if LANGUAGES[code].tatoeba) == 42
    )  # XTREME-R's 41 languages and English
    assert all(LANGUAGES[code].tatoeba for code in TASKS["tatoeba"].languages)
    assert all(LANGUAGES[code].treebank for code in TASKS["udpos"].languages)


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("en", "high"),
        ("tr", "high"),
        ("ta", "mid"),
        ("eu", "mid"),
        ("gu", "low"),
        ("sw", "low"),
        ("yo", "low"),
    ],
)
def test_resource_levels(code, level):
    assert language(code).resource_level == level


def test_languages_without_spaces():
    assert {code for code, row in LANGUAGES.items() if not row.whitespace} == {
        "ja",
        "my",
        "th",
        "zh",
    }


@pytest.mark.parametrize(
    ("wrong", "right"), [("German", "de"), ("deu", "de"), ("EN", "en"), ("zn", "zh"), ("tha", "th")]
)
def test_a_wrong_code_is_answered_with_the_right_one(wrong, right):
    with pytest.raises(
        UsageError, match=rf"unknown language '{wrong}' in params/quick.yaml.*\b{right}\b"
    ):
        language(wrong, "params/quick.yaml")


def test_no_is_not_a_language():
    """YAML reads the code `no` as False: the error must not be a crash."""
    with pytest.raises(UsageError, match="unknown language False"):
        language(False)


def test_rows_are_frozen():
    with pytest.raises(FrozenInstanceError):
        language("en").name = "Englisch"
    with pytest.raises(TypeError):
        LANGUAGES["xx"] = language("en")


def test_nothing_heavy_is_imported():
    code = "import sys, xstilts_core.languages; print(sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
