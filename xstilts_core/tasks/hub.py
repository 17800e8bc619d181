"""Read hub.yaml: where the tasks' data are on the Hugging Face hub, and which are not there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import yaml
from pydantic import ConfigDict, TypeAdapter, with_config

from xstilts_core.files.strict_yaml import FastLoader
from xstilts_core.languages import language

# How a row becomes an example: `data/readers/shapes.py` has a function for each shape.
_Shape = Literal[
    "pair",
    "text",
    "abstract",
    "span",
    "tags",
    "syntactic_words",
    "translations",
    "hellaswag",
    "cosmosqa",
    "commonsenseqa",
    "siqa",
    "copa",
    "answer_sentences",
    "document",
]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class HubData:
    """The data of one task on the hub.

    config: the data set's configuration, with {code}, {name} (german), {tatoeba} or {treebank} of
    the language; configs: exceptions by our split. splits: our split -> the data set's splits, read
    one after another. columns: the columns that the shape reads, in its order. classes: class name
    in the data set -> the task's label, if they differ. names: the documented names of classes 0,
    1, ..., for a column that states none. absent: split -> languages of the task that it lacks. A
    task with English data trains on English only. by_language: one configuration has all languages,
    and an id begins with the language's name ("finnish-..."). revision: the branch to read, by
    default the main one; in CONVERTED a configuration is a folder. first_file: read only the first
    file of a split, if that is enough.
    """

    dataset: str
    config: str
    splits: Mapping[str, tuple[str, ...]]
    shape: _Shape
    columns: tuple[str, ...]
    classes: Mapping[str, str] = field(default_factory=dict, hash=False)
    names: tuple[str, ...] = ()
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    configs: Mapping[str, str] = field(default_factory=dict, hash=False)
    by_language: bool = False
    revision: str = ""
    first_file: bool = False

    def configuration(self, split: str, code: str) -> str:
        """Return the configuration that has a split (ours) in a language."""
        return self.configs.get(split, self.config).format(**language(code).file_names)

    def languages(self, split: str, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Return the task's declared languages that the split has."""
        if split not in self.splits:
            return ()
        if split == "train" and "en" in declared:
            return ("en",)
        return tuple(code for code in declared if code not in self.absent.get(split, ()))


_CONTENT = yaml.load(Path(__file__).with_name("hub.yaml").read_text("utf-8"), FastLoader)


def _data_sets(group: str) -> Mapping[str, HubData]:
    """Return the data sets of one group of hub.yaml by task."""
    return MappingProxyType(TypeAdapter(dict[str, HubData]).validate_python(_CONTENT[group]))


CONVERTED: str = _CONTENT["converted"]
HUB, ADDED = map(_data_sets, ("hub", "added"))
TEXTS = _data_sets("texts")["mlm"]
# Task -> why the hub lacks its data, or those of its added languages.
LOCAL: Mapping[str, str] = MappingProxyType(_CONTENT["local"])
LOCAL_ADDED: Mapping[str, str] = MappingProxyType(_CONTENT["local_added"])
