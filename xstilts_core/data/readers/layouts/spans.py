"""List the files of span questions: SQuAD, XQuAD, MLQA, TyDiQA-GoldP."""

from pathlib import Path

from xstilts_core.data.readers.layout import Layout, packed
from xstilts_core.data.readers.spans import has_answers, read_squad
from xstilts_core.errors import UsageError, unknown
from xstilts_core.examples import SpanExample
from xstilts_core.languages import language
from xstilts_core.tasks import task

# XTREME's copy of TyDiQA has no labelled development questions, so the last tenth of its English
# training questions replaces them.
_DEV_SHARE = 10
TYDIQA = task("tydiqa").languages
ENGLISH = ("en",)
_TYDIQA_TRAIN = "tydiqa/tydiqa-goldp-v1.1-train"
_TYDIQA_DEV = "tydiqa/tydiqa-goldp-v1.1-dev"
# XTREME has a file per language, whose name differs in one of its versions; the upstream file holds
# all languages.
_BY_LANGUAGE = (
    f"{_TYDIQA_TRAIN}/tydiqa.goldp.{{code}}.train.json",
    f"{_TYDIQA_TRAIN}/tydiqa.{{code}}.train.json",
)
_ALL_DEV = f"{_TYDIQA_DEV}.json"
TOGETHER = (f"{_TYDIQA_TRAIN}.json", f"{_TYDIQA_TRAIN}/tydiqa-goldp-v1.1-train.json")


def _squad_of(paths: list[Path], code: str) -> list[SpanExample]:
    return read_squad(paths[0])


def _unchanged_squad_of(paths: list[Path], code: str) -> list[SpanExample]:
    """Read the questions of SQuAD 1.1's development set in Jia and Liang's adversarial file. Ids
    with "-" are the altered ones."""
    return [example for example in read_squad(paths[0]) if "-" not in example.id]


def _other_articles_of(paths: list[Path], code: str) -> list[SpanExample]:
    """Read the Stanford course's half of SQuAD 2.0's development set for training, without the
    texts of dev-v2.0.json in the folder above."""
    development = paths[0].parent.parent / "dev-v2.0.json"
    return _without_contexts(
        read_squad(paths[0]), read_squad(development) if development.is_file() else []
    )


def _without_contexts(
    examples: list[SpanExample], held_out: list[SpanExample]
) -> list[SpanExample]:
    """Return the examples whose text is not that of a held-out example."""
    contexts = {example.context for example in held_out}
    return [example for example in examples if example.context not in contexts]


def _tydiqa_of(paths: list[Path], code: str) -> list[SpanExample]:
    """Read one language's questions. In the upstream file, which holds nine languages, their ids
    begin with its name ("finnish-...")."""
    examples = read_squad(paths[0])
    if not any(paths[0].match(pattern) for pattern in (*TOGETHER, _ALL_DEV)):
        return examples
    names = [language(other).name.lower() for other in TYDIQA]
    for example in examples:
        if example.id.partition("-")[0].lower() not in names:
            raise unknown(
                "beginning of an id", example.id, [f"{known}-" for known in names], str(paths[0])
            )
    name = language(code).name.lower()
    selected = [example for example in examples if example.id.lower().startswith(f"{name}-")]
    if not selected:
        raise UsageError(
            f"{paths[0]} holds no question whose id begins with {name}-: "
            "expected TyDiQA-GoldP's file of all languages"
        )
    return selected


