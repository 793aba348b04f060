"""Lesson 08: what its prose says of the recorded run, floors of what is shipped, its exercises' checks."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import check_exercise, recorded_metrics, solve_exercise

from ecgnb.course.lessons import find
from ecgnb.datasets import DS2

LESSON = find("08")
check, solve = partial(check_exercise, LESSON), partial(solve_exercise, LESSON)


@pytest.fixture(scope="module")
def found():
    return recorded_metrics(LESSON)


def test_what_the_lesson_says_of_the_recorded_run(found):
    pointing = {name: row["QRS"][0] for name, row in found["pointing"].items()}
    assert 0.4 < pointing["slope (no network)"] < 0.5, "nearly half of the slope map lies on the QRS"
    assert pointing["uniform (no network)"] == pytest.approx(0.07, abs=0.005), "which takes 7 % of the time"
    at_the_end = {(row["network"], row["method"]): row for row in found["forgotten"] if row["forgotten"] == 1}
    gradient, times_input = (at_the_end["CNN-LSTM", name]["likeness"] for name in ("gradient", "gradient x input"))
    assert times_input > gradient + 0.1, "gradient x input stays more alike than the gradient"
    for network in ("attentive", "smallest"):
        assert at_the_end[network, "occlusion"]["likeness"] > 0.4, "in the two smaller networks it stays alike as well"
    assert not any(all(row.values()) for row in found["checks"].values()), "no method passes all"
    shift = found["stable"]
    assert all(row["shift"][0] < shift["CNN-LSTM/slope (no network)"]["shift"][0] for row in shift.values()
               if row != shift["CNN-LSTM/slope (no network)"]), "none moves along as the slope does"  # fmt: skip


def test_what_the_lesson_says_of_changed_recordings(found):
    changed = found["changed"]
    assert changed["lesson 06/early"]["S"][0] > 0.9, "an early beat becomes S for the network that is told the timing"
    assert all(changed[f"{name}/wide QRS"]["N"][0] > 0.75 for name in ("lesson 02", "lesson 06")), "N in most"
    early_and_wide = {name: changed[f"{name}/early, wide QRS"]["V"][0] for name in ("lesson 02", "lesson 06")}
    assert early_and_wide["lesson 06"] > 0.9 and early_and_wide["lesson 02"] < 0.25, "V in most, and in few"
    timing, shape = (found["inputs"][name]["added to S minus N"] for name in ("timing", "shape"))
    assert timing[1] > shape[2]
    parts = found["shape"]
    assert sum(row["share of the map"][0] for row in parts.values()) == pytest.approx(1, abs=0.01)
    assert all(row["adds to S minus N"][1] < 0 for row in parts.values()), "no part is clearly above zero"
    rise = {name: row["rise minus the uniform map's"] for name, row in found["on_qrs"].items()}
    assert any(one[1] > 0 for one in rise.values()) and any(one[2] < 0 for one in rise.values()), (
        "some do, others don't"
    )


def test_floors(found):
    ours = found["detectors"]["slope"]
    assert ours["sensitivity"][0] > 0.995 and ours["PPV"][0] > 0.995, "the floor of another hospital"
    waves = {row["wave"]: row for row in found["waves"] if row["method"] == "U-Net"}
    for wave, floor in {"P": 0.93, "QRS": 0.99, "T": 0.95}.items():
        assert waves[wave]["f1"][0] > floor
        assert max(waves[wave][f"{edge}_median_ms"][0] for edge in ("onset", "offset")) <= 20


@pytest.fixture(scope="module")
def lesson(smoke_namespace):
    return smoke_namespace("08")


def test_maps_are_shares_and_nobody_is_on_both_sides(lesson):
    for name, one in (lesson["maps"] | lesson["blind"]).items():
        assert np.allclose(one.sum(axis=1), 1) and (one >= 0).all(), name
    assert set(lesson["some"].record) <= set(DS2)
    assert not set(lesson["learn"].record) & set(DS2) and "201" not in lesson["learn"].record


def test_integrated_gradients_add_up_and_a_constant_answer_has_no_map(lesson):
    """The lesson's ten lines, on a network whose answer is known: three times the first sample."""

    class Linear(torch.nn.Module):
        def forward(self, beats):
            return 3 * beats[:, 0]

    beats = torch.randn(4, 10)
    added = lesson["integrated_gradients"](Linear(), beats)
    assert torch.allclose(added[:, 0], 3 * beats[:, 0], atol=1e-5) and (added[:, 1:] == 0).all()
    assert np.allclose(lesson["shares"](np.zeros((2, 4))), 0.25), "no importance anywhere: the same everywhere"


