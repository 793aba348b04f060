"""What the lesson claims is measured again on every machine with the data. A file of its own: it takes minutes."""

import json

from ecgnb.course.execute import execute
from ecgnb.course.folders import read_metrics
from ecgnb.course.lessons import find, results_path


def test_lesson_05_on_some_recordings(real_mitdb, tmp_path):
    """All of DS2 takes too long here, and so does XQRS; five recordings show what the lesson says."""
    few = dict(data="real", detectors=["sleepecg"], test_records=["100", "105", "200", "213", "233"], hours=0.5)
    found = read_metrics(execute(find("05"), few, output_dir=tmp_path / "run"))["metrics"]
    assert found["sensitivity"] > 0.99 and found["positive_predictive_value"] > 0.985
    assert found["baselines"]["half of the highest"] < found["baselines"]["sleepecg"]
    assert abs(found["macro_f1_found_peaks"] - found["macro_f1_annotated_peaks"]) < 0.05
    assert [found["suspected"][name]["seem inverted"] for name in ("as recorded", "inverted lead")] == [0, 5]
    assert found["int8_agreement"] > 0.97 and abs(found["int8_macro_f1_change"]) < 0.05
    assert found["accuracy_of_classified"] > found["accuracy_of_all"]
    assert (tmp_path / "run" / "beats.csv").read_text().count("\n") > 50
    committed = json.loads(results_path(find("05"), "default").read_text())["metrics"]
    assert found["errors_on_ds1"]["slope"] == committed["errors_on_ds1"]["slope"], "on the same recordings"
