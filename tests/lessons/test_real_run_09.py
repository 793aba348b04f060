"""What the lesson claims is measured again on every machine with the data. A file of its own: it takes minutes."""

from conftest import run_on_real_data


def test_lesson_09_with_one_training_each(real_data, tmp_path):
    real_data("ptbxl")
    real_data("mitdb")
    real_data("svdb")
    few = dict(n_seeds=1, n_draws=1, pretrain_steps=20)
    metrics, committed = run_on_real_data("09", tmp_path, **few)
    assert metrics["macro_auroc"] > 0.84 and committed["macro_auroc"] > 0.86
    for found in (metrics, committed):
        auroc = {name: row["macro AUROC"][0] for name, row in found["models"].items()}
        assert auroc["trees"] > auroc["networks"] > auroc["age and sex"] + 0.05, "measurements, then networks"
        assert found["leads"]["I alone"]["minus 12 leads"][2] < 0, "one lead is clearly worse"
        assert found["curve"][0]["value"] < found["curve"][-1]["value"], "more patients help"
