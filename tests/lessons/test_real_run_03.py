"""What the lesson claims is measured again on every machine with the data. A file of its own: it takes minutes."""

import json

from conftest import run_on_real_data

from ecgnb.course.lessons import find, results_path


def test_lesson_03_with_a_small_network(real_mitdb, tmp_path):
    """A default run takes too long here; the small CNN, briefly trained, shows what the lesson says."""
    few = dict(model="simple_cnn", epochs=2, compare_beats=1000, compare_epochs=1, compare_every=20, bf16=False)
    metrics, committed = run_on_real_data("03", tmp_path, **few)
    assert metrics["beat_wise_accuracy"] >= 0.95 and committed["beat_wise_accuracy"] >= 0.97
    assert metrics["beat_wise_reconstruction_mse"] <= 0.01 and committed["beat_wise_reconstruction_mse"] <= 0.005
    assert metrics["adaptation_macro_f1"] > 0.1 and committed["adaptation_macro_f1"] > 0.1, "five minutes help"
    assert metrics["pca_reconstruction_mse"] < metrics["reconstruction_mse"] / 5, "components draw better"
    assert metrics["names_the_patient"]["network"] > 0.6, "the latent vector names the patient"
    full = json.loads(results_path(find("03"), "full").read_text())["metrics"]
    assert full["beat_wise_accuracy"] >= 0.98 and full["beat_wise_reconstruction_mse"] <= 0.005
