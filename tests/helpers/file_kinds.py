"""Small files of every layout that examples are read from, and how many examples their lines
make."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from damaged_files import json_lines
from pair_files import GLUE_HEADER, PAWS_HEADER, SNLI_OWN, XNLI_HEADER, table

TEXTS = ("Anna reads.", "Das Café ist zu.", "Она́ чита́ет.", "वह पढ़ती है।", "她读书。", "قَرَأَ كِتَابًا")
PAIRS = [(TEXTS[k % 6], TEXTS[(k + 2) % 6]) for k in range(8)]
NLI = ("entailment", "neutral", "contradiction")


def rows(*cells: Any) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in zip(*cells, strict=True))


FIRST, SECOND = zip(*PAIRS, strict=True)
LABELS = [NLI[k % 3] for k in range(8)]
DIGITS = [str(k % 2) for k in range(8)]
TAGGED = "Anna\tB-PER\nliest\tO\n\nHeute\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n\n10:30\tO\n"
CONLLU = (
    "# text = im Haus\n1-2\tim\t_\t_\t_\t_\t_\t_\t_\t_\n1\tin\t_\tADP\t_\t_\t3\t_\t_\t_\n2\tdem\t_\tDET\t_\t_\t3\t_\t_\t_\n"
    "2.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n3\tHaus\t_\tNOUN\t_\t_\t0\t_\t_\t_\n\n1\tJa\t_\tINTJ\t_\t_\t0\t_\t0:root\t_\n\n"
)
CONTEXT = "Anna lives in New York. Peter reads an old book."
QUESTIONS = [
    ("Who lives in New York?", "Anna"),
    ("Who reads?", "Peter"),
    ("What does Peter read?", "an old book"),
    ("Where?", "New York"),
]


def squad(prefix: str = "q", impossible: bool = False) -> str:
    asked = [
        {
            "id": f"{prefix}{k}",
            "question": question,
            "answers": [{"text": text, "answer_start": CONTEXT.index(text)}],
        }
        for k, (question, text) in enumerate(QUESTIONS)
    ]
    asked += (
        [{"id": f"{prefix}9", "question": "Why?", "answers": [], "is_impossible": True}]
        if impossible
        else []
    )
    return json.dumps(
        {
            "data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": asked}]}],
            "version": "1.1",
        },
        indent=1,
    )


def hellaswag(k: int) -> dict[str, Any]:
    return {"ctx_a": TEXTS[k], "ctx_b": "he", "endings": ["a.", "b.", "c.", "d."], "label": k % 4}


def commonsense(k: int) -> dict[str, Any]:
    return {
        "answerKey": "ABC"[k % 3],
        "question": {
            "stem": TEXTS[k],
            "choices": [{"label": letter, "text": letter * 2} for letter in "ABC"],
        },
    }


def social(k: int) -> dict[str, Any]:
    return {
        "context": TEXTS[k],
        "question": "Why?",
        "answerA": "a",
        "answerB": "b",
        "answerC": "c",
        "correct": "ABC"[k % 3],
    }


def cause(k: int) -> dict[str, Any]:
    return {
        "premise": TEXTS[k],
        "choice1": "Üks.",
        "choice2": "Kaks.",
        "question": ("cause", "effect")[k % 2],
        "label": k % 2,
    }


COSMOS = "id,context,question,answer0,answer1,answer2,answer3,label\n" + "".join(
    f'{k},"{TEXTS[k]}, ""no""",Why?,a,"b\nc",d,e,{k % 4}\n' for k in range(4)
)
ANLI = [
    {"context": a, "hypothesis": b, "label": label[0]}
    for (a, b), label in zip(PAIRS, LABELS, strict=True)
]
SNLI_ROWS = "".join(
    "\t".join([label, a, b, "c", "p", label, "", "", "", ""]) + "\n"
    for (a, b), label in zip(PAIRS, LABELS, strict=True)
)
ABSTRACTS = {
    str(k): {"QUESTION": f"{TEXTS[k]}?", "CONTEXTS": ["Old.", "New."], "final_decision": "yes"}
    for k in range(6)
}
TWEETS, POLARITY = "data/sentiment/german/val_text.txt", "data/sentiment/german/val_labels.txt"
TWEETED = {TWEETS: "".join(f"{text}\n" for text in TEXTS), POLARITY: "0\n1\n2\n0\n1\n2\n"}
QQP_HEADER = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
BUCC = {
    f"bucc2018/de-en.dev.{side}": "".join(f"{side}-{k}\t{text}\n" for k, text in enumerate(TEXTS))
    for side in ("de", "en")
}


@dataclass(frozen=True)
class Kind:
    """A kind of file: what is asked for, the files of it, the one that is damaged.

    count: how many examples the lines of the damaged file make, where lines can be counted.
    """

    task: str
    split: str
    code: str
    files: dict[str, str]
    damaged: str
    count: Callable[[list[str]], int] | None = None


def lines_of(header: int = 0, factor: int = 1, more: int = 0) -> Callable[[list[str]], int]:
    return lambda lines: (len(lines) - header) * factor + more


def filled(lines: list[str]) -> int:
    return sum(bool(line.strip()) for line in lines)


def one(
    task: str,
    split: str,
    code: str,
    path: str,
    text: str,
    count: Callable[[list[str]], int] | None = None,
) -> Kind:
    return Kind(task, split, code, {path: text}, path, count)


