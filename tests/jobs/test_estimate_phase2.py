"""What the dry run counts of phase 2 and of ranking: the steps of every plan, adapters, pools of
candidates; and what it says of translation."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import ranking_files
from test_estimate import remember, shown

from xstilts_core import schedule
from xstilts_core.jobs.estimate import forecast
from xstilts_core.jobs.estimate.forecast import by_earlier, finished, kind
from xstilts_core.jobs.estimate.work import work
from xstilts_core.schedule import Learner
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, TargetSpec, TuneSpec
from xstilts_core.tasks import task

SMALL = {"batch_size": 32, "epochs": 2, "dev_examples": 10}


def learners(spec: TuneSpec, rows: dict[str, int]) -> list[Learner]:
    """Learners with a row for each example that is trained on, and nothing in them."""
    names = spec.tasks if isinstance(spec, IntermediateSpec) else [spec.train_on]
    found = []
    for name in names:
        parts = task(name).parts if task(name).staged else (name,)
        streams = [
            SimpleNamespace(name=part, size=rows[part], encoded=range(rows[part])) for part in parts
        ]
        found.append(Learner(task(name), None, streams, []))
    return found


PLANS = {
    "together": IntermediateSpec(tasks=["mnli", "ccg"], train_examples=500, cap=300, **SMALL),
    "together, small": IntermediateSpec(
        tasks=["mnli", "ccg"], task_examples={"mnli": 40, "ccg": 900}, least_steps=90, **SMALL
    ),
    "in turn": IntermediateSpec(
        tasks=["mnli", "ccg"],
        task_examples={"mnli": 40, "ccg": 900},
        least_steps=20,
        sequence=True,
        **SMALL,
    ),
    "in turn, texts": IntermediateSpec(
        tasks=["mnli", "ccg"], train_examples=200, sequence=True, mlm=0.5, evaluate_every=9, **SMALL
    ),
    "texts": IntermediateSpec(
        tasks=["mnli"], train_examples=200, mlm=1.5, evaluate_every=9, **SMALL
    ),
    "stages": TargetSpec(
        source="hub",
        train_on="siqa_copa",
        targets=["xcopa"],
        train_examples=700,
        least_steps=60,
        **SMALL,
    ),
}


ROWS = {
    "together": {"mnli": 500, "ccg": 500},
    "together, small": {"mnli": 40, "ccg": 900},
    "in turn": {"mnli": 40, "ccg": 900},
    "in turn, texts": {"mnli": 200, "ccg": 200},
    "texts": {"mnli": 200},
    "stages": {"siqa": 700, "copa": 400},
}


@pytest.mark.parametrize("name", PLANS)
def test_the_steps_and_evaluations_of_every_plan_are_counted(name: str) -> None:
    spec = PLANS[name]
    plan, planned = schedule.plan(spec, learners(spec, ROWS[name])), work(spec)
    assert planned.steps == plan.steps and planned.trained == 32 * plan.steps
    final = 400 * len(spec.tasks) if isinstance(spec, IntermediateSpec) else 11 * 500
    judged = 1 if plan.stages else len(spec.trains)
    assert planned.scored == 10 * plan.evaluations * judged + final


def test_runs_with_adapters_and_with_translations_say_nothing_of_others(tmp_path: Path) -> None:
    settings = {"tasks": ["mnli"], "train_examples": 100, "outputs": str(tmp_path)}
    adapted = IntermediateSpec(study="before", recipe="adapted", lora=8, **settings)
    translated = IntermediateSpec(
        study="before",
        recipe="translated",
        data_languages=["de"],
        translator="org/model",
        **settings,
    )
    for spec in (adapted, translated):
        remember(spec, 10.0)
    runs = finished(tmp_path)
    assert [kind(past.spec) for past in runs] == [("intermediate", "lora 8", "mnli")]
    units = work(adapted).units
    assert by_earlier(adapted.model_copy(update={"study": "now"}), units, runs)
    for other in (
        translated,
        IntermediateSpec(study="now", **settings),
        adapted.model_copy(update={"study": "now", "lora": 4}),
    ):
        assert by_earlier(other.model_copy(update={"study": "now"}), units, runs) is None


def test_a_pool_of_candidates_is_embedded_once(tmp_path: Path) -> None:
    ranking_files.write_lareqa(tmp_path)
    place = {"source": "files", "data_root": str(tmp_path)}
    few = work(TargetSpec(train_on="squad_sentences", targets=["lareqa"], **place))
    # Nine sentences in each of 11 languages, besides 11 x 6 questions and, after each of the three
    # steps, six development examples; the public release has 13,014 and 11 x 1,190.
    assert few.languages == 11 and few.scored == 11 * 9 + 11 * 6 + 3 * 6
    spec = TargetSpec(
        train_on="squad_sentences",
        targets=["lareqa"],
        source="files",
        data_root=str(tmp_path / "nowhere"),
    )
    public = work(spec)
    assert public.scored > 13_014 and public.units - 13_014 > 3 * 87_599
    mentions = TargetSpec(source="hub", train_on="wikipedia_mentions", targets=["mewslix"])
    assert work(mentions).scored > 1_003_893


STUDY = """
title: How long?
seeds: [1]
recipes:
  none:
  mnli_de: {intermediate: [mnli], data_languages: [de], translator: "org/en-{language}"}
targets: [tatoeba]
intermediate: {train_examples: 50}
"""


def test_a_dry_run_says_that_translation_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "measure", lambda specs, threads: ["not tried"] * len(specs))
    path = tmp_path / "long.yaml"
    path.write_text(STUDY)
    study = Study.load(str(path), str(tmp_path / "outputs"))
    text = shown(forecast.forecast(study, 1, 1, gpu=False, local=True))
    assert "not counted: the time of translation into de by org/en-de" in text
    assert "no estimate for 3 runs: not tried" in text
