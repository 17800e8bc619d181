"""Small files of sentence pairs in their releases' columns, and what is read of them."""

from pathlib import Path

from xstilts_core.examples import PairExample

GLUE_HEADER = "index\tpromptID\tpairID\tgenre\tsentence1\tsentence2\tlabel1\tgold_label"
SNLI_OWN = (
    "gold_label\tsentence1\tsentence2\tcaptionID\tpairID\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5"
)
PAWS_HEADER = "id\tsentence1\tsentence2\tlabel"
XNLI_HEADER = "language\tgold_label\tsentence1_parse\tsentence1\tsentence2\tpairID"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def table(header: str, *rows: str, end: str = "\n") -> str:
    return "".join(line + end for line in (header, *rows))


def labels(examples: list[PairExample]) -> list[str | None]:
    return [example.label for example in examples]


def texts(examples: list[PairExample]) -> list[tuple[str, str]]:
    return [(example.text_a, example.text_b) for example in examples]