def _tydiqa_development_of(paths: list[Path], code: str) -> list[SpanExample]:
    """Read the last tenth of the English training questions."""
    examples = _tydiqa_of(paths, code)
    return examples[len(examples) - max(1, len(examples) // _DEV_SHARE) :]


def _tydiqa_training_of(paths: list[Path], code: str) -> list[SpanExample]:
    """Read the English training questions before the last tenth, without those about its texts."""
    development = _tydiqa_development_of(paths, code)
    return _without_contexts(_tydiqa_of(paths, code)[: -len(development)], development)


def has_development(path: Path) -> bool:
    """Return whether labelled English development questions exist beside a training file; if so,
    the whole file is for training."""
    root = next(parent for parent in path.parents if parent.name == "tydiqa").parent
    return any(layout.find("en", root) for layout in _TYDIQA_EVALUATION)


_TYDIQA_EVALUATION = tuple(
    Layout((pattern,), _tydiqa_of, condition=has_answers, languages=TYDIQA)
    for pattern in (
        f"{_TYDIQA_DEV}/tydiqa-goldp-dev-{{name}}.json",
        f"{_TYDIQA_DEV}/tydiqa.goldp.{{code}}.dev.json",
        _ALL_DEV,
    )
)
_TYDIQA_PACKED = packed(f"{_TYDIQA_DEV}.tgz", languages=TYDIQA)


def squad(version: str, split: str) -> tuple[Layout, ...]:
    """Return SQuAD's own names, in a folder of the task or in XTREME's."""
    folders = (f"squad_{version.partition('.')[0]}", "squad")
    return tuple(Layout((f"{folder}/{split}-{version}.json",), _squad_of) for folder in folders)


def mlqa(split: str) -> tuple[Layout, ...]:
    """Return questions in the language of their text: the language pairs that XTREME scores. XTREME
    removes the answers of test."""
    names = f"MLQA_V1/{split}/{split}-context-{{code}}-question-{{code}}.json"
    layouts = tuple(
        Layout((f"{folder}{names}",), _squad_of, condition=has_answers) for folder in ("mlqa/", "")
    )
    return (*layouts, packed("mlqa/MLQA_V1.zip", "MLQA_V1.zip", languages=task("mlqa").languages))


def translated(split: str) -> tuple[Layout, ...]:
    """Return MLQA's translation of SQuAD 1.1: the archive mlqa-translate-train, unpacked."""
    names = f"mlqa-translate-train/{{code}}_squad-translate-train-{split}-v1.1.json"
    return tuple(Layout((f"{folder}{names}",), _squad_of) for folder in ("mlqa/", ""))


SPANS: dict[tuple[str, str], tuple[Layout, ...]] = {
    ("squad_v1", "train"): squad("v1.1", "train"),
    ("squad_v1", "dev"): (
        *squad("v1.1", "dev"),
        Layout(("squad_v1/adversarial/AddOneSent.json",), _unchanged_squad_of),
    ),
    ("squad_v2", "train"): (
        *squad("v2.0", "train"),
        Layout(("squad_v2/cs224n/dev-v2.0.json",), _other_articles_of),
    ),
    ("squad_v2", "dev"): squad("v2.0", "dev"),
    ("squad_translated", "train"): translated("train"),
    ("squad_translated", "dev"): translated("dev"),
    # XTREME removes the answers of its copy. XQuAD-R (LAReQA) has the same questions about the same
    # texts.
    ("xquad", "test"): (
        Layout(("xquad/xquad.{code}.json",), _squad_of, condition=has_answers),
        Layout(("lareqa/xquad-r/{code}.json",), _squad_of),
    ),
    ("mlqa", "dev"): mlqa("dev"),
    ("mlqa", "test"): mlqa("test"),
    # Training is in English only, so the other languages' training questions may serve as
    # development data.
    ("tydiqa", "train"): tuple(
        layout
        for pattern in (*_BY_LANGUAGE, *TOGETHER)
        for layout in (
            Layout((pattern,), _tydiqa_of, condition=has_development, languages=ENGLISH),
            Layout((pattern,), _tydiqa_training_of, languages=ENGLISH),
        )
    ),
    ("tydiqa", "dev"): (
        *_TYDIQA_EVALUATION,
        *(
            Layout((pattern,), _tydiqa_development_of, languages=ENGLISH)
            for pattern in (*_BY_LANGUAGE, *TOGETHER)
        ),
        *(
            Layout((pattern,), _tydiqa_of, languages=TYDIQA[1:])
            for pattern in (*_BY_LANGUAGE, *TOGETHER)
        ),
        _TYDIQA_PACKED,
    ),
    ("tydiqa", "test"): (*_TYDIQA_EVALUATION, _TYDIQA_PACKED),
}
