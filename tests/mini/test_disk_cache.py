"""Generated data sets that are kept on disk: the same as those generated, and never in the way."""

import pytest

from xstilts_core.errors import UsageError
from xstilts_core.mini import disk_cache, suite


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(disk_cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("task", "split", "language"),
    [
        ("xnli", "dev", "hi"),
        ("tydiqa", "test", "sw"),
        ("panx", "test", "zh"),
        ("bucc2018", "dev", "de"),
    ],
)
def test_what_is_kept_is_what_is_generated(cache, task, split, language):
    first = suite.load(task, split, language)
    (file,) = (cache / disk_cache.generator()).iterdir()
    assert file.name == f"{task}-{split}-{language}-general"
    assert (
        suite.load(task, split, language)
        == first
        == suite.generate(task, split, language, "general")
    )


def test_it_is_read_and_not_generated_again(cache, monkeypatch):
    first = suite.load("udpos", "test", "de")
    monkeypatch.setattr(suite, "generate", lambda *_: pytest.fail("generated again"))
    assert suite.load("udpos", "test", "de") == first


def test_damaged_and_cut_files_are_made_again(cache):
    first = suite.load("udpos", "test", "tr")
    (file,) = (cache / disk_cache.generator()).iterdir()
    for damaged in (b"", file.read_bytes()[:1000], b"no pickle"):
        file.write_bytes(damaged)
        assert suite.load("udpos", "test", "tr") == first
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # no temporary file is left


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(disk_cache.VARIABLE, str(tmp_path / "file"))
    assert suite.load("udpos", "dev", "en") == suite.generate("udpos", "dev", "en", "general")


def test_none_is_kept_where_the_variable_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(disk_cache.VARIABLE, "")
    assert suite.load("udpos", "dev", "en", limit=3) == suite.load("udpos", "dev", "en")[:3]
    assert not list(tmp_path.iterdir())


def test_the_folder_is_named_by_the_generator(cache, monkeypatch, tmp_path):
    before = disk_cache.folder()
    disk_cache.generator.cache_clear()
    monkeypatch.setattr(disk_cache.examples, "__file__", str(tmp_path / "examples.py"))
    (tmp_path / "examples.py").write_text("# changed\n")
    try:
        assert disk_cache.folder() != before
    finally:
        disk_cache.generator.cache_clear()


def test_wrong_names_are_refused_before_anything_is_looked_up(cache):
    with pytest.raises(UsageError, match="did you mean"):
        suite.load("udpos", "dve", "en")
    assert not cache.exists()
