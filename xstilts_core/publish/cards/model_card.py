"""The card of a trained model, even if the model was not kept: the hub's front matter, and a page
written from the run's record alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.publish.cards import facts
from xstilts_core.publish.cards.record import (
    KEPT,
    MODEL,
    TRAINED,
    Record,
    children,
    lost_parents,
    parents,
)
from xstilts_core.results import LANGUAGE_HEAD, Score
from xstilts_core.study.spec import SPECS, PretrainSpec, RetrievalSpec
from xstilts_core.wording.numbers import number
from xstilts_core.wording.text import page

_OWN_ENCODERS = MappingProxyType(
    {"mini": "Encoder of the embedded suite", "pretrained": "Encoder of this study's phase 1"}
)


def model_card(run: Record) -> ModelCard:
    """Return the card of a run of phase 1, 2 or 3, written from result.json files alone. Raise
    UsageError for a run that trains no model.

    The model index contains only scores of this model itself: the run's own, and those of
    retrieval, which trains nothing. The card has a licence only if everything that the run read
    comes with this suite.
    """
    phase = run.result.phase
    if phase not in TRAINED:
        raise UsageError(
            f"{run.name}: a run of phase {phase!r} trains no model, so it has no model "
            "card; its scores are on the card of the model that it scores and on the study's card: "
            f"xstilts card {run.study}"
        )
    scoring_runs, lineage = children(run), [*parents(run), run]
    own_licence = not lost_parents(run) and all(facts.is_embedded(item.spec) for item in lineage)
    name, started = _title(run), _started(run.spec)
    data_names = dict.fromkeys(name for item in lineage for name in item.data)
    direct = [child for child in scoring_runs if child.result.phase == RetrievalSpec.phase]
    front_matter = ModelCardData(
        language=facts.training_languages(item.spec for item in lineage) or None,
        license=facts.OWN_LICENCE if own_licence else None,
        library_name="transformers" if phase in KEPT else None,
        tags=[facts.PROJECT, "cross-lingual-transfer", phase if phase in KEPT else "scores-only"],
        datasets=facts.hub_datasets(run.data, run.spec) or None,
        base_model=facts.hub_model(run.spec) or None,
        model_name=name,
        eval_results=facts.model_index([run, *direct]) or None,
    )
    text = page(
        "model_card.md.j2",
        front_matter=front_matter.to_yaml(),
        title=name,
        run=run,
        spec=run.spec,
        provenance=run.result.provenance,
        details=run.result.details,
        kept=phase in KEPT,
        trained_on=facts.titles(run.tasks),
        started=started,
        use=_use(run) if phase in KEPT else {},
        earlier=[(item.name.partition("/")[2], facts.titles(item.tasks)) for item in lineage[:-1]],
        fields=SPECS[phase].model_fields,
        shown=facts.shown,
        data=facts.data_rows(data_names, run.spec, facts.revisions(lineage)),
        own_licence=facts.OWN_LICENCE if own_licence else "",
        model_scores=[row for item in scoring_runs for row in _language_rows(item)],
        in_english=not any(item.spec.get("data_languages") for item in lineage),
        limits=limits_of(run.spec),
        commands=facts.commands(run),
    )
    return ModelCard(f"{text}\n")


def limits_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the caveats on the data, the encoder and the hyper-parameters of a run need."""
    return {
        "spec": spec,
        "own_encoder": spec.get("encoder", "mini") in _OWN_ENCODERS,
        "unconfirmed": facts.unconfirmed(spec),
    }


def _started(spec: Mapping[str, Any]) -> str:
    """Return the name of the encoder that a run's study started from; "" in phase 1."""
    encoder = str(spec.get("encoder", ""))
    return _OWN_ENCODERS.get(encoder) or facts.shown(encoder)


def _title(run: Record) -> str:
    """Return a name without paths: 'FacebookAI/xlm-roberta-large after CosmosQA (seed 2)'."""
    seed = f"(seed {run.spec['seed']})"
    if run.result.phase == PretrainSpec.phase:
        return f"Multilingual masked language model {seed}"
    recipe = f", recipe {run.spec['recipe']}," if run.result.phase not in KEPT else ""
    return f"{_started(run.spec)}{recipe} after {facts.titles(run.tasks)} {seed}"


def _use(run: Record) -> dict[str, object]:
    """Return how the exported folder is loaded: `loader`, a class of transformers, and whether it
    has a language-model head."""
    folder = run.folder / MODEL
    classes = encoder_files.configuration(folder).get("architectures") or [""]
    # For the model type of an encoder-decoder, AutoModel would build the whole model.
    encoder_only = classes[0].endswith("EncoderModel")
    return {
        "loader": "AutoModelForTextEncoding" if encoder_only else "AutoModel",
        "head": (folder / LANGUAGE_HEAD).is_file(),
    }


def _language_rows(run: Record) -> list[tuple[str, ...]]:
    """Return a row per task, split and metric of a run. One cell has the values of all languages,
    another their n."""
    groups: dict[tuple[str, str, str], list[Score]] = {}
    for score in run.result.scores:
        groups.setdefault((score.task, score.split, score.metric), []).append(score)
    rows = []
    for key, scores in groups.items():
        sizes = [score.n for score in scores]
        count = " to ".join(f"{size:,}" for size in sorted({min(sizes), max(sizes)}))
        values = ", ".join(f"{score.language} {number(score.value)}" for score in scores)
        rows.append((run.name.partition("/")[2], *key, values, count))
    return rows
