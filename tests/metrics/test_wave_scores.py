"""Found waves beside marked ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgnb import metrics
from ecgnb.errors import UsageError
from ecgnb.metrics.waves import edge_error_counts, quantile_of_errors


def table(*rows, record="1", lead="ii"):
    """Return waves: kind, onset, offset; the peak lies in the middle."""
    waves = pd.DataFrame(rows, columns=["wave", "onset", "offset"]).assign(record=record, lead=lead)
    return waves.assign(peak=(waves["onset"] + waves["offset"]) // 2)


BEAT = [("P", 100, 150), ("QRS", 180, 230), ("T", 300, 400)]


def outcomes(found, marked):
    compared = metrics.compare_waves(found, marked, 500)
    return sorted(zip(compared.wave, compared.outcome, strict=True))


def test_the_same_waves_are_found_without_an_error():
    compared = metrics.compare_waves(table(*BEAT), table(*BEAT), 500)
    assert (compared.outcome == "found").all() and (compared[["onset_ms", "offset_ms"]] == 0).all(axis=None)
    scores = metrics.wave_scores(compared)
    assert all(scores.f1.iloc[place].value == 1 for place in range(3))


@pytest.mark.parametrize(
    ("onset", "offset", "outcome"),
    [(0, 0, "found"), (75, -75, "found"), (76, 0, "missed"), (0, 76, "missed"), (-75, 75, "found")],
)
def test_both_edges_within_150_ms(onset, offset, outcome):
    marked = table(("T", 1000, 1300))
    found = table(("T", 1000 + onset, 1300 + offset))
    assert ("T", outcome) in outcomes(found, marked)
    assert len(outcomes(found, marked)) == 1 + (outcome == "missed"), "and then it is a false positive, too"


def test_errors_are_found_less_marked():
    compared = metrics.compare_waves(table(("P", 110, 140)), table(("P", 100, 150)), 500)
    assert compared[["onset_ms", "offset_ms"]].to_numpy().tolist() == [[20, -20]]


def test_another_kind_at_the_same_place_is_no_match():
    assert outcomes(table(("P", 180, 230)), table(*BEAT)) == [
        ("P", "false positive"), ("P", "missed"), ("QRS", "missed"), ("T", "missed"),
    ]  # fmt: skip


def test_before_the_first_mark_and_after_the_last_nothing_is_false():
    found = table(("T", 10, 90), *BEAT, ("P", 420, 470))
    assert all(outcome == "found" for _, outcome in outcomes(found, table(*BEAT)))
    inside = table(*BEAT, ("P", 310, 350))
    assert ("P", "false positive") in outcomes(inside, table(*BEAT))


def test_a_wave_marked_at_one_end_is_neither_demanded_nor_false():
    marked = table(*BEAT, ("QRS", 480, 530))
    marked.loc[0, "onset"] = -1
    assert ("P", "missed") not in outcomes(table(*BEAT[1:], ("QRS", 480, 530)), marked)
    assert not [outcome for _, outcome in outcomes(table(*BEAT, ("QRS", 480, 530)), marked) if outcome != "found"]


def test_a_wave_in_two_pieces_is_found_once():
    found = table(("T", 300, 340), ("T", 345, 400))
    assert outcomes(found, table(*BEAT)).count(("T", "found")) == 1
    assert ("T", "false positive") in outcomes(found, table(*BEAT))


def test_leads_are_compared_with_themselves():
    both = pd.concat([table(*BEAT), table(("QRS", 700, 750), record="2", lead="v1")])
    swapped = both.assign(lead=both.lead.map({"ii": "v1", "v1": "ii"}))
    assert (metrics.compare_waves(swapped, both, 500).outcome == "missed").all()
    counts = metrics.wave_counts(metrics.compare_waves(both, both, 500), "QRS")
    assert counts.tolist() == [[[1, 1, 1]], [[1, 1, 1]]]
    assert metrics.wave_counts(metrics.compare_waves(both, both, 500), "P").tolist() == [[[1, 1, 1]], [[0, 0, 0]]]


def test_nothing_marked():
    with pytest.raises(UsageError, match="no wave is marked"):
        metrics.compare_waves(table(*BEAT), table(*BEAT)[:0], 500)


edges = st.lists(st.tuples(st.integers(1, 90), st.integers(1, 60)), max_size=7).map(
    lambda steps: np.cumsum(np.array(steps, dtype=np.int64).reshape(-1)).reshape(-1, 2)
)


def most_pairs(found, marked, reach):
    """Return how many pairs there can be at most, by trying all."""
    best = np.zeros((len(found) + 1, len(marked) + 1), dtype=int)
    for i in range(len(found)):
        for j in range(len(marked)):
            fits = bool((np.abs(found[i] - marked[j]) <= reach).all())
            best[i + 1, j + 1] = max(best[i, j + 1], best[i + 1, j], best[i, j] + fits)
    return best[-1, -1]


@settings(deadline=None)
@given(found=edges, marked=edges)
def test_no_other_pairing_has_more_pairs(found, marked):
    of_found, of_marked = metrics.match_waves(found, marked, 500, tolerance=0.1)
    assert len(of_found) == most_pairs(found, marked, 50)
    assert (np.abs(found[of_found] - marked[of_marked]) <= 50).all()
    assert (np.diff(of_found) > 0).all() and (np.diff(of_marked) > 0).all()
    back = metrics.match_waves(marked, found, 500, tolerance=0.1)
    assert len(back[0]) == len(of_found), "either may come first"


@settings(deadline=None)
@given(errors=st.lists(st.integers(-150, 150), min_size=1, max_size=40), share=st.sampled_from([0.5, 0.9]))
def test_quantiles_of_errors_are_those_of_numpy(errors, share):
    compared = pd.DataFrame({"record": "1", "wave": "P", "onset_ms": errors})
    counts = edge_error_counts(compared, "P", "onset").sum(axis=0)
    assert quantile_of_errors(share)(counts) == np.quantile(np.abs(errors), share, method="inverted_cdf")
    assert np.isnan(quantile_of_errors(share)(counts * 0))
