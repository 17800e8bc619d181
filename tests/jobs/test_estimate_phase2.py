"""What the dry run counts of phase 2 and of ranking: the steps of every plan, adapters,
translations, pools of candidates."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import ranking_files
import torch
from test_estimate import remember, shown
from test_translator import folder as translator_folder
from torch.utils.flop_counter import FlopCounterMode

from xstilts_core import schedule
from xstilts_core.jobs.estimate import bench, forecast, probe, translating
from xstilts_core.jobs.estimate.earlier import by_earlier, finished
from xstilts_core.jobs.estimate.question import TEXTS, Answer, Question, Rendered, Rendering, Stage
from xstilts_core.jobs.estimate.sentences import left, needed
from xstilts_core.jobs.estimate.work import steps, work
from xstilts_core.schedule import Learner
from xstilts_core.study import Study
from xstilts_core.study.spec import IntermediateSpec, TargetSpec, TuneSpec
from xstilts_core.tasks import task
from xstilts_core.translation import translator

CPU = torch.device("cpu")
SMALL = {"batch_size": 32, "epochs": 2, "dev_examples": 10}


def learners(spec: TuneSpec) -> list[Learner]:
    """Learners with as many rows as the estimate counts examples: a row each, nothing in them."""
    rows = {piece.stage.task: piece.trained for piece in work(spec).pieces}
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


@pytest.mark.parametrize("name", PLANS)
def test_the_steps_and_evaluations_of_every_plan_are_counted(name: str) -> None:
    spec = PLANS[name]
    plan, planned = schedule.plan(spec, learners(spec)), work(spec)
    counted = steps(planned)
    assert sum(counted) == pytest.approx(plan.steps, abs=1)
    if plan.stages:
        texts = 1 + planned.mlm
        assert [count * texts for count in counted[: len(plan.stages)]] == pytest.approx(
            plan.stages, abs=1
        )
    judged = [piece for piece in planned.pieces if piece.stage.task != TEXTS]
    final = {"mnli": 400, "ccg": 400} if isinstance(spec, IntermediateSpec) else {"copa": 11 * 500}
    seen = [piece.scored - final.get(piece.stage.task, 0) for piece in judged]
    each = 10 * plan.evaluations
    assert seen == ([each] * len(seen) if not plan.stages else [0] * (len(seen) - 1) + [each])


def test_adapters_are_measured_as_such(encoders: dict[str, Path]) -> None:
    pytest.importorskip("peft")
    whole, adapted = (Stage("mnli", "mini", "", 64, batch_size=8, lora=rank) for rank in (0, 2))
    made, _ = bench.bench(Question("mini", "cpu", []), CPU)
    before = {name: value.clone() for name, value in made.encoder.network.state_dict().items()}
    speed = probe.tune(adapted, made)
    few = made.trained
    assert speed.batch > 0 and speed.step > 0 and speed.scored > 0 and few < 0.1 * made.parameters
    found = made.encoder.network.state_dict()
    assert found.keys() == before.keys(), "the adapters are out again"
    assert all(weight.requires_grad for weight in made.encoder.network.parameters())
    little = bench.memory(made, 0)
    full = probe.tune(whole, made)
    assert made.trained == made.parameters and bench.memory(made, 0) - little > 11 * made.parameters
    assert speed.step < full.step, "an optimizer step on a fraction of the weights"
    texts = probe.continued(Stage(TEXTS, "mini", "", 64, batch_size=8, lora=2), made)
    assert texts.batch > 0 and all(
        weight.requires_grad for weight in made.encoder.network.parameters()
    )


def test_the_adapters_of_a_large_encoder_are_counted_by_layer(
    encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    stage, question = (
        Stage("mnli", "mini", "", 64, batch_size=8, lora=2),
        Question(str(encoders["xlmr"]), "cpu", []),
    )
    whole, _ = bench.bench(question, CPU)
    monkeypatch.setattr(bench, "CPU_PARAMETERS", 1)
    cut, _ = bench.bench(question, CPU)
    for made in (whole, cut):
        probe.tune(stage, made)
    assert cut.trained == whole.trained > 0


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
    assert [past.kind for past in runs] == [("intermediate", "lora 8", "mnli")]
    units = work(adapted).units
    assert by_earlier(adapted.model_copy(update={"study": "now"}), units, runs)
    for other in (
        translated,
        IntermediateSpec(study="now", **settings),
        adapted.model_copy(update={"study": "now", "lora": 4}),
    ):
        assert by_earlier(other.model_copy(update={"study": "now"}), units, runs) is None


def operations(call: Callable[[], object], where: torch.device) -> float:
    """What a call computes, in place of the seconds that it takes."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())


