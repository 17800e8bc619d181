"""Caveats on a run's numbers, one sentence each, derived from the run's record."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from xstilts_core.publish.cards.data import hub_model, is_local
from xstilts_core.tasks import TASKS, Published

_MADE_UP = (
    "The data are the embedded suite's: texts generated from lexicons and a small grammar, under "
    "the names of the real tasks. Its scores are no evidence about the real tasks or languages, "
    "nor about XLM-R, and no native speaker has yet read the sentences of all nine languages."
)
TINY = (
    "The encoder comes from the embedded suite too: it knows only the suite's vocabulary and "
    "grammar, and is useless on real texts."
)
ONE_SEED = "One run with one seed: the variation between seeds is not visible here."
ENGLISH_ONLY = (
    "Scores in languages other than English are zero-shot: their training data were English."
)
POOLER = (
    "No pooler was trained or saved. Where AutoModel adds one (BERT, XLM-R) its weights are "
    "random: read `last_hidden_state`, not `pooler_output`."
)
# Earlier training of hub encoders, if it changes the meaning of a baseline or a gain.
BEFORE = MappingProxyType(
    {
        "intfloat/multilingual-e5-small": "The encoder is distilled (Multilingual-MiniLM, from "
        "XLM-R) and was then trained contrastively on sentence pairs, English NLI and SQuAD among "
        "them: its baseline is not a plain masked language model, has seen some of the "
        "intermediate tasks, and its retrieval starts high."
    }
)
_UNREAD = (
    "The licence of the model it started from is on that model's own card, and was not checked "
    "here."
)


def trained_before(encoder: str) -> str:
    """Return what is known of an encoder's earlier training, if it matters here; else ""."""
    return BEFORE.get(encoder, "")


def data_limits(spec: Mapping[str, Any]) -> list[str]:
    """Return the caveats on the data, the encoder and the hyper-parameters of a run."""
    sentences = [_MADE_UP] if spec["source"] == "mini" else []
    if spec["source"] == "mini" and (spec.get("encoder", "pretrained") in ("mini", "pretrained")):
        sentences.append(TINY)
    if (encoder := str(spec.get("encoder", ""))) and (hub_model(encoder) or is_local(encoder)):
        sentences += list(filter(None, [trained_before(encoder), _UNREAD]))
    return [*sentences, *changes(spec), *recalled(spec)]


def run_limits(spec: Mapping[str, Any]) -> list[str]:
    """Return the caveats on a run as such: that it is a control, or that data were limited."""
    sentences = (
        [f"This is a control ({spec['control']}): a reference for comparison, not for use."]
        if spec.get("control")
        else []
    )
    limit_nouns = {
        "train_examples": "training examples of a task",
        "test_examples": "test examples of a language",
    }
    sentences += [
        f"At most {spec[key]:,} {noun} were used."
        for key, noun in limit_nouns.items()
        if spec.get(key)
    ]
    if sizes := spec.get("task_examples"):
        sentences.append(
            "Training examples by task, at most: "
            f"{', '.join(f'{name} {size:,}' for name, size in sizes.items())}."
        )
    return sentences


def changes(spec: Mapping[str, Any]) -> list[str]:
    """Return the caveats on changed training data: translated, or with noise."""
    sentences = []
    if spec.get("translator"):
        sentences.append(
            "Training data were translated by a model; nobody has checked the translations."
        )
    if spec.get("noise"):
        sentences.append(
            f"A share of {spec['noise']:g} of the words of the training data was dropped, replaced "
            "or displaced on purpose."
        )
    return sentences


def recalled(spec: Mapping[str, Any]) -> list[str]:
    """Return a caveat on published hyper-parameters that have not been confirmed."""
    names = [
        name for name in (*(spec.get("tasks") or ()), *(spec.get("targets") or ())) if name in TASKS
    ]
    unconfirmed_tasks = [
        name for name in names if spec["source"] != "mini" and follows(spec, TASKS[name].published)
    ]
    if not unconfirmed_tasks:
        return []
    return [
        f"The suite's hyper-parameters for {', '.join(unconfirmed_tasks)} are recalled from the "
        "paper's appendix or chosen (unconfirmed)."
    ]


def follows(spec: Mapping[str, Any], published: Published | None) -> bool:
    """Return whether a run used hyper-parameters that are marked unconfirmed."""
    if published is None or published.confirmed:
        return False
    settings = published.settings()
    return all(
        spec.get(name) == settings[name] for name in ("epochs", "batch_size", "learning_rate")
    )


def listed(sentences: Sequence[str]) -> list[str]:
    """Return the sentences as a Markdown list without duplicates."""
    return [f"- {sentence}" for sentence in dict.fromkeys(sentences)]
