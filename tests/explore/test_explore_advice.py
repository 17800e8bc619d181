"""Advice in the explorer: the same answers as `xstilts advise`."""

import re
from functools import partial

import pytest
from ipywidgets import Dropdown

from xstilts_core.explore import Reader, advice_view, controls
from xstilts_core.explore.page import Page
from xstilts_core.report.advice import Encoding, answers
from xstilts_core.study import Study


@pytest.fixture(scope="module")
def view():
    widgets = list(
        controls.descendants([advice_view(answers)(Reader(Study.load("measured", "", ".")))])
    )
    chosen = {widget.description: widget for widget in widgets if isinstance(widget, Dropdown)}
    (page,) = (widget for widget in widgets if isinstance(widget, Page))
    return chosen["target"], chosen["language"], page


def order(page: Page) -> list[str]:
    """The recipes of the table, in their order."""
    return re.findall(r"<tr>\s*<td><bdi>(\w+)<", page.html)


def test_recipes_for_a_target_and_in_a_language(view):
    target, language, page = view
    target.value = "tydiqa"
    assert order(page)[:2] == ["squad_v1", "squad_v2"] and order(page)[-1] == "ccg"
    assert "on tydiqa (measured" in page.html and "xstilts notebook 20_intermediate" in page.html
    assert 'alt="expected zero-shot gain of each recipe' in page.html
    assert {"ko", "sw"} <= {code for _, code in language.options}
    target.value = "tatoeba"
    language.value = "sw"
    assert order(page)[0] == "none" and "Order: " in page.html


def test_a_study_without_gains_is_one_sentence(tmp_path):
    study = Study.load("smoke", str(tmp_path), ".")
    advise = partial(answers, encoding=Encoding(outputs=str(tmp_path)))
    _, _, target, _, page = controls.descendants([advice_view(advise)(Reader(study))])
    assert page.html == ""
    target.value = "tydiqa"
    assert "smoke has no finished gains: it cannot be evidence" in page.html
