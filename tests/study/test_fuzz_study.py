"""Study files after damage: a study, or one sentence with file and line; never another
exception."""

import re
from pathlib import Path

import pytest
import yaml
from damaged_files import DAMAGE, VALUES, Damage, damaged, told
from hypothesis import example, given
from hypothesis import strategies as st

from xstilts_core.errors import UsageError
from xstilts_core.files.strict_yaml import load
from xstilts_core.study import Study

PARAMS = Path(__file__).resolve().parents[2] / "params"
SMALL = """title: Does it help?
source: mini
seeds: [1, 2]
languages: [en, de]
train: {train_examples: 64, epochs: 1, learning_rate: 1.0e-5, packed: true}
recipes:
  none:
  mnli: &mnli {intermediate: [mnli], train_examples: 100}
  mnli_mixed:
    <<: *mnli
    intermediate: [mnli, squad_v1]
    temperature: 2.0
target_sizes: [32, 64]
targets: [xnli, xquad, tatoeba]
tasks:
  mnli:
    epochs: 2
retrieval: {neighbours: 4}
reports: [00_study]
"""
FILES = {
    "small": SMALL,
    **{
        name: (PARAMS / f"{name}.yaml").read_text(encoding="utf-8")
        for name in ("quick", "published", "everything")
    },
}
SCALAR = re.compile(r"(?<=[:,] )[\w.+-]+(?=[,}\]\n])")


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_study_is_loaded_or_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / "my_study.yaml"
    path.write_text(FILES[name], encoding="utf-8")
    whole = Study.load(str(path))

    @given(DAMAGE)
    @example(([], "utf-8-sig", 0))
    @example(([("other line ends", 0, 1)], "utf-8", 0))
    @example(([("other line ends", 0, 2)], "utf-8", 0))
    def tried(damage: Damage) -> None:
        raw = damaged(FILES[name], damage)
        path.write_bytes(raw)
        try:
            found = Study.load(str(path))
            assert len({spec.folder for spec in found.specs}) == len(found.specs)
        except UsageError as error:
            assert raw != FILES[name].encode("utf-8") and told(error, "my_study.yaml"), error
            return
        if raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n") == FILES[name]:
            assert found.specs == whole.specs

    tried()


@given(
    st.integers(0, 1 << 20),
    st.one_of(st.sampled_from(VALUES), st.from_regex(r"[-+]?[0-9_:.xobeE]{1,6}", fullmatch=True)),
)
@example(2, "010")
@example(2, "1:30")
def test_a_value_in_any_place_is_what_it_looks_like_or_told(place: int, value: str) -> None:
    """What is loaded is what Python reads in the same decimal digits; YAML's own reading of any
    other spelling is never taken over."""
    places = [match.span() for match in SCALAR.finditer(SMALL)]
    begin, end = places[place % len(places)]
    try:
        found = load(SMALL[:begin] + value + SMALL[end:], "my_study.yaml")
    except UsageError as error:
        assert re.match(r"my_study\.yaml, line \d+: ", str(error)) and told(error, "my_study.yaml")
        return
    assert value[:3] != "[[["
    alone = yaml.safe_load(value)
    if isinstance(alone, float | int) and not isinstance(alone, bool):
        assert alone == float(value) and re.fullmatch(r"[-+]?[0-9.]+([eE][-+][0-9]+)?", value)
    assert isinstance(found, dict)
