"""Published machine translations of English training sets: the same examples in other languages.

The originals are not listed here: they are the English training sets of MNLI, SQuAD 1.1 and PAWS-X.
Development and test data are those of XNLI, MLQA and PAWS-X. Phang et al. (2020) also translated
MNLI, QQP and HellaSwag, and published none of it.
"""

from xstilts_core.tasks.intermediate import NLI
from xstilts_core.tasks.targets import codes
from xstilts_core.tasks.task import Task

# A task's English training set -> its published translations.
TRANSLATIONS = {
    "mnli": "mnli_translated",
    "squad_v1": "squad_translated",
    "pawsx": "pawsx_translated",
}

TRANSLATED: tuple[Task, ...] = (
    Task(
        "mnli_translated",
        title="MNLI, translated",
        role="part",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="ten genres",
        citation="Conneau et al. 2018; Williams et al. 2018",
        licence="CC BY-NC 4.0",
        languages=codes("ar bg de el es fr hi ru sw th tr ur vi zh"),
        labels=NLI,
        sizes={"train": 392_702},
    ),
    Task(
        "squad_translated",
        title="SQuAD 1.1, translated",
        role="part",
        format="span",
        metric="f1",
        kind="semantic",
        domain="Wikipedia",
        citation="Lewis et al. 2020; Rajpurkar et al. 2016",
        licence="CC BY-SA 3.0",
        # Questions whose answer was not found in the translated paragraph are missing: 76,000 to
        # 85,000 remain.
        languages=codes("ar de es hi vi zh"),
        sizes={"train": 78_058, "dev": 9_512},
        scoring="mlqa",
    ),
    Task(
        "pawsx_translated",
        title="PAWS-X, translated",
        role="part",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="Wikipedia, Quora",
        citation="Yang et al. 2019",
        licence="free for any purpose (Google)",
        languages=codes("de es fr ja ko zh"),
        labels=("0", "1"),
        sizes={"train": 49_401},
    ),
)
