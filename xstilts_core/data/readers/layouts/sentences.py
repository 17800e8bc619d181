"""List the files of two-sided collections of sentences: Tatoeba, BUCC 2018."""

from pathlib import Path

from xstilts_core.data.readers.layout import Layout, packed, refusal
from xstilts_core.data.readers.sentences import read_bucc, read_tatoeba
from xstilts_core.examples import SentenceExample
from xstilts_core.tasks import task

_SORTED = (
    "holds no gold: XTREME sorts the English side, so line k no longer translates line k; "
    "use LASER's files (data/tatoeba/v1)"
)


def _tatoeba_of(paths: list[Path], code: str) -> list[SentenceExample]:
    return read_tatoeba(paths[0], paths[0].with_suffix(".eng"), code)


def _bucc_of(paths: list[Path], code: str) -> list[SentenceExample]:
    return read_bucc(paths[0], paths[0].with_suffix(".en"), paths[0].with_suffix(".gold"), code)


def tatoeba() -> tuple[Layout, ...]:
    """Return LASER's names, in a folder of the task or as in its repository. XTREME's names are
    refused."""
    names = "tatoeba/v1/tatoeba.{tatoeba}-eng.{tatoeba}"
    return (
        *(
            Layout((f"{folder}{names}",), _tatoeba_of, companions=(".eng",))
            for folder in ("", "data/", "LASER*/data/")
        ),
        refusal(_SORTED, "tatoeba/{code}-en.{code}", "tatoeba/xtreme/{code}-en.{code}"),
    )


def bucc(split: str, original: str) -> tuple[Layout, ...]:
    """Return XTREME's names, then those of the shared task's archives, unpacked."""
    patterns = (
        f"bucc2018/{{code}}-en.{split}.{{code}}",
        f"bucc2018/{{code}}-en/{{code}}-en.{original}.{{code}}",
    )
    archive = f"bucc2018-{{code}}-en.{original}-gold.tar.bz2"
    return (
        *(
            Layout(
                (pattern,),
                _bucc_of,
                companions=(".en", ".gold"),
                languages=task("bucc2018").languages,
            )
            for pattern in patterns
        ),
        packed(archive, f"bucc2018/{archive}", languages=task("bucc2018").languages),
    )


SENTENCES: dict[tuple[str, str], tuple[Layout, ...]] = {
    ("tatoeba", "test"): tatoeba(),
    # The shared task's training part is XTREME's test set, and its sample the development set.
    ("bucc2018", "dev"): bucc("dev", "sample"),
    ("bucc2018", "test"): bucc("test", "training"),
}