def test_forgetting_leaves_the_network_itself_alone(lesson):
    network = lesson["smallest"]
    before = {name: one.clone() for name, one in network.state_dict().items()}
    forgetful = lesson["forget"](network, 3)
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    changed = [not torch.equal(a, b) for a, b in zip(network.parameters(), forgetful.parameters(), strict=True)]
    assert np.mean(changed) > 0.6, "weights are new; scales and shifts of a normalisation begin as 1 and 0 each time"
    last = lesson["forget"](network, 3, 1)
    changed = [name for name, one in last.state_dict().items() if not torch.equal(one, before[name])]
    assert changed and all(name.startswith("read_out") for name in changed), "the last layer alone"


def test_changes_change_one_thing(lesson):
    record = lesson["changeable"][0]
    wave, r, beat = lesson["change"](record, "nothing")
    assert np.array_equal(wave, record.wave("ii")) and np.array_equal(r, record.r_sample)
    flat, r_flat, _ = lesson["change"](record, "flat P")
    _, p, qrs = lesson["middle_beat"](record)
    assert np.array_equal(r, r_flat)
    assert np.array_equal(flat[: p.onset], wave[: p.onset]) and np.array_equal(flat[p.offset :], wave[p.offset :])
    wide, r_wide, _ = lesson["change"](record, "wide QRS")
    longer = qrs.offset - qrs.onset
    assert len(wide) == len(wave) + longer and (r_wide[beat + 1 :] - r[beat + 1 :] == longer).all()
    early, r_early, _ = lesson["change"](record, "early")
    sooner = r[beat] - r_early[beat]
    assert len(early) == len(wave) - sooner and 0.15 < sooner / (r[beat] - r[beat - 1]) < 0.4
    assert np.array_equal(r[:beat], r_early[:beat]) and (r[beat:] - r_early[beat:] == sooner).all()


def test_shapley_values_of_a_sum_are_its_parts(lesson):
    """Where nothing interacts, an input adds what it adds alone."""
    sequences, far = lesson["sequences"][:5], lesson["far"]
    n = lesson["rules"].n_samples

    class Sum(torch.nn.Module):
        def forward(self, rows):
            out = torch.zeros(*rows.shape[:2], 5)
            out[..., lesson["s"]] = rows[..., :n].sum(-1) + 2 * rows[..., 2 * n :].sum(-1)
            return out

    added = lesson["shapley"](Sum(), sequences)
    shape = (sequences[:, far, :n] - sequences[:, far, n : 2 * n]).sum(axis=1)
    assert np.allclose(added[0], shape, atol=1e-3)
    assert np.allclose(added[1], 2 * sequences[:, far, 2 * n :].sum(axis=1), atol=1e-3)
    assert np.allclose(added[2], 0, atol=1e-3), "neighbours do not matter to it"


def test_exercise_1(lesson):
    right = solve(1, lesson)["share_on_qrs"]
    check(1, lesson, share_on_qrs=right)
    with pytest.raises(AssertionError, match="second difference"):
        check(1, lesson, share_on_qrs=right + 0.05)


def test_exercise_2(lesson):
    right = solve(2, lesson)["alike"]
    check(2, lesson, alike=right)
    with pytest.raises(AssertionError, match="rank correlation"):
        check(2, lesson, alike=right - 0.1)


def test_exercise_3(lesson):
    right = solve(3, lesson)["f1_of_t"]
    check(3, lesson, f1_of_t=right)
    assert isinstance(pd.Series(right), pd.Series)
    with pytest.raises(AssertionError, match="computed anew"):
        check(3, lesson, f1_of_t=dict.fromkeys(right, 0.5))
