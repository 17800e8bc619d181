"""Advice on hand-written evidence, against the mixed model equations, and in simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from xstilts_core.analysis import advice
from xstilts_core.study.spec import BASELINE

FORMATS = {"xnli": "pair", "pawsx": "pair", "xquad": "span", "tydiqa": "span"}


def drawn(seed: int, targets: int = 8, recipes: int = 6) -> pd.DataFrame:
    """Evidence from the model itself: effects of recipes, of formats and of both."""
    generator = np.random.default_rng(seed)
    kinds = ("pair", "span")
    of_recipe = generator.normal(0, 3, recipes)
    of_both = generator.normal(0, 4, (recipes, 2))
    of_target = generator.normal(0, 2, targets)
    rows = [
        {
            "table": "drawn",
            "recipe": f"r{recipe}",
            "target": f"t{target}",
            "format": kinds[target % 2],
            "gain": of_recipe[recipe] + of_both[recipe, target % 2] + of_target[target],
            "error": 1.0,
            "size": 1000 * (recipe + 1),
            "same_format": float(recipe % 2 == target % 2),
        }
        for target in range(targets)
        for recipe in range(recipes)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(gain=frame["gain"] + generator.normal(0, 2, len(frame)))


def test_predictions_solve_the_mixed_model_equations():
    """Henderson's equations: (Z'WZ + G^-1) u = Z'Wy, with W the weights of the rows."""
    evidence = drawn(1)
    held = evidence["target"] == "t3"
    model = advice.Pooling(evidence[~held], ("size",))
    mean = model.predict(evidence[held])["gain"]

    def columns(frame: pd.DataFrame) -> pd.DataFrame:
        keys = [frame[list(group)].agg("/".join, axis=1) for group in advice.GROUPS]
        labels = pd.concat(
            [pd.get_dummies(key, dtype=float).add_prefix(f"{n}:") for n, key in enumerate(keys)],
            axis=1,
        )
        size = (frame["size"] - evidence[~held]["size"].mean()) / evidence[~held]["size"].std(
            ddof=0
        )
        return labels.assign(one=1.0, size=size)

    train = columns(evidence[~held])
    variance = [
        model.variances[
            0 if name == "one" else len(advice.GROUPS) + 1 if name == "size" else int(name[0]) + 1
        ]
        for name in train
    ]
    weights = 1 / (model.variances[-1] + (evidence[~held]["error"].to_numpy() / 5) ** 2)
    design = train.to_numpy()
    left = design.T @ (weights[:, None] * design) + np.diag(1 / np.array(variance))
    effects = np.linalg.solve(left, design.T @ (weights * evidence[~held]["gain"] / 5))
    test = columns(evidence[held]).reindex(columns=train.columns, fill_value=0.0).to_numpy()
    np.testing.assert_allclose(mean, 5 * test @ effects, atol=1e-8)


def test_the_gradient_is_that_of_the_loss():
    model = advice.Pooling(drawn(2), ("same_format",))
    at = np.random.default_rng(0).normal(-1, 1, len(model.variances))
    assert check_grad(lambda x: model._loss(x)[0], lambda x: model._loss(x)[1], at) < 1e-3


def test_intervals_cover_targets_that_were_left_out():
    inside = {level: [] for level in advice.LEVELS}
    for seed in range(12):
        evidence = drawn(seed)
        held = evidence["target"] == "t0"
        prediction = advice.Pooling(evidence[~held], ("same_format",)).predict(evidence[held])
        for level in advice.LEVELS:
            low, high = (prediction[f"{end}_{100 * level:.0f}"] for end in ("low", "high"))
            gain = evidence[held]["gain"]
            inside[level] += list((low <= gain) & (gain <= high))
    assert 0.7 < np.mean(inside[0.8]) < 0.95
    assert 0.88 < np.mean(inside[0.95]) <= 1


