"""Files of tagged words: PAN-X, Universal Dependencies, CCGbank."""

from pathlib import Path

from xstilts_core.data.readers.conllu import read_treebanks
from xstilts_core.data.readers.layout import Layout, packed
from xstilts_core.data.readers.tags import read_ccg, read_panx, read_udpos
from xstilts_core.examples import TagsExample
from xstilts_core.languages import LANGUAGES
from xstilts_core.tasks import task

SPLITS = ("train", "dev", "test")


def _panx_of(paths: list[Path], code: str) -> list[TagsExample]:
    return read_panx(paths[0], code)


def udpos_of(paths: list[Path], code: str) -> list[TagsExample]:
    return read_udpos(paths[0])


def _ccg_of(paths: list[Path], code: str) -> list[TagsExample]:
    return read_ccg(paths[0])


def panx(split: str) -> tuple[Layout, ...]:
    """XTREME's files, then the archives {code}.tar.gz of Rahimi et al. (2019), each unpacked into a
    folder of its own."""
    places = (
        "panx/{code}",
        "panx/panx_dataset/{code}",
        "panx_dataset/{code}",
        "panx/rahimi/{code}",
        "panx/rahimi/{code}/{code}.tar.gz",
    )
    archives = ("panx", "panx/panx_dataset", "panx_dataset", "panx/rahimi", "panx/rahimi/{code}")
    return (
        *(
            Layout((f"panx/{folder}{split}-{{code}}.tsv",), _panx_of, 2)
            for folder in ("", "xtreme/")
        ),
        *(Layout((f"{place}/{split}",), _panx_of, 2) for place in places),
        packed("panx/AmazonPhotos.zip", "AmazonPhotos.zip", languages=tuple(LANGUAGES)),
        packed(*(f"{archive}/{{code}}.tar.gz" for archive in archives)),
    )


def udpos(split: str) -> tuple[Layout, ...]:
    """XTREME's files, then the releases of Universal Dependencies that it takes: every treebank of
    a language, none left out.

    XTREME's scripts began with UD 2.5 and moved to 2.7 for XTREME-R; both are read, the one of the
    language's benchmark first. Large treebanks come in several files (de_hdt-ud-train-a.conllu).
    """
    old, new = (
        tuple(
            f"{folder}ud-treebanks-{release}/UD_{{treebank}}-*/{{code}}_*-ud-{split}*.conllu"
            for folder in ("udpos/", "")
        )
        for release in ("v2.5", "v2.7")
    )
    return (
        Layout((f"udpos/{split}-{{code}}.tsv",), udpos_of, 2),
        *(Layout((pattern,), read_treebanks, languages=task("udpos").languages) for pattern in old),
        *(Layout((pattern,), read_treebanks) for pattern in new),
        *(Layout((pattern,), read_treebanks, languages=task("udpos").added) for pattern in old),
        packed("udpos/ud-treebanks-v2.*.tgz", "ud-treebanks-v2.*.tgz", languages=tuple(LANGUAGES)),
    )


TAGS: dict[tuple[str, str], tuple[Layout, ...]] = {
    **{("panx", split): panx(split) for split in SPLITS},
    **{("udpos", split): udpos(split) for split in SPLITS},
    **{("ccg", split): (Layout((f"ccg/{split}.tsv",), _ccg_of, 2),) for split in ("train", "dev")},
}
