"""What the lesson claims is measured again on every machine with the data. A file of its own: it takes minutes."""

import json

from conftest import run_on_real_data

from ecgnb.course.lessons import find, results_path


def test_lesson_04_with_the_two_smallest(real_mitdb, tmp_path):
    """A default run takes too long here; the two smallest networks show what the lesson says of splits and leaks."""
    few = dict(models=["micro_ecgnet", "lite_ecgnet"], epochs=1)
    metrics, committed = run_on_real_data("04", tmp_path, **few)
    for found in (metrics, committed):
        leak = found["leak"]["micro_ecgnet"]
        assert leak["stratified"][0] > leak["record-wise"][0] + 0.1, "known patients flatter"
        assert found["overlapping_test_windows"] > 0.95
        assert found["models"]["micro_ecgnet"]["parameters"] <= 15_000
        assert found["models"]["lite_ecgnet"]["parameters"] <= 300_000
        assert min(model["accuracy"] for model in found["models"].values()) > 0.7
    report = json.loads((tmp_path / "run" / "reports" / "lite_ecgnet.json").read_text())
    assert report["macro_f1"] == metrics["models"]["lite_ecgnet"]["macro_f1"] and report["data"]["source"] == "real"
    counts = [sum(row.values()) for row in report["confusion"].values()]
    assert counts == [row["support"] for row in report["per_class"].values()]
    full = json.loads(results_path(find("04"), "full").read_text())["metrics"]
    assert full["best_macro_f1"] >= 0.95
