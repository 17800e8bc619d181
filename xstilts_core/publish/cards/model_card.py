"""The card of a trained model, even if the model was not kept: the hub's front matter, and a page
written from the run's record alone."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from xstilts_core.errors import UsageError
from xstilts_core.files import encoder_files
from xstilts_core.languages import LANGUAGES
from xstilts_core.publish.cards.data import (
    OWN_LICENCE,
    data_table,
    hub_datasets,
    hub_model,
    is_embedded,
    seen_languages,
    shown,
)
from xstilts_core.publish.cards.limits import (
    ENGLISH_ONLY,
    ONE_SEED,
    POOLER,
    data_limits,
    listed,
    run_limits,
)
from xstilts_core.publish.cards.origin import CITATION, PROJECT, provenance_table, reproduction
from xstilts_core.publish.cards.record import (
    KEPT,
    MODEL,
    TRAINED,
    Record,
    children,
    lost_parents,
    parents,
)
from xstilts_core.publish.cards.scores import by_task, index, score_table
from xstilts_core.publish.task_table import pipes
from xstilts_core.results import LANGUAGE_HEAD
from xstilts_core.study.spec import BASELINE, SPECS, IntermediateSpec, PretrainSpec, RetrievalSpec
from xstilts_core.tasks import TASKS

# Parameters that describe where and how a run was made, or its names, not the training.
PLACES = frozenset(
    {
        "study",
        "recipe",
        "outputs",
        "data_root",
        "device",
        "checkpoint_every",
        "by_size",
        "test_examples",
        "languages",
    }
)
PHASES = MappingProxyType({"pretrain": "phase 1", "intermediate": "phase 2", "target": "phase 3"})
_OWN_ENCODERS = MappingProxyType(
    {"mini": "Encoder of the embedded suite", "pretrained": "Encoder of this study's phase 1"}
)
TAGS = (PROJECT, "cross-lingual-transfer")
_OPEN_LICENCE = (
    "No licence is stated here: whoever publishes the model must choose one that is allowed by the "
    "licences of its data and of the model it started from."
)


def model_card(run: Record) -> ModelCard:
    """Return the card of a run of phase 1, 2 or 3, written from result.json files alone. Raise
    UsageError for a run that trains no model.

    The model index contains only scores of this model itself: the run's own, and those of
    retrieval, which trains nothing.
    """
    if run.result.phase not in TRAINED:
        raise UsageError(
            f"{run.name}: a run of phase {run.result.phase!r} trains no model, so it has no model "
            "card; its scores are on the card of the model that it scores and on the study's card: "
            f"xstilts card {run.study}"
        )
    scoring_runs = children(run)
    sections = [
        [f"# {title(run)}", "", introduction(run)],
        *([["## Use", "", *usage(run)]] if run.result.phase in KEPT else []),
        ["## Training", "", *training(run)],
        ["## Data and licences", "", *licences(run)],
        ["## Scores", "", *measured(run, scoring_runs)],
        ["## Limits", "", *listed(limits(run))],
        ["## Provenance", "", *provenance_table(run)],
        ["## Reproduction", "", *reproduction(run)],
        ["## Cite", "", CITATION],
    ]
    text = "\n\n".join("\n".join(lines) for lines in sections)
    return ModelCard(f"---\n{front_matter(run, scoring_runs).to_yaml()}\n---\n\n{text}\n")


def front_matter(run: Record, scored: Sequence[Record]) -> ModelCardData:
    """Return the metadata that the hub indexes, without fields that the record lacks."""
    direct = [child for child in scored if child.result.phase == RetrievalSpec.phase]
    return ModelCardData(
        language=seen_languages(ancestor.spec for ancestor in (*parents(run), run)) or None,
        license=OWN_LICENCE if _is_all_embedded(run) else None,
        library_name="transformers" if run.result.phase in KEPT else None,
        tags=[*TAGS, *([run.result.phase] if run.result.phase in KEPT else ["scores-only"])],
        datasets=hub_datasets(run.data, run.spec) or None,
        base_model=hub_model(str(run.spec.get("encoder", ""))) or None,
        model_name=title(run),
        eval_results=index([run, *direct]) or None,
    )


def _is_all_embedded(run: Record) -> bool:
    """Return whether the data and the encoders of the run and its parents come with this suite."""
    return not lost_parents(run) and all(
        is_embedded(ancestor.spec) for ancestor in (*parents(run), run)
    )


def named(names: Sequence[str]) -> str:
    return ", ".join(TASKS[name].title if name in TASKS else name for name in names)


def started(run: Record) -> str:
    """Return the name of the encoder that the study started from."""
    encoder = str(run.spec["encoder"])
    return _OWN_ENCODERS.get(encoder) or shown(encoder)


def title(run: Record) -> str:
    """Return a name without paths: 'FacebookAI/xlm-roberta-large after CosmosQA (seed 2)'."""
    seed = f"(seed {run.spec['seed']})"
    if run.result.phase == PretrainSpec.phase:
        return f"Multilingual masked language model {seed}"
    recipe = f", recipe {run.spec['recipe']}," if run.result.phase not in KEPT else ""
    return f"{started(run)}{recipe} after {named(run.tasks)} {seed}"


def introduction(run: Record) -> str:
    """Return a few sentences that say what the model is."""
    origin = (
        f"Made by the open-source suite {PROJECT}: {PHASES[run.result.phase]} of the study "
        f"`{run.study}`."
    )
    if run.result.phase == PretrainSpec.phase:
        return f"A masked language model trained from scratch. {origin}"
    if run.result.phase == IntermediateSpec.phase:
        return (
            f"An encoder to be fine-tuned. It was trained on intermediate tasks "
            f"({named(run.tasks)}), whose heads were dropped. "
            f"It started from: {started(run)}. {origin}"
        )
    before = f" after recipe `{run.spec['recipe']}`" if run.spec["recipe"] != BASELINE else ""
    return (
        f"Scores of an encoder{before}, fine-tuned on {named(run.tasks)}; the fine-tuned model "
        f"itself was not kept. It started from: {started(run)}. {origin}"
    )


def usage(run: Record) -> list[str]:
    """Return the lines on how to load the folder that `xstilts export` writes."""
    head = (run.folder / MODEL / LANGUAGE_HEAD).is_file()
    classes = encoder_files.configuration(run.folder / MODEL).get("architectures") or [""]
    # For the model type of an encoder-decoder, AutoModel would build the whole model.
    loader = "AutoModelForTextEncoding" if classes[0].endswith("EncoderModel") else "AutoModel"
    return [
        "```python",
        f"from transformers import {loader}, AutoTokenizer",
        "",
        'tokenizer, model = AutoTokenizer.from_pretrained("REPO"), '
        f'{loader}.from_pretrained("REPO")',
        "```",
        "",
        f"REPO: this repository's name, or the folder."
        f"{' AutoModelForMaskedLM also loads its language-model head.' if head else ''}",
    ]


def training(run: Record) -> list[str]:
    """Return the lines on the parent runs, the parameters and the counts of the training."""
    earlier_runs = [
        f"- {parent.name.partition('/')[2]}: {named(parent.tasks) or 'masked language modelling'}"
        for parent in parents(run)
    ]
    fields = SPECS[run.result.phase].model_fields
    rows = [
        (f"`{name}`", shown(value), fields[name].description or "" if name in fields else "")
        for name, value in run.spec.items()
        if name not in PLACES and value not in ("", [], {})
    ]
    table = pipes([("parameter", "value", "meaning"), ("---", "---", "---"), *rows])
    return [
        *(["Earlier runs in the same study:", "", *earlier_runs, ""] if earlier_runs else []),
        *table,
        *counted(run.result.details),
    ]


def counted(details: dict[str, Any]) -> list[str]:
    """Return the lines on what training chose and counted."""
    names = {
        "parameters": "weights",
        "tokens": "tokens trained on",
        "best_step": "step of the checkpoint kept",
        "counts": "steps by task",
    }
    lines = [
        f"- {text}: {_shown_count(details[name])}"
        for name, text in names.items()
        if details.get(name)
    ]
    lines += [
        f"- {part['part']}: {part['found']:,} examples in {language_name(part['language'])}, "
        f"{part['filled']:,} filled up with others, {part['dropped']:,} dropped"
        for part in details.get("translated", ())
    ]
    return ["", *lines] if lines else []


def _shown_count(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items())
    return f"{value:,}"


def language_name(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def licences(run: Record) -> list[str]:
    """Return the lines on the data sets of the run and its parents, and on the model's licence."""
    lineage = [*parents(run), run]
    revisions = {
        name: commit
        for item in lineage
        for name, commit in item.result.provenance.get("revisions", {}).items()
    }
    table = data_table(
        list(dict.fromkeys(name for item in lineage for name in item.data)), run.spec, revisions
    )
    texts = {"mini": "generated texts of the embedded suite", "files": "texts of local files"}
    lines = table or [f"Trained on {texts.get(str(run.spec['source']), 'texts')}."]
    return [
        *lines,
        "",
        f"Licence of the model: {OWN_LICENCE}." if _is_all_embedded(run) else _OPEN_LICENCE,
    ]


def measured(run: Record, scored: Sequence[Record]) -> list[str]:
    """Return the lines with the run's own scores and those of the runs that used its model."""
    lines = [
        "In percent, except perplexity; n is the number of items.",
        "",
        *score_table(run.result.scores),
    ]
    if scored:
        lines += [
            "",
            "Runs of the study that used this model: fine-tuned on English data (target/), or "
            "unchanged (retrieval/).",
            "",
        ]
        lines += by_task(scored)
    return lines


def limits(run: Record) -> list[str]:
    sentences = [*data_limits(run.spec), *run_limits(run.spec), ONE_SEED]
    sentences += [POOLER] if run.result.phase in KEPT else []
    lineage = [*parents(run), run]
    return (
        sentences
        if run.result.phase == PretrainSpec.phase
        or any(record.spec.get("data_languages") for record in lineage)
        else [*sentences, ENGLISH_ONLY]
    )
