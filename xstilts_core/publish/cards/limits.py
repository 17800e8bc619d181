"""What a reader must know before trusting a run's numbers; each sentence from a fact of its
record."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from xstilts_core.publish.cards.data import hub_model, is_local
from xstilts_core.tasks import TASKS, Published

_MADE_UP = (
    "The data are the embedded suite's: texts made from lexicons and a small grammar, under the names of the real tasks. Its scores are no "
    "evidence about the real tasks or languages, nor about XLM-R, and no native speaker has yet read the sentences of all nine languages."
)
TINY = "The encoder comes from the embedded suite too: it knows its vocabulary and grammar, and is of no use on real texts."
ONE_SEED = (
    "One run with one seed: differences of the size that another seed makes are not seen here."
)
ENGLISH_ONLY = (
    "Scores in languages other than English are zero-shot: their training data were English."
)
POOLER = (
    "No pooler was trained or saved. Where AutoModel adds one (BERT, XLM-R) its weights are random: read `last_hidden_state`, not "
    "`pooler_output`."
)
# What encoders of the hub have seen before, where that changes what a baseline or a gain means.
BEFORE = MappingProxyType(
    {
        "intfloat/multilingual-e5-small": "The encoder is distilled (Multilingual-MiniLM, from XLM-R) and was then trained contrastively "
        "on sentence pairs, English NLI and SQuAD among them: its baseline is no plain masked language model, has seen some of the "
        "intermediate tasks, and its retrieval starts high."
    }
)
_UNREAD = "The licence of the model it started from is on that model's own card, and was not looked at here."


def trained_before(encoder: str) -> str:
    """What an encoder was trained on before, as far as it is known and matters here; or ""."""
    return BEFORE.get(encoder, "")


def data_limits(spec: Mapping[str, Any]) -> list[str]:
    """What the data, the encoder and the hyper-parameters of one run leave open."""
    found = [_MADE_UP] if spec["source"] == "mini" else []
    if spec["source"] == "mini" and (spec.get("encoder", "pretrained") in ("mini", "pretrained")):
        found.append(TINY)
    if (encoder := str(spec.get("encoder", ""))) and (hub_model(encoder) or is_local(encoder)):
        found += list(filter(None, [trained_before(encoder), _UNREAD]))
    return [*found, *changes(spec), *recalled(spec)]


def run_limits(spec: Mapping[str, Any]) -> list[str]:
    """What else to know of one run alone: that it is a control, and data that were not all used."""
    found = (
        [f"This is a control ({spec['control']}), made to be compared with, not to be used."]
        if spec.get("control")
        else []
    )
    named = {
        "train_examples": "training examples of a task",
        "test_examples": "test examples of a language",
    }
    found += [
        f"At most {spec[key]:,} {noun} were used." for key, noun in named.items() if spec.get(key)
    ]
    if sizes := spec.get("task_examples"):
        found.append(
            f"Training examples by task, at most: {', '.join(f'{name} {size:,}' for name, size in sizes.items())}."
        )
    return found


def changes(spec: Mapping[str, Any]) -> list[str]:
    """Training data that are not what they usually are."""
    found = []
    if spec.get("translator"):
        found.append(
            "Training data were translated by a model; nobody has checked the translations."
        )
    if spec.get("noise"):
        found.append(
            f"A share of {spec['noise']:g} of the words of the training data was dropped, replaced or displaced on purpose."
        )
    return found


def recalled(spec: Mapping[str, Any]) -> list[str]:
    """Published hyper-parameters that no source at hand confirms."""
    names = [
        name for name in (*(spec.get("tasks") or ()), *(spec.get("targets") or ())) if name in TASKS
    ]
    own = [
        name for name in names if spec["source"] != "mini" and follows(spec, TASKS[name].published)
    ]
    if not own:
        return []
    return [
        f"Hyper-parameters as the suite has them for {', '.join(own)}, recalled from the paper's appendix or chosen (unconfirmed)."
    ]


def follows(spec: Mapping[str, Any], published: Published | None) -> bool:
    """Whether a run was made with hyper-parameters that are marked unconfirmed."""
    if published is None or published.confirmed:
        return False
    settings = published.settings()
    return all(
        spec.get(name) == settings[name] for name in ("epochs", "batch_size", "learning_rate")
    )


def listed(sentences: Sequence[str]) -> list[str]:
    """A Markdown list, each sentence once."""
    return [f"- {sentence}" for sentence in dict.fromkeys(sentences)]
