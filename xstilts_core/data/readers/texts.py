"""Read single texts with labels in a separate file, and questions about an abstract: social media
and biomedical text."""

from pathlib import Path

from xstilts_core.data.readers.pairs import Spelling, label_of, numbered
from xstilts_core.data.readers.text import json_member, parse_json, read_lines, read_text, wrong
from xstilts_core.errors import UsageError
from xstilts_core.examples import PairExample

# PubMedQA's keys of the question, the parts of the abstract and the decision, with their types.
_ABSTRACT = {"QUESTION": str, "CONTEXTS": list, "final_decision": str}


def read_labelled_lines(path: Path, spelling: Spelling) -> list[PairExample]:
    """Read one text per line of dev_text.txt, with its label on the same line of dev_labels.txt:
    TweetEval's and UMSAB's own files.

    As on the hub, a text may be blank. Raise UsageError if labels are missing, unknown, or not as
    many as the texts.
    """
    texts, labels_path = read_lines(path), path.with_name(path.name.replace("_text", "_labels"))
    labels = read_lines(labels_path)
    if len(labels) != len(texts):
        raise wrong(
            labels_path,
            len(labels),
            f"{len(labels)} labels here but {len(texts)} texts in {path}: expected as many",
        )
    return numbered(
        (text.strip(), "", label_of(label, spelling, labels_path, number))
        for number, (text, label) in enumerate(zip(texts, labels, strict=True), start=1)
    )


def read_abstracts(path: Path, spelling: Spelling) -> list[PairExample]:
    """Read PubMedQA's JSON: {PMID: {QUESTION, CONTEXTS: the parts of the abstract,
    final_decision}}. The conclusion (LONG_ANSWER) is not read.

    The pair is the question and the abstract. Ids count from 1. Raise UsageError with the line
    where a wrong entry begins.
    """
    text = read_text(path)
    content = parse_json(text, path, "{PMID: {QUESTION, CONTEXTS, final_decision}}")
    if not isinstance(content, dict) or not content:
        raise UsageError(
            f"{path} holds no entry: expected {{PMID: {{QUESTION, CONTEXTS, final_decision}}}}"
        )
    rows = []
    for name, entry in content.items():
        try:
            question, parts, decision = (
                json_member(entry, key, kind, path, 0) for key, kind in _ABSTRACT.items()
            )
            abstract = " ".join(part.strip() for part in parts)
            rows.append((question.strip(), abstract, label_of(decision, spelling, path, 0)))
        except (UsageError, AttributeError) as error:
            line = text.count("\n", 0, max(0, text.find(f'"{name}"'))) + 1
            problem = (
                str(error)
                if isinstance(error, UsageError)
                else f"{path}, line 0: CONTEXTS must be texts"
            )
            raise UsageError(
                problem.replace(f"{path}, line 0", f"{path}, line {line}, entry {name[:80]}")
            ) from None
    return numbered(rows)
