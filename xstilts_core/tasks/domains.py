"""Tasks of other domains, biomedical text and social media: each has a multilingual target and an
English intermediate task.

Data sets were eligible if the hub keeps them as parquet, their columns, classes and sizes are
publicly documented, and they have English training and development data and test data in several
languages.

AbstRCT is the biomedical target: claims and premises in abstracts of clinical trials. It was
translated from English by machine and its marks were projected (for Spanish also corrected by
hand); here it is trained and tested on the abstracts about neoplasm. The clinical cases of E3C were
the first choice, but the hub has them as a loading script, or per language as spans without the
English development set that chooses a checkpoint. Its intermediate task is PubMedQA: a large
question-and-abstract task over the same kind of text, made by rule, and like MNLI and QQP in form.

UMSAB (the "tweet_sentiment_multilingual" of Cardiff NLP) is the social-media target: the polarity
of tweets, with equally many in each language. Its intermediate task is TweetEval's
offensive-language task. TweetEval's own sentiment task was excluded, because UMSAB's English tweets
come from the same shared task, SemEval 2017 (unconfirmed). No paper was found that combines these
tasks: the recipes are those of XTREME's tasks of the same format.
"""

from xstilts_core.tasks.targets import codes
from xstilts_core.tasks.task import Published, Task

CHOSEN = "none published for this use; chosen after XTREME's tasks of this format"


def _unpublished_recipe(epochs: int, max_length: int) -> Published:
    return Published(epochs, 32, max_length, CHOSEN, confirmed=False)


DOMAINS: tuple[Task, ...] = (
    Task(
        "abstrct",
        title="AbstRCT",
        role="target",
        format="tagging",
        metric="f1",
        kind="semantic",
        domain="biomedical",
        citation="Mayer et al. 2020; Yeginbergen and Agerri 2024; García-Ferrero et al. 2024",
        licence="CC BY-NC-SA 4.0",
        languages=codes("en es fr it"),
        labels=("O", "B-Claim", "I-Claim", "B-Premise", "I-Premise"),
        train_on="abstrct",
        published=_unpublished_recipe(10, 256),
        sizes={"train": 4_404, "dev": 679, "test": 1_251},
    ),
    Task(
        "pubmedqa",
        title="PubMedQA",
        role="intermediate",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="biomedical",
        citation="Jin et al. 2019",
        licence="MIT",
        labels=("yes", "no", "maybe"),
        published=_unpublished_recipe(2, 384),
        sizes={"train": 211_269, "dev": 1_000},
    ),
    Task(
        "tweet_sentiment",
        title="Tweet sentiment (UMSAB)",
        role="target",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="social media",
        citation="Barbieri et al. 2022 (XLM-T)",
        licence="CC BY 3.0 and Twitter's terms (unconfirmed)",
        # A user of the files reported that nearly all "hindi" tweets are in Latin letters
        # (unconfirmed).
        languages=codes("en ar de es fr hi it pt"),
        labels=("negative", "neutral", "positive"),
        train_on="tweet_sentiment",
        published=_unpublished_recipe(5, 128),
        single_text=True,
        sizes={"train": 1_839, "dev": 324, "test": 870},
    ),
    Task(
        "tweet_offensive",
        title="Offensive tweets (TweetEval)",
        role="intermediate",
        format="pair",
        metric="accuracy",
        kind="semantic",
        domain="social media",
        citation="Zampieri et al. 2019; Barbieri et al. 2020 (TweetEval)",
        licence="not stated",
        labels=("non-offensive", "offensive"),
        published=_unpublished_recipe(3, 128),
        single_text=True,
        sizes={"train": 11_916, "dev": 1_324},
    ),
)
