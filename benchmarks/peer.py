"""The peer: the Hugging Face Trainer with its default collator, optimizer and settings."""

from typing import Any

from datasets import Dataset
from torch import nn
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from benchmarks.workload import PAIR_LENGTH, tokenizer

DYNAMIC = "HF Trainer, dynamic padding"
HALF = "HF Trainer, bfloat16, dynamic padding"
PADDED = f"HF Trainer, padding to {PAIR_LENGTH}"


def collator(
    name: str, rows: Dataset | None = None
) -> DataCollatorWithPadding | DataCollatorForTokenClassification:
    """Return the collator of a peer. DYNAMIC pads to the longest row of a batch, PADDED to
    PAIR_LENGTH (the default of run_glue.py, jiant and XTREME).

    If `rows` have a label for every token, the labels are padded too.
    """
    fixed_length = name == PADDED
    if rows is not None and "labels" in rows.column_names and isinstance(rows[0]["labels"], list):
        return DataCollatorForTokenClassification(tokenizer())
    return DataCollatorWithPadding(
        tokenizer(),
        padding="max_length" if fixed_length else True,
        max_length=PAIR_LENGTH if fixed_length else None,
    )


def trainer(
    name: str, model: nn.Module, folder: str, rows: Dataset | None = None, **arguments: Any
) -> Trainer:
    """Return a Trainer on the CPU that writes no files and shows no progress bar. It reads `rows`,
    which are shuffled already, in order."""
    settings = TrainingArguments(
        output_dir=folder,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        bf16=name == HALF,
        train_sampling_strategy="sequential",
        **arguments,
    )
    quiet_trainer = Trainer(
        model=model, args=settings, data_collator=collator(name, rows), train_dataset=rows
    )
    quiet_trainer.remove_callback(PrinterCallback)
    return quiet_trainer
