"""The page of a study of several parts: the question, the state and the answers of each, safely
shown, with links that lead somewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from xstilts_core import results
from xstilts_core.commands import study as commands
from xstilts_core.commands.cli import main
from xstilts_core.report import webpage
from xstilts_core.report.figures.files import finish
from xstilts_core.results import Score
from xstilts_core.study import Study

PART = """
title: Is <b>{title}</b> & that so?
seeds: [1]
recipes:
  none:
  ccg: {{intermediate: [ccg]}}
targets: [udpos]
reports: [00_study, 30_transfer]
"""


class Links(HTMLParser):
    """Where the links of a page lead, and the names of its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name == "href"]


@pytest.fixture
def group(tmp_path: Path) -> Study:
    """Two parts: of the first two runs are done, and a report found something; nothing is known of
    the second."""
    for name in ("first", "second"):
        (tmp_path / f"{name}.yaml").write_text(PART.format(title=name), encoding="utf-8")
    (tmp_path / "both.yaml").write_text(
        "title: Both <i>questions</i>\nparts: [first, second]\n", encoding="utf-8"
    )
    study = Study.load(str(tmp_path / "both.yaml"), str(tmp_path / "outputs"))
    first = study.members[0]
    for spec in first.specs[:2]:
        results.write(spec, [Score("udpos", "de", "test", "f1", 50.0, 10)], "cpu", 1.0)
    for name in first.reports:
        (first.root / "report" / name).mkdir(parents=True)
    finish(first.root / "report" / "00_study", "00_study")
    finish(
        first.root / "report" / "30_transfer",
        "30_transfer",
        "**ccg** gains <script>alert(1)</script> +4.2 points (1.0 to 7.4).\n\nNot more.",
    )
    (first.root / "report" / webpage.PAGE).write_text("the reports", encoding="utf-8")
    return study


def test_what_a_report_found_stands_in_its_result(group: Study) -> None:
    first, second = group.members
    assert "answer" not in json.loads(
        (first.root / "report" / "00_study" / results.RESULT).read_text()
    )
    assert (
        webpage.answer(first, "30_transfer").startswith("**ccg** gains")
        and webpage.answer(first, "00_study") == ""
    )
    assert webpage.answer(second, "30_transfer") == "", "not run yet"


def test_the_page_of_several_parts(group: Study) -> None:
    path = webpage.build(group)
    assert path == group.root / "report" / "index.html"
    page = path.read_text(encoding="utf-8")
    assert (
        "Is &lt;b&gt;first&lt;/b&gt; &amp; that so?" in page
        and "both: Both &lt;i&gt;questions&lt;/i&gt;" in page
    )
    assert (
        f"first: 2 of {len(group.members[0].specs)} runs done" in page
        and "second: 0 of" in page
        and "no reports yet" in page
    )
    assert (
        "<strong>ccg</strong> gains &lt;script&gt;" in page
        and "<p>Not more.</p>" in page
        and page.count("No answer yet.") == 1
    )
    links = Links()
    links.feed(page)
    assert not {"script", "b", "i"} & links.tags
    for target in links.found:
        file, _, name = target.partition("#")
        assert (path.parent / file).is_file() if file else f'id="{name}"' in page, target
    assert "../../first/report/index.html#30_transfer" in links.found and not any(
        "../../second" in link for link in links.found
    )
    assert (
        "@media print" in page
        and "width=device-width" in page
        and not re.search(r'(src|href)="https?:', page)
    )


def test_run_says_where_the_page_is(
    group: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        commands, "run_one", lambda study, part, jobs, profile: int(study.name == "second")
    )
    assert main(["run", group.file, "--outputs", str(group.root.parent)]) == 1, "a part failed"
    assert f"all parts: {group.root / 'report' / 'index.html'}" in capsys.readouterr().out
