"""The tasks that XTREME-R (Ruder et al. 2021) adds to XTREME's, and the tasks that they are trained
on.

Languages and hyper-parameters are those of its evaluate.py and training scripts.
"""

from xstilts_core.tasks.targets import codes
from xstilts_core.tasks.task import Published, Task

SCRIPTS = "XTREME-R, scripts/ (google-research/xtreme)"
# Questions have at most 96 tokens (formats/ranking.py). There are 4 micro-batches of 4 per step,
# and a query is contrasted within its micro-batch.
_LAREQA, _LAREQA_GROUP = Published(3, 16, 256, SCRIPTS, learning_rate=2e-5), 4
# The recipe of XLM-R Large; for multilingual BERT the script has batches of 64 and 2e-5.
_MEWSLIX, _MEWSLIX_GROUP = Published(2, 32, 64, SCRIPTS), 8

XTREME_R = (
    Task(
        "siqa",
        title="SIQA",
        role="part",
        format="choice",
        metric="accuracy",
        kind="reasoning",
        domain="everyday situations",
        citation="Sap et al. 2019",
        licence="CC BY 4.0",
        sizes={"train": 33_410, "dev": 1_954},
    ),
    Task(
        "copa",
        title="COPA",
        role="part",
        format="choice",
        metric="accuracy",
        kind="reasoning",
        domain="everyday situations",
        citation="Roemmele et al. 2011",
        licence="BSD 2-clause (unconfirmed)",
        sizes={"train": 400, "dev": 100, "test": 500},
    ),
    Task(
        "siqa_copa",
        title="SIQA, then COPA",
        role="part",
        format="choice",
        metric="accuracy",
        kind="reasoning",
        domain="everyday situations",
        citation="Ruder et al. 2021; Sap et al. 2019; Roemmele et al. 2011",
        licence="the parts' licences",
        published=Published(5, 32, 128, SCRIPTS, learning_rate=3e-5),
        parts=("siqa", "copa"),
        staged=True,
        sizes={"train": 33_810, "dev": 2_054},
    ),
    Task(
        "xcopa",
        title="XCOPA",
        role="target",
        format="choice",
        metric="accuracy",
        kind="reasoning",
        domain="everyday situations",
        citation="Ponti et al. 2020",
        licence="CC BY 4.0",
        languages=codes("et ht id it qu sw ta th tr vi zh"),
        train_on="siqa_copa",
        published=Published(5, 32, 128, SCRIPTS, learning_rate=3e-5),
        sizes={"dev": 100, "test": 500},
    ),
    Task(
        "squad_sentences",
        title="SQuAD 1.1 by sentence",
        role="part",
        format="ranking",
        metric="map@20",
        kind="retrieval",
        domain="Wikipedia",
        citation="Rajpurkar et al. 2016; Roy et al. 2020",
        licence="CC BY-SA 4.0",
        published=_LAREQA,
        group=_LAREQA_GROUP,
        sizes={"train": 87_599, "dev": 10_570},
    ),
    # Source of the pool: the README of its release, candidates of the 11 languages of XQuAD-R.
    Task(
        "lareqa",
        title="LAReQA (XQuAD-R)",
        role="target",
        format="ranking",
        metric="map@20",
        kind="retrieval",
        domain="Wikipedia",
        citation="Roy et al. 2020",
        licence="CC BY-SA 4.0",
        languages=codes("en ar de el es hi ru th tr vi zh"),
        train_on="squad_sentences",
        published=_LAREQA,
        group=_LAREQA_GROUP,
        sizes={"test": 1_190},
        pool=13_014,
    ),
    Task(
        "wikipedia_mentions",
        title="Mewsli-X, Wikipedia's mentions",
        role="part",
        format="ranking",
        metric="map@20",
        kind="retrieval",
        domain="Wikipedia",
        citation="Ruder et al. 2021",
        licence="Apache-2.0 (unconfirmed)",
        published=_MEWSLIX,
        group=_MEWSLIX_GROUP,
        sizes={"train": 167_719, "dev": 14_051},
    ),
    # Sizes differ by language: development 72 (fa) to 326 (de), test 458 (fa) to 1,567 (ta). Source
    # of the pool: mewsli-x.md of its release.
    Task(
        "mewslix",
        title="Mewsli-X",
        role="target",
        format="ranking",
        metric="map@20",
        kind="retrieval",
        domain="news",
        citation="Ruder et al. 2021",
        licence="Apache-2.0 (unconfirmed)",
        languages=codes("en ar de es fa ja pl ro ta tr uk"),
        train_on="wikipedia_mentions",
        published=_MEWSLIX,
        group=_MEWSLIX_GROUP,
        sizes={"dev": 316, "test": 1_490},
        pool=1_003_893,
    ),
)
