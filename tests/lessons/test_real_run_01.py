"""What the lesson claims is measured again on every machine with the data. A file of its own: it takes minutes."""

import pytest
from conftest import run_on_real_data


def test_lesson_01_in_default_size(real_ecg5000, tmp_path):
    """The detector is trained as by default; what is compared with it is trained briefly."""
    metrics, committed = run_on_real_data("01", tmp_path, compare_epochs=1, large_epochs=2, n_seeds=1)
    assert metrics["auroc"] >= 0.990
    assert metrics["balanced_accuracy"] >= 0.94
    assert metrics["auroc"] == pytest.approx(committed["auroc"], abs=0.004)
