"""What the stand-in hub serves: texts of the embedded suite as parquet tables with the real data
sets' schemas, and a tiny XLM-R.

Configurations and splits are those of the public data sets, columns and classes those of hub_rows.
The encoder has XLM-R Large's architecture (24 layers, 514 positions) at width 16, and a tokenizer
of its kind (unigram, XLM-R's normalisation and special tokens).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub_rows import ADDED_FEATURES, FEATURES, row, translations

from xstilts_core.data.readers.spans import by_sentence
from xstilts_core.examples import ChoiceExample, Example, PairExample, SentenceExample, TagsExample
from xstilts_core.mini import suite
from xstilts_core.tasks import ADDED, HUB, TASKS, HubData

CODES = ("en", "de", "sw", "id")
# Languages that the suite lacks, and whose texts stand in for theirs: XTREME-R's added ones.
STAND_INS = {"lt": "de", "ro": "es", "az": "tr"}
ENCODER = "FacebookAI/xlm-roberta-large"
SIZE = 40
# Data set, branch, configuration.
Place = tuple[str, str, str]
# Split of the data set -> (task, split of ours) and language -> rows.
Splits = dict[str, dict[tuple[str, str], dict[str, list[dict[str, Any]]]]]


# Tasks that the suite lacks, and the task of the suite whose texts they are made of.
MADE_OF = {
    "squad_sentences": "squad_v1",
    "mnli_translated": "mnli",
    "squad_translated": "squad_v1",
    "pawsx_translated": "pawsx",
    "siqa": "cosmosqa",
    "copa": "cosmosqa",
    "xcopa": "cosmosqa",
    "abstrct": "panx",
    "pubmedqa": "mnli",
    "tweet_sentiment": "mnli",
    "tweet_offensive": "qqp",
}


def originals(name: str, split: str, code: str) -> list[Example]:
    """The examples that a split of the stand-in hub is made of. TyDiQA's test data are its
    development data."""
    other = MADE_OF.get(name, name)
    found = suite.load(
        other,
        "dev" if name == "tydiqa" and split == "test" else split,
        STAND_INS.get(code, code),
        limit=SIZE,
    )
    if TASKS[name].format == "ranking":
        return by_sentence(
            [replace(example, id=f"q{number}") for number, example in enumerate(found)]
        )
    if name not in MADE_OF:
        return [respelt(example, code) for example in found]
    old, new = TASKS[other].labels, TASKS[name].labels
    return [relabelled(name, example, dict(zip(old, new, strict=False))) for example in found]


def respelt(example: Example, code: str) -> Example:
    """A sentence under the code of the language that it stands for."""
    match example:
        case SentenceExample() if code in STAND_INS:
            return replace(example, language=code) if example.language != "en" else example
    return example


def relabelled(name: str, example: Any, labels: dict[str, str]) -> Example:
    """An example of the suite in the form of a task that it lacks: labels one for one, choices cut
    to as many as there are."""
    match example:
        case PairExample():
            text = "" if TASKS[name].single_text else example.text_b
            return replace(example, text_b=text, label=labels[example.label])
        case TagsExample():
            return replace(example, tags=tuple(labels.get(tag, "O") for tag in example.tags))
        case ChoiceExample():
            kept = 3 if name == "siqa" else 2
            right = int(example.id.rpartition("-")[2]) % kept
            others = [text for k, text in enumerate(example.choices) if k != example.label][
                : kept - 1
            ]
            question = (
                example.question
                if name == "siqa"
                else f"What was the {('cause', 'effect')[len(example.context) % 2]}?"
            )
            choices = (*others[:right], example.choices[example.label], *others[right:])
            return replace(example, question=question, choices=choices, label=right)
    return example


def rows(name: str, split: str, code: str) -> list[dict[str, Any]]:
    examples = originals(name, split, code)
    return (
        translations(examples, code)
        if name == "tatoeba"
        else [row(name, example, k, code) for k, example in enumerate(examples)]
    )


def served(split: str, source: HubData, declared: Sequence[str], name: str) -> list[str]:
    """The languages that the stand-in has of a split."""
    # TyDiQA's training data are in nine languages, in one table.
    found = declared if name == "tydiqa" else source.languages(split, tuple(declared))
    return [code for code in found if code in CODES or code in STAND_INS]


def tables() -> dict[Place, Splits]:
    """Every data set of the hub in the suite's languages. Two tasks may have splits in one
    configuration, or be one split in two forms."""
    found: dict[Place, Splits] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    sources = [(name, source, TASKS[name].languages) for name, source in HUB.items()]
    sources += [(name, source, TASKS[name].added) for name, source in ADDED.items()]
    for name, source, declared in sources:
        if TASKS[name].format == "ranking":  # SQuAD's own table, in another form
            continue
        for split, parts in source.splits.items():
            for code in served(split, source, declared, name):
                content = rows(name, split, code)
                for k, part in enumerate(parts):
                    place = (
                        source.dataset,
                        source.revision or "main",
                        source.configuration(split, code),
                    )
                    found[place][part][name, split][code] = content[k :: len(parts)]
    return found


def write_data(root: Path) -> None:
    """Every task of the hub in the suite's languages, as the configurations and splits of its data
    set."""
    found = tables()
    # SNLI has pairs without a gold label; UD has marks inside words, and words of marks alone.
    found["stanfordnlp/snli", "main", "plain_text"]["train"]["snli", "train"]["none"] = [
        {"premise": "A man eats.", "hypothesis": "A man sings.", "label": -1, "idx": 0}
    ]
    words = {"tokens": ["می\u200cروم", "10 000", "\u200c"], "pos_tags": ["VERB", "NUM", "SYM"]}
    found["google/xtreme", "main", "udpos.German"]["test"]["udpos", "test"]["marks"] = [words]
    marks = [{"tokens": words["tokens"], "ner_tags": ["O", "O", "O"]}]
    found["google/xtreme", "main", "PAN-X.de"]["test"]["panx", "test"]["marks"] = marks
    # google/xtreme takes the white space off a context, but leaves the offsets.
    shifted = found["google/xtreme", "main", "MLQA.de.de"]["test"]["mlqa", "test"]["de"][0][
        "answers"
    ]
    shifted["answer_start"] = [start + 2 for start in shifted["answer_start"]]
    cards: dict[Path, list[str]] = defaultdict(list)
    for (dataset, branch, config), splits in found.items():
        folder = root / "datasets" / dataset / branch.replace("/", "__")
        lines = [f"- config_name: {config}", "  data_files:"]
        for split, owners in splits.items():
            # A test set that is the development set is written once.
            (name, _), by_language = next(iter(owners.items()))
            write_table(
                folder,
                features_of(name, dataset),
                config,
                split,
                [row for kept in by_language.values() for row in kept],
            )
            lines += [f"  - split: {split}", f"    path: {config}/{split}/*.parquet"]
        cards[folder] += lines
    for folder, lines in cards.items():
        # The branch that the hub converts by itself has no card; the default one holds a script.
        if folder.name == "main":
            (folder / "README.md").write_text(
                "\n".join(["---", "configs:", *lines, "---", ""]), encoding="utf-8"
            )
        elif not (script := folder.parent / "main" / f"{folder.parent.name}.py").parent.exists():
            script.parent.mkdir()
            script.write_text("raise RuntimeError\n")


def features_of(name: str, dataset: str) -> Callable[[Any], dict[str, Any]]:
    """The columns of a task's data set, or of that of its added languages."""
    return (
        FEATURES[name] if dataset == HUB[name].dataset else ADDED_FEATURES.get(name, FEATURES[name])
    )


