"""The page's scripts compute what Python computes, stage by stage, so that a fault can be found where it is."""

import numpy as np
import pytest
import scipy
from browser import IN_CHROMIUM, open_page
from javascript import Engine, near, numbers, runtime_or_skip

from ecgnb.app.browser.build import runtime_values
from ecgnb.app.browser.constants import constants
from ecgnb.classifier import recording
from ecgnb.classifier.load import load_classifier
from ecgnb.datasets import synthetic
from ecgnb.datasets.wfdb import read_record
from ecgnb.datasets.windows import fill_gaps, resampling_ratio
from ecgnb.detection import gate, indices, quality, r_peaks, rhythm
from ecgnb.errors import EcgnbError

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def engine():
    with open_page("about:") as page:
        yield Engine(page)


@pytest.fixture(scope="module")
def wave(tmp_path_factory):
    """A minute of a synthetic heart, with a gap and a stretch of noise, scaled as a recording is."""
    folder = tmp_path_factory.mktemp("heart")
    synthetic.write_mitdb(folder, ["heart"], paced=[])
    record = read_record(folder, "heart", source="synthetic")
    wave = record.signal[: round(60 * record.fs), 0].copy()
    wave[5000:5200] = np.nan
    noise = np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
    wave[12_000:16_000] += noise[:4000]
    return wave, float(record.fs)


def filled(wave):
    return fill_gaps(wave)[0].astype(np.float32)


def test_filters(engine, wave):
    signal, fs = wave
    for code, kind, cutoff in (
        ("bandpassed(a, b, 3, 20)", "bandpass", (3, 20)),
        ("highpassed(a, b, 0.5)", "highpass", 0.5),
    ):
        sos = scipy.signal.butter(2, cutoff, kind, fs=fs, output="sos")
        near(engine(code, filled(signal), fs), scipy.signal.sosfiltfilt(sos, filled(signal).astype(float)))


@pytest.mark.parametrize("fs", [100, 128, 250, 257.5, 360, 500, 1000, 2000])
def test_resampling(engine, wave, fs):
    ratio = resampling_ratio(fs, 125.0)
    assert engine("resamplingRatio(a, 125)", fs) == [ratio.numerator, ratio.denominator]
    signal = filled(wave[0])[:5000]
    slow = scipy.signal.resample_poly(signal.astype(float), ratio.numerator, ratio.denominator, padtype="line")
    near(engine("resampled(a, ...resamplingRatio(b, 125))", signal, fs), slow)


def test_filters_by_rank(engine):
    values = np.random.default_rng(1).random(37).astype(np.float32)
    for n in (1, 2, 3, 5, 11, 37):
        near(engine("withoutGiants(Float64Array.from(a))", values[:n] ** 8), r_peaks._without_giants(values[:n] ** 8))
        time = np.arange(n) * 0.9 + 0.3
        near(
            engine("usualHeight([...a], b)", values[:n], time.tolist()),
            r_peaks._usual_height(values[:n].astype(float), time, constants()["r_peaks"]["share_in_silence"]),
        )


def test_stages_of_the_detector(engine, wave):
    signal, fs = filled(wave[0]), wave[1]
    found, expected = (
        engine("slopeStages(Float64Array.from(a), b)", signal, fs),
        r_peaks.slope_stages(signal.astype(float), fs),
    )
    for name in ("filtered", "slope", "peak", "usual"):
        near(found[name], getattr(expected, name))
    both = engine("detectRPeaks(Float64Array.from(a), b)", signal, fs)
    assert both == [r_peaks.detect_r_peaks(signal, fs, name).tolist() for name in gate.JUDGES]


def test_the_gate(engine, wave):
    signal, fs = wave
    r = [r_peaks.detect_r_peaks(filled(signal), fs, name) for name in gate.JUDGES]
    expected = indices.quality_indices(signal, fs, *r)
    found = engine(f"judged(a, b, {r[0].tolist()}, {r[1].tolist()})", signal, fs)
    for place, name in enumerate(indices.INDICES):
        near([row["indices"][place] for row in found], expected[name])
    judged = gate.judge(signal, fs, *r)
    near([row["p_ecg"] for row in found], judged["p_ecg"])
    assert [row["is_ecg"] for row in found] == judged["is_ecg"].tolist()