def frame(gains: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Evidence by hand: recipe -> target -> gain."""
    rows = [
        {"table": "s", "recipe": recipe, "target": target, "format": FORMATS[target], "gain": gain}
        for recipe, row in gains.items()
        for target, gain in row.items()
    ]
    return pd.DataFrame(rows).assign(error=0.5, size=1000.0)


def test_a_recipe_that_helps_its_own_format_is_first_there_and_nowhere_else():
    gains = {
        "mnli": {"xnli": 9.0, "pawsx": 8.0, "xquad": -2.0, "tydiqa": -3.0},
        "squad": {"xnli": -3.0, "pawsx": -2.0, "xquad": 9.0, "tydiqa": 7.0},
        "ccg": {"xnli": -9.0, "pawsx": -9.0, "xquad": -8.0, "tydiqa": -9.0},
    }
    evidence = frame(gains)
    for target, best in (("xnli", "mnli"), ("tydiqa", "squad")):
        held = evidence["target"] == target
        prediction = advice.Pooling(evidence[~held]).predict(evidence[held])
        order = evidence[held]["recipe"].to_numpy()[np.argsort(-prediction["gain"])]
        assert order[0] == best
        assert order[-1] == "ccg"
        assert (prediction["chance"][evidence[held]["recipe"] == "ccg"] < 0.1).all()


def test_nothing_is_expected_to_help_where_nothing_ever_did():
    evidence = frame({name: dict.fromkeys(FORMATS, -5.0) for name in ("mnli", "squad", "ccg")})
    held = evidence["target"] == "xnli"
    assert (advice.Pooling(evidence[~held]).predict(evidence[held])["gain"] < 0).all()


@pytest.mark.parametrize(
    ("scores", "first", "lost"),
    [
        ([3.0, 1.0, -1.0], 1, 4.0),  # the worst recipe is tried
        ([3.0, 1.0, -1.0], 2, 0.0),  # the best one is second
        ([-1.0, -2.0, -3.0], 1, 2.0),  # none is tried, and the best would have gained 2
        ([float("nan"), -1.0, -1.0], 1, 2.0),
    ],
)
def test_regret_counts_none(scores, first, lost):
    assert advice.regret(np.array([-2.0, 2.0, 1.0]), np.array(scores), first) == lost


def test_rules():
    evidence = drawn(3)
    held = evidence["target"] == "t0"
    rows = evidence[held]
    scores = advice._scores(evidence[~held], rows, rows["gain"])
    means = evidence[~held].groupby("recipe")["gain"].mean()
    average = means.loc[rows["recipe"]].to_numpy()
    np.testing.assert_allclose(scores["best on average"], average)
    assert scores["largest set"].to_numpy().argmax() == 5
    assert (scores["same format"].isna() == (rows["same_format"] == 0)).all()
    assert not set(advice.FEATURES) & set(scores.columns), "without vectors"
    rows = rows.assign(similarity=rows["gain"], h_score=np.nan)
    scores = advice._scores(evidence[~held], rows, rows["gain"])
    assert (scores["most similar texts"] == rows["gain"]).all()
    assert scores["highest H-score"].isna().all() and "highest evidence" not in scores


def test_left_out_targets_are_predicted_from_the_others():
    evidence = drawn(4).sample(frac=1, random_state=0)
    held = (evidence["target"] == "t2").to_numpy()
    left_out = advice.Pooling(evidence).left_out[held]
    expected = advice.Pooling(evidence[~held]).predict(evidence[held])
    for name in ("gain", "deviation"):
        np.testing.assert_allclose(left_out[name], expected[name], atol=1e-6)


def test_a_missing_covariate_counts_as_the_mean():
    evidence = drawn(5, targets=4)
    rows = evidence[evidence["target"] == "t0"]
    model = advice.Pooling(evidence.assign(similarity=np.nan), ("size", "similarity"))
    rows = rows.assign(similarity=np.nan)
    middle = model.predict(rows.assign(size=evidence["size"].mean()))
    missing = model.predict(rows.assign(size=np.nan))
    np.testing.assert_allclose(missing["gain"], middle["gain"])


def new_rows(evidence: pd.DataFrame, target: str, form: str) -> pd.DataFrame:
    """Rows of a new target, one per recipe."""
    return evidence.drop_duplicates("recipe").assign(target=target, format=form, same_format=0.0)


def test_none_stands_between_gains_and_losses_and_a_measured_target_needs_no_rule():
    gains = {"mnli": {"xnli": 9.0, "pawsx": 8.0, "xquad": 2.0}}
    gains["ccg"] = dict.fromkeys(gains["mnli"], -9.0)
    evidence = frame(gains).assign(same_format=0.0, tasks=[("mnli",)] * 3 + [("ccg",)] * 3)
    table, regrets = advice.advise(evidence, new_rows(evidence, "new", "pair"))
    assert list(table["recipe"]) == ["mnli", BASELINE, "ccg"]
    assert list(regrets.index) == [advice.MODEL, *advice.RULES]
    for level in ("80", "95"):
        assert (table[f"low_{level}"] <= table["gain"]).all()
        assert (table["gain"] <= table[f"high_{level}"]).all()
    assert (table["low_95"] <= table["low_80"]).all()
    table, _ = advice.advise(evidence, new_rows(evidence, "xnli", "pair"))
    assert table.attrs["rule"] == advice.MODEL


def test_a_rule_is_used_where_it_wins():
    """The largest set is best on every target, in an order that nothing else tells."""
    generator = np.random.default_rng(0)
    rows = [
        {"recipe": f"r{recipe}", "target": f"t{target}", "gain": 10.0 * size, "size": size}
        for target in range(6)
        for recipe, size in enumerate(generator.permutation([1.0, 2.0, 3.0]))
    ]
    evidence = pd.DataFrame(rows).assign(
        table="s", format="pair", error=0.1, same_format=1.0, tasks=[()] * 18
    )
    table, regrets = advice.advise(evidence, new_rows(evidence, "new", "pair"))
    assert regrets["largest set"] == 0 < regrets[advice.MODEL]
    assert table.attrs["rule"] == "largest set"
    assert list(table["score"].iloc[:3]) == sorted(table["score"].iloc[:3], reverse=True)


def test_measures_of_known_advice():
    """Two tables that agree: every rule that looks at gains is right, from each origin."""
    gains = {"mnli": {"xnli": 9.0, "pawsx": 8.0, "xquad": 6.0}}
    gains["ccg"] = dict.fromkeys(gains["mnli"], -9.0)
    one = frame(gains).assign(same_format=0.0)
    evidence = pd.concat([one, one.assign(table="other")], ignore_index=True)
    measures = advice.measure(evidence)
    assert set(measures["origin"]) == set(advice.ORIGINS)
    assert len(measures) == 2 * 3 * 3 * (3 + len(advice.RULES))
    by_rule = measures.groupby("rule")
    assert by_rule["regret_1"].max()[advice.MODEL] == 0
    assert by_rule["regret_1"].mean()[advice.CHANCE] == pytest.approx(
        np.mean([best - (best - 9) / 3 for best in (9, 8, 6)])
    ), "one of mnli, ccg and none"
    assert by_rule["correlation"].min()[advice.ADVISOR] == pytest.approx(1)
    summary = advice.measure_summary(measures, resamples=200)
    assert (summary["low"] <= summary["value"]).all()
    assert (summary["value"] <= summary["high"]).all()
    assert set(summary["table"]) == {"s", "other", "all"}
