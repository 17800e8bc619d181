"""List the files of tagged words: PAN-X, Universal Dependencies, CCGbank."""

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
    """Return XTREME's files, then the archives {code}.tar.gz of Rahimi et al. (2019), each unpacked
    into its own folder."""
    folders = (
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
        *(Layout((f"{parent}/{split}",), _panx_of, 2) for parent in folders),
        packed("panx/AmazonPhotos.zip", "AmazonPhotos.zip", languages=tuple(LANGUAGES)),
        packed(*(f"{archive}/{{code}}.tar.gz" for archive in archives)),
    )


def udpos(split: str) -> tuple[Layout, ...]:
    """Return XTREME's files, then its releases of Universal Dependencies, with every treebank of a
    language.

    XTREME's scripts began with UD 2.5 and moved to 2.7 for XTREME-R. Both are read, first that of
    the language's benchmark. Large treebanks come in several files (de_hdt-ud-train-a.conllu).
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
