"""What a grid's progress says of the time that is left."""

from pathlib import Path

import pytest
from rich.console import Console

from xstilts_core.jobs.progress import Watch
from xstilts_core.study import Study


def test_time_left_is_unknown_until_more_than_phase_1_has_finished(tmp_path: Path) -> None:
    watch = Watch(Study.load("smoke", outputs=str(tmp_path)), jobs=2, console=Console())
    watch.look()
    assert watch.seconds_left() is None
    watch.states["pretrain/seed1"], watch.took["pretrain/seed1"] = "done", 600.0
    assert watch.seconds_left() is None
    first = next(name for name in watch.states if name.startswith("target"))
    watch.states[first], watch.took[first] = "done", 10.0
    assert watch.seconds_left() == pytest.approx(
        10.0 * sum(state == "missing" for state in watch.states.values()) / 2
    )