def write_table(
    folder: Path,
    columns_of: Callable[[Any], dict[str, Any]],
    config: str,
    split: str,
    content: list[dict[str, Any]],
) -> None:
    """<config>/<split>/0000.parquet with the data set's features."""
    import datasets

    path = folder / config / split / "0000.parquet"
    path.parent.mkdir(parents=True)
    features = columns_of(datasets)
    columns = {column: [entry[column] for entry in content] for column in features}
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(str(path))


def write_encoder(root: Path) -> None:
    """A tiny XLM-R with random weights under the real name: configuration, weights and tokenizer as
    the real repository has them."""
    import torch
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    sentences = [text for code in ("en", "de", "sw") for text in plain(code)]
    trainer = trainers.UnigramTrainer(
        vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    names = {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
    }
    whole = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=512,
        **names,
    )
    folder = root / "models" / ENCODER / "main"
    whole.save_pretrained(folder)
    # All that the real repository says: the client makes XLMRobertaTokenizer of it, by the model's
    # type.
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 512}\n')
    torch.manual_seed(0)
    size = {
        "hidden_size": 16,
        "num_hidden_layers": 24,
        "num_attention_heads": 4,
        "intermediate_size": 32,
    }
    ids = {
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "type_vocab_size": 1,
        "max_position_embeddings": 514,
    }
    XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=len(whole), **size, **ids)).save_pretrained(
        folder
    )


def plain(code: str) -> list[str]:
    """Sentences of the suite in one language."""
    found = suite.load("xnli", "dev", code, limit=100)
    return [text for example in found for text in (example.text_a, example.text_b)]
