"""The form of a run: its fields are the spec's, what is typed becomes the spec or a sentence, the
commands shown do the same."""

import shlex
import subprocess
import sys
from html import escape
from pathlib import Path

import pytest
import yaml

from xstilts_core import results
from xstilts_core.commands import cli
from xstilts_core.errors import UsageError
from xstilts_core.explore import form, start
from xstilts_core.explore.fields import (
    fields,
    given,
    papermill_command,
    spec_of,
    text,
    written,
    xstilts_command,
)
from xstilts_core.jobs.estimate import one_run
from xstilts_core.jobs.estimate.earlier import Cost
from xstilts_core.study.spec import SPECS

TYPED = {
    "study": "tried",
    "train_on": "squad_v1",
    "targets": "xquad, mlqa",
    "learning_rate": "1e-5",
    "train_examples": "300",
    "packed": False,
}


@pytest.mark.parametrize("phase", SPECS)
class TestFields:
    def test_every_field_of_the_spec_with_its_help(self, phase):
        found = {field.name: field for field in fields(phase)}
        assert set(found) == set(SPECS[phase].model_fields)
        for name, declared in SPECS[phase].model_fields.items():
            assert (
                found[name].default == declared.default and found[name].help == declared.description
            )

    def test_defaults_as_typed_are_the_defaults(self, phase):
        typed = {
            field.name: field.default if field.kind == "boolean" else written(field.default)
            for field in fields(phase)
        }
        assert spec_of(phase, typed) == SPECS[phase]()
        assert given(phase, typed) == {}


def test_ranges_and_choices_are_told():
    found = {field.name: field for field in fields("target")}
    assert found["seed"].legal == "a whole number, 0 or more, less than 2147483648"
    assert found["device"].choices == ("auto", "cpu", "cuda")
    assert found["train_on"].first and not found["clip"].first


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"targets": "xnil"}, "did you mean 'xnli'"),
        ({"train_on": "mnly"}, "did you mean 'mnli'"),
        ({"trainexamples": "3"}, "did you mean 'train_examples'"),
        ({"warmup": "1.5"}, "warmup is 1.5: it must be less than 1"),
        ({"epochs": "three"}, "epochs is 'three': it must be a whole number"),
        ({"languages": "de, ["}, "languages is 'de, .': it must be a list"),
        ({"languages": "no"}, "YAML reads an unquoted no"),
        ({"study": "<script>"}, "letters, digits"),
        ({"seed": "2020-13-45"}, "seed is '2020-13-45': it must be a whole number"),
        ({"seed": "0x_"}, "seed is '0x_': it must be a whole number"),
        ({"seed": "9" * 5000}, r"seed is '9{100}\.\.\.': it must be a whole number"),
        ({"targets": "[" * 3000}, r"targets is '\[+\.\.\.': it must be a list"),
        ({"targets": "[[xnli]]"}, r"targets\.0 is \['xnli'\]: it must be text"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(typed, said):
    with pytest.raises(UsageError, match=said):
        spec_of("target", typed)


def test_commands_do_the_same():
    wanted = spec_of("target", TYPED)
    assert wanted.targets == ["xquad", "mlqa"] and wanted.learning_rate == 1e-5
    words = shlex.split(xstilts_command("target", TYPED))
    options = cli.parser().parse_args(words[1:])
    assert (words[0], options.command, options.name) == ("xstilts", "notebook", "21_target")
    assert (
        SPECS["target"](**{key: yaml.safe_load(value) for key, value in options.parameters})
        == wanted
    )
    words = shlex.split(papermill_command("target", TYPED))
    assert words[:4] == ["papermill", "notebooks/21_target.ipynb", "executed.ipynb", "-y"]
    assert SPECS["target"](**yaml.safe_load(words[4])) == wanted
    assert papermill_command("target", {}) == "papermill notebooks/21_target.ipynb executed.ipynb"


@pytest.mark.parametrize(
    "value",
    [
        "[my",
        "%",
        "@x",
        "'",
        "a: b: c",
        "*a",
        "2020-13-45",
        "0x_",
        "[" * 3000,
        "`x`",
        "!!python/object:x y",
    ],
)
def test_text_that_yaml_cannot_read_is_quoted(value):
    line = text(value)
    assert "\n" not in line and yaml.safe_load(line) == value
    typed = {"encoder": value}
    words, other = (
        shlex.split(xstilts_command("target", typed)),
        shlex.split(papermill_command("target", typed)),
    )
    assert [
        yaml.safe_load(given) for _, given in cli.parser().parse_args(words[1:]).parameters
    ] == [value]
    assert yaml.safe_load(other[4]) == {"encoder": value}


@pytest.mark.parametrize(
    "value",
    ["mini", "no", "1", "a: b", "", "two words", ["de", "no"], {"mnli": 0.5}, 1e-5, True, 3],
)
def test_a_value_in_one_line_is_read_back_as_itself(value):
    line = text(value)
    assert "\n" not in line and yaml.safe_load(line) == value


class TestStart:
    def test_a_result_is_never_replaced(self, tmp_path):
        typed = {"outputs": str(tmp_path), "control": "majority"}
        spec = spec_of("control", typed)
        results.write(spec, [], "cpu", 1.0, {})
        with pytest.raises(UsageError, match="has a result already"):
            start.start("control", typed, 1)

    def test_what_it_starts_from_must_be_there(self, tmp_path):
        with pytest.raises(UsageError, match=r"starts from .*intermediate/mnli/seed1"):
            start.start("target", {"outputs": str(tmp_path), "recipe": "mnli"}, 1)

    def test_a_place_must_be_there(self, tmp_path):
        with pytest.raises(UsageError, match="needs data_root"):
            start.start("target", {"outputs": str(tmp_path), "source": "files"}, 1)

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("recipe", "x" * 5000, r"from-x+\.\.\.: File name too long"),
            ("outputs", "a\0b", "no file can have this name: embedded null byte"),
        ],
    )
    def test_a_place_that_cannot_be(self, name, value, said):
        for act in (form.checked, lambda phase, typed: start.start(phase, typed, 1)):
            with pytest.raises(UsageError, match=said) as raised:
                act("target", {name: value})
            assert len(str(raised.value)) < 300

    @pytest.mark.slow
    def test_it_runs_the_notebook(self, tmp_path):
        run = start.start(
            "control", {"outputs": str(tmp_path), "languages": "de", "test_examples": "xnli: 20"}, 1
        )
        try:
            run.process.wait(500)
        finally:
            run.stop()
        assert results.state(run.spec).state == "done", run.tail()
        assert "run.ipynb" in run.tail()

    def test_it_can_be_stopped(self, tmp_path):
        run = start.start("control", {"outputs": str(tmp_path), "languages": "de"}, 1)
        run.stop()
        assert not run.going and results.state(run.spec).state != "done"