KINDS = {
    "xnli of xtreme": one("xnli", "dev", "de", "xnli/dev-de.tsv", rows(FIRST, SECOND, LABELS), lines_of()),
    "xnli": one(
        "xnli", "dev", "de", "XNLI-1.0/xnli.dev.tsv",
        table(XNLI_HEADER, *("\t".join([("de", "fr")[k % 2], LABELS[k], "p", FIRST[k], SECOND[k], str(k)]) for k in range(8))),
        lambda lines: sum(line.startswith("de\t") for line in lines[1:]),
    ),
    "glue mnli": one(
        "mnli", "train", "en", "glue_data/MNLI/train.tsv",
        table(GLUE_HEADER, *("\t".join([str(k), "1", "2", "fiction", FIRST[k], SECOND[k], LABELS[k], LABELS[k]]) for k in range(8))),
        lines_of(1),
    ),
    "snli": one("snli", "train", "en", "snli_1.0/snli_1.0_train.txt", SNLI_OWN + "\n" + SNLI_ROWS),
    "snli of json lines": one(
        "snli", "dev", "en", "snli_1.0/snli_1.0_dev.jsonl",
        json_lines(*({"sentence1": a, "sentence2": b, "gold_label": label} for (a, b), label in zip(PAIRS, LABELS, strict=True))),
    ),
    "anli": Kind("anli", "dev", "en", {f"anli/anli_v1.0/R{k}/dev.jsonl": json_lines(*ANLI) for k in (1, 2, 3)},
        "anli/anli_v1.0/R2/dev.jsonl", lambda lines: filled(lines) + 16),
    "qqp": one("qqp", "dev", "en", "glue_data/QQP/dev.tsv",
        table(QQP_HEADER, *("\t".join([str(k), "1", "2", *PAIRS[k], DIGITS[k]]) for k in range(8)))),
    "paws-x": one("pawsx", "dev", "de", "pawsx/x-final/de/dev_2k.tsv",
        table(PAWS_HEADER, *("\t".join([str(k), *PAIRS[k], DIGITS[k]]) for k in range(8))), lines_of(1)),
    "hellaswag": one("hellaswag", "dev", "en", "hellaswag/hellaswag_val.jsonl", json_lines(*map(hellaswag, range(6))), filled),
    "cosmosqa": one("cosmosqa", "dev", "en", "cosmosqa/data/valid.csv", COSMOS),
    "commonsenseqa": one("commonsenseqa", "dev", "en", "dev_rand_split.jsonl", json_lines(*map(commonsense, range(6))), filled),
    "siqa": one("siqa", "dev", "en", "socialIQa_v1.4_dev.jsonl", json_lines(*map(social, range(6))), filled),
    "siqa's labels": Kind("siqa", "dev", "en", {
        "socialiqa-train-dev/dev.jsonl": json_lines(*({**social(k), "correct": ""} for k in range(6))),
        "socialiqa-train-dev/dev-labels.lst": "1\n2\n3\n1\n2\n3\n"}, "socialiqa-train-dev/dev-labels.lst", lambda lines: 6),
    "xcopa": one("xcopa", "dev", "et", "xcopa/data/et/val.et.jsonl", json_lines(*map(cause, range(6))), filled),
    "pan-x": one("panx", "dev", "de", "panx/dev-de.tsv", TAGGED),
    "raw pan-x": one("panx", "dev", "de", "panx/de/dev", "".join(f"de:{line}\n" if line else "\n" for line in TAGGED.split("\n")[:-1])),
    "udpos of xtreme": one("udpos", "dev", "de", "udpos/dev-de.tsv", "Das\tDET\nHaus\tNOUN\n\nJa\tINTJ\n"),
    "treebank": one("udpos", "dev", "de", "ud-treebanks-v2.5/UD_German-GSD/de_gsd-ud-dev.conllu", CONLLU),
    "ccg": one("ccg", "dev", "en", "ccg/dev.tsv", "Anna reads\tNP (S\\NP)/NP\nIt is old\tNP (S\\NP)/NP NP\n" * 3, lines_of()),
    "tatoeba": Kind("tatoeba", "test", "de", {f"tatoeba/v1/tatoeba.deu-eng.{side}": "".join(f"{side} {text}\n" for text in TEXTS)
        for side in ("deu", "eng")}, "tatoeba/v1/tatoeba.deu-eng.deu", lines_of(factor=2)),
    "bucc": Kind("bucc2018", "dev", "de", {**BUCC, "bucc2018/de-en.dev.gold": "de-1\ten-2\nde-3\ten-4\n"}, "bucc2018/de-en.dev.de",
        lines_of(more=6)),
    "bucc's gold": Kind("bucc2018", "dev", "de", {**BUCC, "bucc2018/de-en.dev.gold": "de-1\ten-2\nde-3\ten-4\n"}, "bucc2018/de-en.dev.gold",
        lambda lines: 12),
    "tweets": Kind("tweet_sentiment", "dev", "de", TWEETED, TWEETS, lines_of()),
    "tweets' labels": Kind("tweet_sentiment", "dev", "de", TWEETED, POLARITY, lines_of()),
    "argument components": one("abstrct", "test", "en",
        "data/data_for_experiments/EN/argument_components/original_data/neoplasm_test.tsv", TAGGED.replace("\t", " ")
        .replace("PER", "Claim").replace("LOC", "Premise")),
    "abstracts": one("pubmedqa", "dev", "en", "data/ori_pqal.json", json.dumps(ABSTRACTS, indent=1)),
    "squad 1": one("squad_v1", "train", "en", "squad/train-v1.1.json", squad()),
    "squad 2": one("squad_v2", "train", "en", "squad/train-v2.0.json", squad(impossible=True)),
    "tydiqa": one("tydiqa", "dev", "fi", "tydiqa/tydiqa-goldp-v1.1-dev.json", squad("finnish-")),
    "xquad": one("xquad", "test", "de", "xquad/xquad.de.json", squad()),
}  # fmt: skip
