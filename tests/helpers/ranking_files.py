"""LAReQA, SQuAD 1.1 and Mewsli-X in their own layouts, some lines each, written for tests."""

import json
from pathlib import Path
from typing import Any

from xstilts_core.tasks import TASKS

LANGUAGES = TASKS["lareqa"].languages
FACTS = (("Anna", "Rome", "apple"), ("Peter", "New York", "book"), ("Maria", "Berlin", "garden"))


def spans(sentences: list[str]) -> list[list[int]]:
    """[start, end] of sentences that a space joins."""
    starts = [sum(len(sentence) + 1 for sentence in sentences[:k]) for k in range(len(sentences))]
    return [
        [start, start + len(sentence)] for start, sentence in zip(starts, sentences, strict=True)
    ]


def paragraph(code: str, number: int) -> dict[str, Any]:
    """Two questions on three sentences, each tagged with its language so that no two files say the
    same."""
    name, city, thing = FACTS[number]
    sentences = [
        f"{name} lives in {city} ({code}).",
        f"The {thing} belongs to {name} ({code}).",
        f"It is old ({code}).",
    ]
    context = " ".join(sentences)
    questions = {
        "where": (f"Where does {name} live? ({code})", city),
        "what": (f"What does {name} own? ({code})", thing),
    }
    return {
        "context": context,
        "sentences": sentences,
        "sentence_breaks": spans(sentences),
        "qas": [
            {
                "id": f"{kind}{number}",
                "question": question,
                "answers": [{"text": answer, "answer_start": context.index(answer)}],
            }
            for kind, (question, answer) in questions.items()
        ],
    }


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def write_lareqa(root: Path) -> None:
    """11 files of 3 paragraphs, 9 sentences and 6 questions; and SQuAD files with the English
    ones."""
    for code in LANGUAGES:
        articles = [
            {"title": "made", "paragraphs": [paragraph(code, number)]}
            for number in range(len(FACTS))
        ]
        write_json(root / f"lareqa/xquad-r/{code}.json", {"data": articles, "version": "1.1"})
    english = [
        {"title": "made", "paragraphs": [paragraph("en", number)]} for number in range(len(FACTS))
    ]
    for name in ("train", "dev"):
        write_json(root / f"squad_v1/{name}-v1.1.json", {"data": english, "version": "1.1"})


def entity(number: int) -> dict[str, Any]:
    """A description of two sentences with a line break between them, in German for odd numbers."""
    name, city, _ = FACTS[number % len(FACTS)]
    text = f"{name} {number} is a doctor.\n\n{name} {number} lives in {city}."
    first = text.index("\n")
    return {
        "entity_id": f"Q{number}",
        "title": f"{name} {number}",
        "description": text,
        "description_language": "de" if number % 2 else "en",
        "description_url": "https://example.org",
        "sentence_spans": [{"start": 0, "end": first}, {"start": first + 2, "end": len(text)}],
    }


def article(code: str, name: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(context, mention): three sentences, braces in the middle one, which names the entity."""
    sentences = ["Today in the news.", f"A {{famous}} doctor, {name}, reads.", "Nobody knows why."]
    text = " ".join(sentences)
    start = text.index(name)
    context = {
        "document_id": f"{code}-{number}",
        "document_title": "made",
        "document_url": "https://example.org",
        "language": code,
        "text": text,
        "sentence_spans": [{"start": first, "end": end} for first, end in spans(sentences)],
    }
    span = {"start": start, "end": start + len(name), "text": name}
    return context, {
        "example_id": f"{code}{number}",
        "mention_span": span,
        "entity_id": f"Q{number}",
    }


def write_mewslix(root: Path, entities: int = 40) -> None:
    """Mentions of 4 entities in English and German articles, a pool of 40, training pairs of the
    first 12."""
    folder = root / "mewslix"
    write_lines(
        folder / "candidate_set_entities.jsonl", [entity(number) for number in range(entities)]
    )
    rows = []
    for code in ("en", "de"):
        for number in range(4):
            context, mention = article(code, FACTS[number % len(FACTS)][0], number)
            rows.append({"context": context, "mentions": [mention]})
    for split in ("dev", "test"):
        write_lines(folder / f"wikinews_mentions-{split}.jsonl", rows)
    pairs = []
    for number in range(12):
        context, mention = article("en", FACTS[number % len(FACTS)][0], number)
        pairs.append(
            {
                "contextual_mention": {"context": context, "mention": mention},
                "entity": entity(number),
            }
        )
    for split in ("train", "dev"):
        write_lines(folder / f"wikipedia_pairs-{split}.jsonl", pairs)