def test_the_head_of_texts_is_not_counted_once_a_layer(
    encoders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head with a vocabulary larger than all else: of an encoder that is cut to one of its three
    layers it is made once."""
    monkeypatch.setattr(probe, "timed", operations)  # times depend on what else the machine does
    question, stage = Question("mini", "cpu", []), Stage(TEXTS, "mini", "", 128, batch_size=16)
    whole, _ = bench.bench(question, CPU)
    monkeypatch.setattr(bench, "CPU_PARAMETERS", 1)
    cut, _ = bench.bench(question, CPU)
    speeds = [probe.continued(stage, made) for made in (whole, cut)]
    assert cut.scale == 3.0 and cut.activations == pytest.approx(whole.activations, rel=0.35)
    assert speeds[1].batch == pytest.approx(speeds[0].batch, rel=0.1)


def test_a_pool_of_candidates_is_embedded_once(tmp_path: Path, encoders: dict[str, Path]) -> None:
    ranking_files.write_lareqa(tmp_path)
    place = {"source": "files", "data_root": str(tmp_path)}
    few = work(TargetSpec(train_on="squad_sentences", targets=["lareqa"], **place))
    # Nine sentences in each of 11 languages, besides 11 x 6 questions; the public release has
    # 13,014 and 11 x 1,190.
    assert few.pieces[0].stage.pool == 11 * 9 and few.languages == 11
    spec = TargetSpec(
        train_on="squad_sentences",
        targets=["lareqa"],
        source="files",
        data_root=str(tmp_path / "nowhere"),
    )
    public = work(spec)
    assert public.pieces[0].stage.pool == 13_014 and public.units - 13_014 > 3 * 87_599
    assert (
        work(TargetSpec(source="hub", train_on="wikipedia_mentions", targets=["mewslix"]))
        .pieces[0]
        .stage.pool
        == 1_003_893
    )
    stage = few.pieces[0].stage
    plain = Stage(**{**{name: getattr(stage, name) for name in Stage.__slots__}, "pool": 0})
    answers = [
        probe.answer(Question(str(encoders["xlmr"]), "cpu", [entry])) for entry in (plain, stage)
    ]
    (without,), (speed,) = (answer.speeds for answer in answers)
    assert without.once == 0 and 0.2 < speed.once / (99 * speed.scored) < 1, (
        "a passage is most of a row, and the query the rest"
    )
    made, _ = bench.bench(Question(str(encoders["xlmr"]), "cpu", []), CPU)
    made.trained = made.parameters
    empty, made.pool = bench.memory(made, 0), 1_000
    assert bench.memory(made, 0) - empty == 4 * 1_000 * 32


# ---- translation

TRANSLATED = {"tasks": ["mnli"], "translator": "org/model"}


def of(specs: list[IntermediateSpec]) -> list[float]:
    """Examples that each run has translated, in all languages."""
    found = needed(specs)
    return [sum(found.get(spec.folder, {}).values()) for spec in specs]


def test_what_one_run_has_translated_the_next_one_has_not() -> None:
    rows = work(IntermediateSpec(tasks=["mnli"])).pieces[0].trained
    german, again = (
        IntermediateSpec(seed=seed, data_languages=["de"], **TRANSLATED) for seed in (1, 2)
    )
    several = IntermediateSpec(recipe="several", data_languages=["de", "en", "sw"], **TRANSLATED)
    assert of([german, again, several]) == pytest.approx([rows, 0, rows / 3])
    assert of([several, german]) == pytest.approx([2 * rows / 3, 2 * rows / 3]), (
        "the rest of German"
    )
    # A quarter of the examples, another one by another seed; the same one by the same seed.
    part = [
        IntermediateSpec(seed=seed, data_languages=["de"], train_examples=rows // 4, **TRANSLATED)
        for seed in (1, 2)
    ]
    same = part[0].model_copy(update={"recipe": "noisy", "noise": 0.1})
    assert of([*part, same]) == pytest.approx([rows / 4, rows / 4 * 3 / 4, 0], rel=0.01)
    marian = IntermediateSpec(tasks=["mnli"], data_languages=["de"], translator="org/en-{language}")
    assert next(iter(needed([marian])[marian.folder])) == Rendering(
        "org/en-de", "de", "mnli", "mini", ""
    )
    assert needed([IntermediateSpec(tasks=["mnli"], data_languages=["de"])]) == {}, (
        "exact and published translations take no time"
    )
    staged = IntermediateSpec(
        tasks=["anli_plus"],
        source="hub",
        data_languages=["de"],
        translator="org/model",
        train_examples=1_000,
    )
    assert sum(of([staged])) == pytest.approx(1_000)


def test_kept_sentences_are_not_translated_again() -> None:
    first, second = (
        IntermediateSpec(seed=seed, data_languages=["de"], train_examples=100, **TRANSLATED)
        for seed in (1, 2)
    )
    asked = Rendering("org/model", "de", "mnli", "mini", "")
    costs = {asked: Rendered(sentences=2.0, seconds=0.5)}
    seconds, sentences = left([], [first], costs)
    assert seconds == {first.folder: pytest.approx(50.0)} and sentences == {
        ("org/model", "de"): pytest.approx(200.0)
    }
    half, _ = left([], [first], {asked: Rendered(sentences=2.0, seconds=0.5, kept=100)})
    assert half[first.folder] == pytest.approx(25.0)
    # A finished run's are among the kept ones.
    alone, _ = left([first], [second], {asked: Rendered(sentences=2.0, seconds=0.5, kept=200)})
    assert alone[second.folder] == pytest.approx(sum(of([first, second])[1:]) * 0.5)
    assert left([], [first], {asked: Rendered(error="no shape")})[0][first.folder] == 0.0


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> str:
    return translator_folder(tmp_path_factory.mktemp("translators") / "tiny-nllb")


def test_translation_is_measured(nllb: str, tmp_path: Path) -> None:
    made, _ = bench.bench(Question("mini", "cpu", []), CPU)
    asked = Rendering(nllb, "de", "mnli", "mini", "")
    found = translating.rendered(asked, made, str(tmp_path))
    other = translating.rendered(Rendering(nllb, "sw", "mnli", "mini", ""), made, "")
    assert other == found and len(made.translating) == 1, (
        "a model of many languages is measured once"
    )
    assert (
        found.seconds > 0
        and found.sentences >= 1
        and found.kept == 0
        and found.known
        and not found.error
        and made.translator > 0
    )
    translator.translations(nllb, "de", ["anna sees a dog .", "ben runs ."], tmp_path, lambda: CPU)
    assert translating.rendered(asked, made, str(tmp_path)).kept == 2
    # Data that is not here: as many tokens as are assumed of a training row of this format, for a
    # pair all of them but the marks.
    assumed = translating.rendered(Rendering(nllb, "de", "qqp", "hub", ""), made, "")
    assert assumed.seconds > 0 and not assumed.known
    unknown = translating.rendered(Rendering("nobody/has-this", "de", "mnli", "mini", ""), made, "")
    assert (
        "nobody/has-this" in unknown.error and "NLLB" not in unknown.error and unknown.seconds == 0
    )


def test_a_large_translator_is_measured_by_its_layers(
    nllb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = bench.bench(Question("mini", "cpu", []), CPU)
    config = translating.configuration(nllb, nllb)
    seen: list[int] = []
    monkeypatch.setattr(translating, "timed", lambda call, where: float(seen[-1] * 10 + 3))
    shaped = translating.shaped
    monkeypatch.setattr(
        translating,
        "shaped",
        lambda config, layers, *rest: (seen.append(layers), shaped(config, layers, *rest))[1],
    )
    deep = config.from_dict({**config.to_dict(), "encoder_layers": 8, "decoder_layers": 8})
    tokens = translating.CPU_SENTENCES * 10
    assert translating.seconds_of_token(deep, nllb, 10.0, made) == pytest.approx(
        (8 * 10 + 3) / tokens
    )
    monkeypatch.setattr(translating, "CPU_PARAMETERS", 1)
    assert translating.seconds_of_token(deep, nllb, 10.0, made) == pytest.approx(
        (8 * 10 + 3) / tokens
    ) and seen[-2:] == [1, 2]
    known = translating.configuration("facebook/nllb-200-distilled-600M", "nowhere")
    assert (known.vocab_size, known.d_model, known.encoder_layers, known.decoder_ffn_dim) == (
        256_206,
        1024,
        12,
        4096,
    )


STUDY = """
title: How long?
seeds: [1]
recipes:
  none:
  mnli_de: {{intermediate: [mnli], data_languages: [de], translator: {translator}}}
targets: [tatoeba]
intermediate: {{train_examples: 50}}
"""


def test_a_dry_run_says_what_translation_takes(
    nllb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(question: Question, threads: int) -> tuple[Answer, str]:
        content = json.loads(json.dumps({**forecast.asdict(question)}))
        return Answer.of(
            json.loads(json.dumps(forecast.asdict(probe.answer(Question.of(content)))))
        ), ""

    monkeypatch.setattr(forecast, "probe", here)
    path = tmp_path / "long.yaml"
    said = {}
    for name in (nllb, "org/unknown"):
        path.write_text(STUDY.format(translator=name))
        said[name] = forecast.forecast(
            Study.load(str(path), str(tmp_path / "outputs")), 1, 1, gpu=False, local=True
        )
    found = said[nllb]
    folder = next(spec.folder for spec in found.study.specs if isinstance(spec, IntermediateSpec))
    assert found.translation > 0 and found.costs[folder].seconds > found.translation
    assert f"into de by {nllb}" in shown(found) and "not counted" not in shown(found)
    assert said["org/unknown"].translation == 0
    assert (
        "not counted: the time of translation: translator 'org/unknown': its configuration is not on"
        in shown(said["org/unknown"])
    )
    # Without an answer a run that translates has no estimate, whatever earlier runs say.
    monkeypatch.setattr(forecast, "probe", lambda question, threads: (None, "it is not known"))
    remember(
        IntermediateSpec(
            study="long", outputs=str(tmp_path / "outputs"), train_examples=50, recipe="other"
        ),
        5.0,
    )
    assert "no estimate for 3 runs: it is not known" in shown(
        forecast.forecast(found.study, 1, 1, gpu=False, local=True)
    )