class TestEstimate:
    def test_from_finished_runs(self, tmp_path):
        typed = {"outputs": str(tmp_path), "control": "majority"}
        made = spec_of("control", {**typed, "seed": "2"})
        results.write(made, [], "cpu, 1 threads", 7.0, {})
        found = one_run.estimate(spec_of("control", typed), 1, False)
        assert found.cost is not None and 7.0 <= found.cost.seconds < 10 and found.answer is None

    def test_why_there_is_none(self, tmp_path):
        found = one_run.estimate(
            spec_of("target", {"outputs": str(tmp_path), "encoder": "pretrained"}), 1, False
        )
        assert found.cost is None and "phase 1 has no result yet" in found.error


def part(view, label: str):
    if getattr(view, "description", None) == label:
        return view
    return next(
        (
            found
            for child in getattr(view, "children", ())
            if (found := part(child, label)) is not None
        ),
        None,
    )


def test_the_form_starts_nothing_without_an_estimate(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        form,
        "estimated",
        lambda phase, typed: one_run.Estimate(Cost(90.0, 10**6, "this study's runs")),
    )
    monkeypatch.setattr(
        form,
        "start",
        lambda phase, typed, threads: started.append(typed) or make_believe(phase, typed, tmp_path),
    )
    view = form.Form().box
    page, cost = view.children[3], view.children[5]
    go = part(view, "Start")
    assert go.disabled and "xstilts notebook 21_target" in page.html
    part(view, "outputs").value = str(tmp_path)
    part(view, "targets").value = "xnil"
    assert "did you mean" in page.html and "&#x27;xnli&#x27;" in page.html
    part(view, "Estimate").click()
    assert "did you mean" in cost.html and go.disabled
    part(view, "targets").value = "xnli"
    part(view, "Estimate").click()
    assert "About 1.5 min" in cost.html and not go.disabled
    part(view, "seed").value = "7"
    assert go.disabled, "what is typed now has no estimate"
    part(view, "Estimate").click()
    go.click()
    assert len(started) == 1 and started[0]["seed"] == "7" and go.disabled
    part(view, "phase").value = "retrieval"
    assert "22_retrieval" in page.html and part(view, "train_on") is None


@pytest.mark.parametrize("value", ["[my", "*a", "[" * 3000])
def test_odd_text_leaves_no_other_commands(value):
    view = form.Form().box
    page, cost = view.children[3], view.children[5]
    part(view, "encoder").value = value
    assert "now: " in page.html and escape(value) in page.html and "xs-error" not in page.html
    part(view, "Estimate").click()
    assert "xs-error" in cost.html and "Looking at" not in cost.html


def test_whatever_fails_is_said_and_nothing_older_stays(monkeypatch):
    view = form.Form().box
    page, cost = view.children[3], view.children[5]
    monkeypatch.setattr(form, "spec_of", lambda phase, typed: 1 / 0)
    part(view, "seed").value = "2"
    assert "ZeroDivisionError" in page.html and "xstilts notebook" not in page.html
    part(view, "Estimate").click()
    assert (
        "ZeroDivisionError" in cost.html
        and "Looking at" not in cost.html
        and part(view, "Start").disabled
    )


def make_believe(phase: str, typed: dict, folder: Path) -> start.Started:
    """A process that ends at once."""
    said = folder / "said.log"
    said.write_text("<b>said</b>\n", encoding="utf-8")
    return start.Started(subprocess.Popen([sys.executable, "-c", ""]), spec_of(phase, typed), said)
