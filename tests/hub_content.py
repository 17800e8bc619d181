"""What the stand-in hub serves: texts of the embedded suite as parquet tables with the real data sets' schemas, and a tiny XLM-R.

Columns, class names and their orders, configurations and splits are those of the public data sets. The encoder has XLM-R Large's
architecture (24 layers, 514 positions) at width 16, and a tokenizer of its kind (unigram, XLM-R's normalisation and special tokens).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xstilts_core.examples import Example
from xstilts_core.languages import LANGUAGES
from xstilts_core.mini import suite
from xstilts_core.tasks import HUB, TASKS
from xstilts_core.tasks.targets import BIO, UPOS

CODES = ("en", "de", "sw", "id")
ENCODER = "FacebookAI/xlm-roberta-large"
NLI = ["entailment", "neutral", "contradiction"]
# A class order of its own: a reader that maps by position would mix up the labels.
ANLI = ["contradiction", "entailment", "neutral"]
SIZE = 40
# Task, data set, branch, configuration.
Place = tuple[str, str, str, str]


def texts(*names: str) -> Callable[[Any], dict[str, Any]]:
    """Features: columns of texts."""
    return lambda d: {name: d.Value("string") for name in names}


def classes(first: str, second: str, names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    return lambda d: {
        first: d.Value("string"),
        second: d.Value("string"),
        "label": d.ClassLabel(names=list(names)),
        "idx": d.Value("int32"),
    }


def questions(d: Any) -> dict[str, Any]:
    answers = {"text": d.List(d.Value("string")), "answer_start": d.List(d.Value("int32"))}
    return {**texts("id", "title", "context", "question")(d), "answers": answers}


def tagged(column: str, names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    return lambda d: {"tokens": d.List(d.Value("string")), column: d.List(d.ClassLabel(names=list(names)))}


def choices(d: Any) -> dict[str, Any]:
    return {
        "ind": d.Value("int32"),
        **texts("activity_label", "ctx_a", "ctx_b", "ctx")(d),
        "endings": d.List(d.Value("string")),
        **label(d),
    }


def label(d: Any) -> dict[str, Any]:
    return {"label": d.Value("string")}


def cosmos(d: Any) -> dict[str, Any]:
    return {**texts("id", "context", "question", "answer0", "answer1", "answer2", "answer3")(d), "label": d.Value("int32")}


def commonsense(d: Any) -> dict[str, Any]:
    lists = {"label": d.List(d.Value("string")), "text": d.List(d.Value("string"))}
    return {**texts("id", "question", "question_concept", "answerKey")(d), "choices": lists}


FEATURES: dict[str, Callable[[Any], dict[str, Any]]] = {
    **{name: classes("premise", "hypothesis", NLI) for name in ("mnli", "snli", "xnli")},
    "anli": classes("premise", "hypothesis", ANLI),
    "qqp": classes("question1", "question2", ["not_duplicate", "duplicate"]),
    "pawsx": classes("sentence1", "sentence2", ["0", "1"]),
    **dict.fromkeys(("squad_v1", "squad_v2", "xquad", "mlqa", "tydiqa"), questions),
    "udpos": tagged("pos_tags", UPOS),
    "panx": tagged("ner_tags", BIO),
    "hellaswag": choices,
    "cosmosqa": cosmos,
    "commonsenseqa": commonsense,
    "tatoeba": texts("source_sentence", "target_sentence", "source_lang", "target_lang"),
}


def row(name: str, example: Any, number: int, code: str) -> dict[str, Any]:
    """An example of the suite as a row of the data set."""
    match TASKS[name].format:
        case "pair":
            first, second, column = HUB[name].columns
            other = {"different": "not_duplicate"}.get(example.label, example.label)
            return {first: example.text_a, second: example.text_b, column: other, "idx": number}
        case "span":
            key = f"{LANGUAGES[code].name.lower()}-{number}-0" if name == "tydiqa" else f"q{number}"
            answers = {"text": [a.text for a in example.answers], "answer_start": [a.start for a in example.answers]}
            return {"id": key, "title": "", "context": example.context, "question": example.question, "answers": answers}
        case "tagging":
            return {"tokens": list(example.words), HUB[name].columns[1]: list(example.tags)}
    whole = {"id": f"c{number}", "context": example.context, "question": example.question, "label": example.label}
    if name == "cosmosqa":
        return {**whole, **{f"answer{k}": text for k, text in enumerate(example.choices)}}
    if name == "commonsenseqa":
        letters = "ABCDE"[: len(example.choices)]
        lists = {"label": list(letters), "text": list(example.choices)}
        return {
            "id": f"c{number}",
            "question": example.question,
            "question_concept": "",
            "choices": lists,
            "answerKey": letters[example.label],
        }
    begun = {"ind": number, "activity_label": "", "ctx_a": example.context, "ctx_b": "then", "ctx": f"{example.context} then"}
    return {**begun, "endings": list(example.choices), "label": str(example.label)}


def translations(examples: Sequence[Any], code: str) -> list[dict[str, Any]]:
    """Pairs of sentences, each with its line end, as the real table has them."""
    english = {example.id: example.text for example in examples if example.language == "en"}
    codes = {"source_lang": LANGUAGES[code].tatoeba, "target_lang": "eng"}
    pairs = [(example.text, english[example.match]) for example in examples if example.language != "en"]
    return [{"source_sentence": f"{text}\n", "target_sentence": f"{other}\n", **codes} for text, other in pairs]


def originals(name: str, split: str, code: str) -> list[Example]:
    """The suite's examples that a split of the stand-in hub is made of. TyDiQA's test data are its development data."""
    return suite.load(name, "dev" if name == "tydiqa" and split == "test" else split, code, limit=SIZE)


def rows(name: str, split: str, code: str) -> list[dict[str, Any]]:
    examples = originals(name, split, code)
    return translations(examples, code) if name == "tatoeba" else [row(name, example, k, code) for k, example in enumerate(examples)]


def tables() -> dict[Place, dict[str, dict[str, list[dict[str, Any]]]]]:
    """Place -> split of the data set -> language -> rows."""
    found: dict[Place, dict[str, dict[str, list]]] = defaultdict(lambda: defaultdict(dict))
    for name, source in HUB.items():
        for split, parts in source.splits.items():
            # TyDiQA's training data are in nine languages, in one table.
            declared = TASKS[name].languages if name == "tydiqa" else source.languages(split, TASKS[name].languages)
            for code in (code for code in declared if code in CODES):
                language = LANGUAGES[code]
                config = source.config.format(code=code, tatoeba=language.tatoeba, treebank=language.treebank)
                content = rows(name, split, code)
                for k, part in enumerate(parts):
                    found[name, source.dataset, source.revision or "main", config][part][code] = content[k :: len(parts)]
    return found


def write_data(root: Path) -> None:
    """Every task of the hub in the suite's languages, as the configurations and splits of its data set."""
    found = tables()
    # SNLI has pairs without a gold label; UD has marks inside words, and words of marks alone.
    found["snli", "stanfordnlp/snli", "main", "plain_text"]["train"]["none"] = [
        {"premise": "A man eats.", "hypothesis": "A man sings.", "label": -1, "idx": 0}
    ]
    words = {"tokens": ["می\u200cروم", "10 000", "\u200c"], "pos_tags": ["VERB", "NUM", "SYM"]}
    found["udpos", "google/xtreme", "main", "udpos.German"]["test"]["marks"] = [words]
    found["panx", "google/xtreme", "main", "PAN-X.de"]["test"]["marks"] = [{"tokens": words["tokens"], "ner_tags": ["O", "O", "O"]}]
    # google/xtreme takes the white space off a context, but leaves the offsets.
    shifted = found["mlqa", "google/xtreme", "main", "MLQA.de.de"]["test"]["de"][0]["answers"]
    shifted["answer_start"] = [start + 2 for start in shifted["answer_start"]]
    cards: dict[Path, list[str]] = defaultdict(list)
    for (name, dataset, branch, config), splits in found.items():
        folder = root / "datasets" / dataset / branch.replace("/", "__")
        lines = [f"- config_name: {config}", "  data_files:"]
        for split, by_language in splits.items():
            write_table(folder, name, config, split, [row for kept in by_language.values() for row in kept])
            lines += [f"  - split: {split}", f"    path: {config}/{split}/*.parquet"]
        cards[folder] += lines
    for folder, lines in cards.items():
        # The branch that the hub converts by itself has no card.
        if folder.name == "main":
            (folder / "README.md").write_text("\n".join(["---", "configs:", *lines, "---", ""]), encoding="utf-8")
    (root / "datasets" / "allenai" / "cosmos_qa" / "main").mkdir()
    (root / "datasets" / "allenai" / "cosmos_qa" / "main" / "cosmos_qa.py").write_text("raise RuntimeError\n")


