"""The card of a model that a run trained, or would have kept: front matter of the hub, and a page
that its record alone fills."""

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

# Where and how a run was made, or the names that it goes by: not what was trained.
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
_OPEN_LICENCE = "No licence is stated here: whoever publishes the model chooses one that those of its data and of the model it started from allow."


def model_card(run: Record) -> ModelCard:
    """The card of a run of phase 1, 2 or 3, made from result.json files alone. UsageError for a run
    that trains no model.

    The model index has the scores that were measured on this model itself: its own, and those of
    retrieval, which trains nothing.
    """
    if run.result.phase not in TRAINED:
        raise UsageError(
            f"{run.name}: a run of phase {run.result.phase!r} trains no model, so that it has no model card; its scores are on the "
            f"cards of what it scores and of the study: xstilts card {run.study}"
        )
    scored = children(run)
    sections = [
        [f"# {title(run)}", "", introduction(run)],
        *([["## Use", "", *usage(run)]] if run.result.phase in KEPT else []),
        ["## Training", "", *training(run)],
        ["## Data and licences", "", *licences(run)],
        ["## Scores", "", *measured(run, scored)],
        ["## Limits", "", *listed(limits(run))],
        ["## Provenance", "", *provenance_table(run)],
        ["## To make it again", "", *reproduction(run)],
        ["## Cite", "", CITATION],
    ]
    text = "\n\n".join("\n".join(lines) for lines in sections)
    return ModelCard(f"---\n{front_matter(run, scored).to_yaml()}\n---\n\n{text}\n")


def front_matter(run: Record, scored: Sequence[Record]) -> ModelCardData:
    """What the hub indexes. What the record does not say is left out."""
    direct = [child for child in scored if child.result.phase == RetrievalSpec.phase]
    return ModelCardData(
        language=seen_languages(entry.spec for entry in (*parents(run), run)) or None,
        license=OWN_LICENCE if _is_own(run) else None,
        library_name="transformers" if run.result.phase in KEPT else None,
        tags=[*TAGS, *([run.result.phase] if run.result.phase in KEPT else ["scores-only"])],
        datasets=hub_datasets(run.data, run.spec) or None,
        base_model=hub_model(str(run.spec.get("encoder", ""))) or None,
        model_name=title(run),
        eval_results=index([run, *direct]) or None,
    )


def _is_own(run: Record) -> bool:
    """Whether the model and all that it stands on come with this suite."""
    return not lost_parents(run) and all(is_embedded(entry.spec) for entry in (*parents(run), run))


def named(names: Sequence[str]) -> str:
    return ", ".join(TASKS[name].title if name in TASKS else name for name in names)


def started(run: Record) -> str:
    """What the model was before this study."""
    encoder = str(run.spec["encoder"])
    return _OWN_ENCODERS.get(encoder) or shown(encoder)


def title(run: Record) -> str:
    """A name without places: 'FacebookAI/xlm-roberta-large after CosmosQA (seed 2)'."""
    seed = f"(seed {run.spec['seed']})"
    if run.result.phase == PretrainSpec.phase:
        return f"Multilingual masked language model {seed}"
    recipe = f", recipe {run.spec['recipe']}," if run.result.phase not in KEPT else ""
    return f"{started(run)}{recipe} after {named(run.tasks)} {seed}"


def introduction(run: Record) -> str:
    """What this is, in a few sentences."""
    made = f"Made by the open-source suite {PROJECT}: {PHASES[run.result.phase]} of the study `{run.study}`."
    if run.result.phase == PretrainSpec.phase:
        return f"A masked language model trained from scratch. {made}"
    if run.result.phase == IntermediateSpec.phase:
        return (
            f"An encoder, to be fine-tuned: trained on intermediate tasks ({named(run.tasks)}), whose heads were dropped. "
            f"It started from: {started(run)}. {made}"
        )
    before = f" after recipe `{run.spec['recipe']}`" if run.spec["recipe"] != BASELINE else ""
    return (
        f"Scores of an encoder{before}, fine-tuned on {named(run.tasks)}; the fine-tuned model itself was not kept. "
        f"It started from: {started(run)}. {made}"
    )


def usage(run: Record) -> list[str]:
    """How to load what `xstilts export` writes."""
    head = (run.folder / MODEL / LANGUAGE_HEAD).is_file()
    made = encoder_files.configuration(run.folder / MODEL).get("architectures") or [""]
    # Of an encoder-decoder's model type AutoModel would build the whole.
    loader = "AutoModelForTextEncoding" if made[0].endswith("EncoderModel") else "AutoModel"
    return [
        "```python",
        f"from transformers import {loader}, AutoTokenizer",
        "",
        f'tokenizer, model = AutoTokenizer.from_pretrained("REPO"), {loader}.from_pretrained("REPO")',
        "```",
        "",
        f"REPO: this repository's name, or the folder.{' AutoModelForMaskedLM loads its language-model head too.' if head else ''}",
    ]


def training(run: Record) -> list[str]:
    """The runs it stands on, its parameters and what was counted."""
    before = [
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
        *(["Before it, in the same study:", "", *before, ""] if before else []),
        *table,
        *counted(run.result.details),
    ]


def counted(details: dict[str, Any]) -> list[str]:
    """What training chose and counted."""
    names = {
        "parameters": "weights",
        "tokens": "tokens trained on",
        "best_step": "step of the checkpoint kept",
        "counts": "steps by task",
    }
    found = [
        f"- {text}: {_shown_count(details[name])}"
        for name, text in names.items()
        if details.get(name)
    ]
    found += [
        f"- {part['part']}: {part['found']:,} examples in {language_name(part['language'])}, {part['filled']:,} filled up with others, "
        f"{part['dropped']:,} dropped"
        for part in details.get("translated", ())
    ]
    return ["", *found] if found else []


def _shown_count(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items())
    return f"{value:,}"


def language_name(code: str) -> str:
    return LANGUAGES[code].name if code in LANGUAGES else code


def licences(run: Record) -> list[str]:
    """The data sets of the run and of those before it, and what that means for the model's
    licence."""
    chain = [*parents(run), run]
    revisions = {
        name: commit
        for entry in chain
        for name, commit in entry.result.provenance.get("revisions", {}).items()
    }
    table = data_table(
        list(dict.fromkeys(name for entry in chain for name in entry.data)), run.spec, revisions
    )
    texts = {"mini": "generated texts of the embedded suite", "files": "texts of local files"}
    lines = table or [f"Trained on {texts.get(str(run.spec['source']), 'texts')}."]
    return [*lines, "", f"Licence of the model: {OWN_LICENCE}." if _is_own(run) else _OPEN_LICENCE]


def measured(run: Record, scored: Sequence[Record]) -> list[str]:
    """Its own scores, and those of the study's runs that used it."""
    lines = [
        "In percent, but for perplexity; n is the number of items.",
        "",
        *score_table(run.result.scores),
    ]
    if scored:
        lines += [
            "",
            "Runs of the study that used this model: fine-tuned on English data (target/), or as it is (retrieval/).",
            "",
        ]
        lines += by_task(scored)
    return lines


def limits(run: Record) -> list[str]:
    found = [*data_limits(run.spec), *run_limits(run.spec), ONE_SEED]
    found += [POOLER] if run.result.phase in KEPT else []
    chain = [*parents(run), run]
    return (
        found
        if run.result.phase == PretrainSpec.phase
        or any(entry.spec.get("data_languages") for entry in chain)
        else [*found, ENGLISH_ONLY]
    )
