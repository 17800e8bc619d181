"""The nine target tasks of XTREME (Hu et al. 2020), with the language lists of its evaluate.py and
the hyper-parameters of the authors' released recipe."""

from xstilts_core.tasks.intermediate import NLI
from xstilts_core.tasks.task import Published, Task

RECIPE = "jiant scripts/benchmarks/xtreme (the authors' released recipe)"
BIO = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


UPOS = codes("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X")


def _classification_recipe(epochs: int) -> Published:
    """Return the recipe of a classification or tagging task: 8 micro-batches of 4 per step."""
    return Published(epochs, 32, 256, RECIPE)


# 4 micro-batches of 4 per step.
QUESTIONS = Published(2, 16, 384, RECIPE)

TARGETS = (
    Task(
        "xnli",
        title="XNLI",
        role="target",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="ten genres",
        citation="Conneau et al. 2018",
        licence="CC BY-NC 4.0",
        languages=codes("en ar bg de el es fr hi ru sw th tr ur vi zh"),
        labels=NLI,
        train_on="mnli",
        published=_classification_recipe(2),
        sizes={"dev": 2_490, "test": 5_010},
    ),
    Task(
        "pawsx",
        title="PAWS-X",
        role="target",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="Wikipedia, Quora",
        citation="Yang et al. 2019",
        licence="free for any purpose (Google)",
        languages=codes("en de es fr ja ko zh"),
        labels=("0", "1"),
        train_on="pawsx",
        published=_classification_recipe(5),
        sizes={"train": 49_401, "dev": 2_000, "test": 2_000},
    ),
    Task(
        "udpos",
        title="POS",
        role="target",
        format="tagging",
        metric="f1",
        kind="syntactic",
        domain="mixed",
        citation="Zeman et al. 2019 (UD 2.5)",
        licence="per treebank",
        languages=codes(
            "en af ar bg de el es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl "
            "tr ur vi yo zh"
        ),
        added=codes("lt pl uk wo ro"),
        labels=UPOS,
        train_on="udpos",
        published=_classification_recipe(10),
        sizes={"train": 21_253, "dev": 3_974},
        # 2: words that are written as one are read as one word.
        version=2,
    ),
    Task(
        "panx",
        title="NER",
        role="target",
        format="tagging",
        metric="f1",
        kind="syntactic",
        domain="Wikipedia",
        citation="Pan et al. 2017; Rahimi et al. 2019",
        licence="not stated (Wikipedia text)",
        languages=codes(
            "en ar he vi id jv ms tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja "
            "ka ko th sw yo my zh kk tr et fi hu"
        ),
        added=codes("qu pl uk az lt pa gu ro"),
        labels=BIO,
        train_on="panx",
        published=_classification_recipe(10),
        sizes={"train": 20_000, "dev": 10_000, "test": 10_000},
    ),
    Task(
        "xquad",
        title="XQuAD",
        role="target",
        format="span",
        metric="f1",
        kind="semantic",
        domain="Wikipedia",
        citation="Artetxe et al. 2020",
        licence="CC BY-SA 4.0",
        languages=codes("en ar de el es hi ru th tr vi zh"),
        added=codes("ro"),
        train_on="squad_v1",
        published=QUESTIONS,
        sizes={"test": 1_190},
        scoring="squad",
    ),
    Task(
        "mlqa",
        title="MLQA",
        role="target",
        format="span",
        metric="f1",
        kind="semantic",
        domain="Wikipedia",
        citation="Lewis et al. 2020",
        licence="CC BY-SA 3.0",
        languages=codes("en ar de es hi vi zh"),
        train_on="squad_v1",
        published=QUESTIONS,
        sizes={"dev": 1_148, "test": 11_590},
        scoring="mlqa",
    ),
    Task(
        "tydiqa",
        title="TyDiQA-GoldP",
        role="target",
        format="span",
        metric="f1",
        kind="semantic",
        domain="Wikipedia",
        citation="Clark et al. 2020",
        licence="Apache 2.0",
        languages=codes("en ar bn fi id ko ru sw te"),
        train_on="tydiqa",
        published=QUESTIONS,
        sizes={"train": 3_696, "test": 440},
        recalled=("train",),
        scoring="squad",
    ),
    Task(
        "bucc2018",
        title="BUCC 2018",
        role="target",
        format="retrieval",
        metric="f1",
        kind="retrieval",
        domain="Wikipedia, news",
        citation="Zweigenbaum et al. 2018",
        licence="not stated",
        languages=codes("de fr ru zh"),
        sizes={"dev": 1_038, "test": 9_580},
    ),
    Task(
        "tatoeba",
        title="Tatoeba",
        role="target",
        format="retrieval",
        metric="accuracy",
        kind="retrieval",
        domain="everyday sentences",
        citation="Artetxe and Schwenk 2019",
        licence="CC BY 2.0 FR",
        languages=codes(
            "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko "
            "th sw zh kk tr et fi hu"
        ),
        added=codes("az lt pl uk ro"),
        sizes={"test": 1_000},
    ),
)
