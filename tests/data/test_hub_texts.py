"""Texts of continued masked language modelling from a stand-in for the hub: one file a language,
locked, read again without asking."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hub_stand_in import Hub, serving
from test_hub_lock import FETCH, run

from xstilts_core.data.hub_client import Repository, revisions, settle
from xstilts_core.errors import UsageError
from xstilts_core.study import Study
from xstilts_core.study.spec import DataSpec, IntermediateSpec
from xstilts_core.tasks import XTREME_LANGUAGES

DATASET = "wikimedia/wikipedia"
READ = "import json; from xstilts_core.data.source import Hub; print(json.dumps(Hub().unlabelled(['sw', 'en'], 3, 1)))"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Hub]:
    """A hub with two languages of Wikipedia, each in two files."""
    import datasets

    folder = tmp_path / "hub" / "datasets" / DATASET / "main"
    configs = []
    for code in ("en", "sw"):
        config = f"20231101.{code}"
        (folder / config).mkdir(parents=True)
        for number in range(2):
            lines = [
                f"\n{code}, article {article} of file {number}.\n\nMore of it."
                for article in range(5)
            ]
            columns = {
                "id": [str(k) for k in range(5)],
                "url": ["u"] * 5,
                "title": ["t"] * 5,
                "text": [*lines[:4], "\n"],
            }
            datasets.Dataset.from_dict(columns).to_parquet(
                str(folder / config / f"train-0000{number}-of-00002.parquet")
            )
        configs.append(
            {"config_name": config, "data_files": [{"split": "train", "path": f"{config}/train-*"}]}
        )
    (folder / "README.md").write_text(
        f"---\n{yaml.safe_dump({'configs': configs})}---\n", encoding="utf-8"
    )
    with serving(tmp_path / "hub") as found:
        yield found


def test_first_paragraphs_of_the_first_file_are_drawn_and_read_again_offline(server, tmp_path):
    cache = tmp_path / "cache"
    fetched = run(FETCH, server, cache, json.dumps({"tasks": [], "texts": ["en", "sw"]}))
    rows = json.loads(fetched.stdout)["fetched"]
    assert [
        (row["repository"], row["configuration"], row["split"], row["rows"]) for row in rows
    ] == [
        (DATASET, "20231101.en", "train", 5),
        (DATASET, "20231101.sw", "train", 5),
    ]
    assert not any(
        "00001-of-00002" in request for request in map(str, server.asked) if "resolve" in request
    )
    texts = json.loads(run(READ, server, cache, offline=True).stdout)
    # Three of the four articles that have a text, of each language.
    assert [text[:2] for text in texts] == ["sw"] * 3 + ["en"] * 3 and len(set(texts)) == 6
    assert all(text.endswith("of file 0.") for text in texts)


def test_a_study_fetches_the_texts_that_its_runs_read(tmp_path, monkeypatch):
    monkeypatch.setenv("XSTILTS_HUB_LOCK", str(tmp_path / "hub.lock"))
    path = tmp_path / "texts.yaml"
    lines = [
        "title: t",
        "source: hub",
        "seeds: [1]",
        "targets: [xnli]",
        "recipes: {none: , mnli: {intermediate: [mnli], mlm: 1}}",
    ]
    path.write_text("\n".join(lines))
    first, second = Study.load(str(path)).specs[:2]
    assert (
        isinstance(first, DataSpec)
        and first.texts == list(XTREME_LANGUAGES)
        and len(first.texts) == 40
    )
    assert isinstance(second, IntermediateSpec) and second.text_languages == XTREME_LANGUAGES
    path.write_text("\n".join([*lines, "intermediate: {mlm_languages: [en, sw]}"]))
    assert Study.load(str(path)).specs[0].texts == ["en", "sw"]
    settle(Repository("dataset", DATASET), "1" * 40)
    assert (
        revisions(second) == {DATASET: "1" * 40}
        and revisions(second.model_copy(update={"mlm": 0.0})) == {}
    )
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        DataSpec.of({"texts": ["xx"]})