def test_faults(engine):
    signal = np.sin(np.arange(3600) / 20).clip(-0.9, 0.9).astype(np.float32)
    signal[500:1000], signal[2000:2030], signal[2040:2050] = 0.25, np.nan, np.nan
    expected = quality.find_faults(signal, 360.0)
    found = engine("findFaults(a, 360)", signal)
    assert [row["fault"] for row in found] == expected["fault"].tolist() and set(expected["fault"]) == {
        "missing",
        "flat",
        "clipped",
    }
    near([[row["start_s"], row["seconds"]] for row in found], expected[["start_s", "seconds"]])


def test_rhythm(engine):
    rng = np.random.default_rng(2)
    rr = np.r_[rng.normal(0.8, 0.01, 90), rng.uniform(0.4, 1.2, 90)]
    rr[[5, 6, 100]] = np.nan
    given = [None if np.isnan(one) else one for one in rr]
    near(engine("irregularity(a.map((one) => one ?? NaN))", given), rhythm.irregularity(rr))


def test_what_the_network_reads_and_says(engine, wave):
    """Rows are equal to the last bit, scores but for rounding."""
    signal, fs = wave
    classifier, kept = load_classifier(quick=True), {}
    scores = classifier.all_scores
    classifier.all_scores = lambda inputs: kept.setdefault("scores", scores(kept.setdefault("inputs", inputs)))
    expected = recording.classify_recording(signal, fs, classifier=classifier)
    runtime = runtime_or_skip()
    engine.page.add_script_tag(path=runtime.script)
    engine.page.evaluate("async (runtime) => { self.network = await loadNetwork(runtime); }", runtime_values(runtime))
    code = (
        "(async () => { let rows; let scores; const found = await classifyRecording(a, b, async (given) => "
        "(scores = await network(rows = given))); return { ...found, rows, scores }; })()"
    )
    found = engine(code, signal, fs)
    assert np.array_equal(numbers(found["rows"]).astype(np.float32), kept["inputs"].rows)
    near(found["scores"], kept["scores"], 1e-4)
    beats = expected.beats
    for name in ("r_sample", "label", "why", "could_be", "irregular"):
        assert [beat[name] for beat in found["beats"]] == beats[name].tolist(), name
    assert found["warnings"] == expected.warnings() and len(found["warnings"]) >= 2
    assert found["counts"] == expected.counts().to_dict()
    near(found["beside_qrs"], expected.beside_qrs, 1e-6)


NO_ECG = {
    "noise": np.random.default_rng(3).standard_normal(7200),
    "a sine": np.sin(np.arange(7200) / 9),
    "a ramp": np.arange(7200.0),
    "a constant": np.full(7200, 2.5),
    "three seconds": np.random.default_rng(3).standard_normal(1080),
    "mostly nothing": np.where(np.arange(7200) % 3, np.nan, 1.0),
    "nothing": np.full(7200, np.nan),
}


@pytest.mark.parametrize("name", NO_ECG)
def test_what_python_refuses_is_refused_in_the_same_words(engine, name):
    signal = NO_ECG[name].astype(np.float32)
    with pytest.raises(EcgnbError) as refused:
        recording.classify_recording(signal, 360.0, classifier=load_classifier(quick=True))
    code = "classifyRecording(a, 360, async () => []).catch((fault) => fault.message)"
    assert engine(code, signal) == str(refused.value)


@pytest.mark.parametrize("fs", [50.0, 99.5, 5000.0])
def test_rates_that_are_refused(engine, fs):
    with pytest.raises(EcgnbError) as refused:
        recording.classify_recording(NO_ECG["noise"], fs)
    assert engine(
        "classifyRecording(a, b, async () => []).catch((fault) => fault.message)", NO_ECG["noise"], fs
    ) == str(refused.value)


def test_constants_stand_in_one_place():
    """What Python knows reaches the page as it is."""
    values = constants()
    assert values["recipe"]["before"] == load_classifier(quick=True).recipe.before
    assert values["gate"]["weights"] == gate.learned_gate().weights.tolist()