def write_table(folder: Path, name: str, config: str, split: str, content: list[dict[str, Any]]) -> None:
    """<config>/<split>/0000.parquet with the data set's features."""
    import datasets

    path = folder / config / split / "0000.parquet"
    path.parent.mkdir(parents=True)
    features = FEATURES[name](datasets)
    columns = {column: [entry[column] for entry in content] for column in features}
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(str(path))


def write_encoder(root: Path) -> None:
    """A tiny XLM-R with random weights under the real name: configuration, weights and tokenizer as the real repository has them."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    sentences = [text for code in ("en", "de", "sw") for text in plain(code)]
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>"}
    whole = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", mask_token="<mask>", model_max_length=512, **names)
    folder = root / "models" / ENCODER / "main"
    whole.save_pretrained(folder)
    # All that the real repository says: the client makes XLMRobertaTokenizer of it, by the model's type.
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 512}\n')
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 24, "num_attention_heads": 4, "intermediate_size": 32}
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1, "max_position_embeddings": 514}
    XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=len(whole), **size, **ids)).save_pretrained(folder)


def plain(code: str) -> list[str]:
    """Sentences of the suite in one language."""
    found = suite.load("xnli", "dev", code, limit=100)
    return [text for example in found for text in (example.text_a, example.text_b)]
