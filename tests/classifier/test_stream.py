"""The causal network on a stream: the same as offline, however the stream is cut, within a second, within bounds."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.classifier import BeatStream, classify_recording, load_classifier, stream_recording
from ecgnb.classifier import stream as module
from ecgnb.datasets import load_records
from ecgnb.detection import OnlineSlopeDetector, Tail, detect_r_peaks
from ecgnb.errors import ModelError, UsageError
from ecgnb.metrics.peaks import match_r_peaks

FS = 250


@pytest.fixture(scope="module")
def classifier():
    return load_classifier("beat_sequence_causal")


@pytest.fixture(scope="module")
def synthetic():
    """Three minutes of a record, and its rate."""
    record = load_records(["208"], data="synthetic")[0]
    return np.tile(record.signal[:, 0], 3).astype(np.float32)[: round(150 * record.fs)], record.fs


class Recorded(BeatStream):
    """Keeps the windows that it cut."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.cut = []

    def _cut(self, r):
        self.cut.append(super()._cut(r))
        return self.cut[-1]


def last_words(beats):
    """Return each beat as it was given last."""
    return list({beat.r_sample: beat for beat in beats}.values())


def same_as_offline(wave, fs, classifier):
    """From the same windows, the network says the same one by one as of all of them together."""
    stream = Recorded(fs, classifier, force=True)
    beats = last_words([*stream.push(wave), *stream.finish()])
    windows, why = zip(*stream.cut, strict=True)
    r = np.array([beat.r_sample for beat in beats])
    inputs = classifier.recipe.inputs_of(np.concatenate(windows), np.array(why), r / fs)
    found = np.array([beat.p for beat in beats if beat.p])
    np.testing.assert_allclose(found, classifier.probabilities(inputs), atol=1e-5)
    assert len(found) > 100, "far enough for a second reference beat"


def same_as_classify(wave, fs, classifier, least=75):
    """Where no filter wants to see what comes, windows and all are those of `classify_recording`."""
    plain = replace(classifier, recipe=replace(classifier.recipe, highpass=None))
    found = stream_recording(wave, fs, plain, force=True)
    offline = classify_recording(wave, fs, classifier=plain, r_sample=found["r_sample"], force=True).beats
    columns = [f"p_{name}" for name in classifier.classes]
    np.testing.assert_allclose(found[columns], offline[columns], atol=1e-5)
    assert (found["likeliest"] == offline["likeliest"]).all()
    np.testing.assert_allclose(found["rr_s"], offline["rr_s"])
    assert len(found) > least


def close_to_classify(wave, fs, classifier):
    """The filter sees 0.85 s ahead, which changes next to nothing."""
    found = stream_recording(wave, fs, classifier, force=True)
    offline = classify_recording(wave, fs, classifier=classifier, r_sample=found["r_sample"], force=True).beats
    assert (found["likeliest"] == offline["likeliest"]).mean() > 0.98
    assert (found["label"] == offline["label"]).mean() > 0.97


@pytest.mark.parametrize("check", [same_as_offline, same_as_classify, close_to_classify])
def test_a_synthetic_record(synthetic, classifier, check):
    check(*synthetic, classifier)


@pytest.mark.parametrize("name", ["119", "228"])
def test_real_records(real_mitdb, classifier, name):
    record = load_records([name], data="real")[0]
    wave = np.asarray(record.wave("MLII"), dtype=np.float32)[: round(120 * record.fs)]
    same_as_offline(wave, record.fs, classifier)
    close_to_classify(wave, record.fs, classifier)


@pytest.mark.parametrize("fs", [100.3, 333.3])
def test_at_any_rate(synthetic, classifier, fs):
    wave = np.interp(np.arange(0, 90, 1 / fs), np.arange(len(synthetic[0])) / synthetic[1], synthetic[0])
    same_as_classify(wave.astype(np.float32), fs, classifier)


def peaks(wave, fs):
    """Return the R peaks that the detector finds online."""
    tail, detector, found = Tail(round(5 * fs)), OnlineSlopeDetector(fs), []
    for part in np.array_split(wave, len(wave) // round(0.1 * fs)):
        tail.append(part)
        found += detector.step(tail)
    return np.array([*found, *detector.step(tail, final=True)])


def test_peaks_of_a_synthetic_record(synthetic):
    wave, fs = synthetic
    offline = detect_r_peaks(wave, fs)
    of_found, of_offline = match_r_peaks(peaks(wave, fs), offline, fs)
    assert len(of_found) > 0.97 * len(offline) and len(peaks(wave, fs)) < 1.03 * len(offline)
    assert np.abs(peaks(wave, fs)[of_found] - offline[of_offline]).max() <= 0.02 * fs


@pytest.mark.parametrize("size", [3, 20])
def test_an_electrode_moved_at_the_start_hides_no_beats(size, synthetic):
    wave, fs = synthetic[0][: round(20 * synthetic[1])], synthetic[1]
    moved = wave + size * np.ptp(wave) * (np.arange(len(wave)) < 0.3 * fs)
    expected, found = peaks(wave, fs), peaks(moved, fs)
    late = 0.8 * fs
    assert len(expected) > 15 and np.array_equal(found[found > late], expected[expected > late])


@pytest.mark.parametrize("fs", [100.0, 333.3, 2000.0])
def test_peaks_at_any_rate(synthetic, fs):
    wave = np.interp(np.arange(0, 30, 1 / fs), np.arange(len(synthetic[0])) / synthetic[1], synthetic[0])
    expected = detect_r_peaks(wave, fs)
    assert len(match_r_peaks(peaks(wave, fs), expected, fs)[0]) >= 0.95 * len(expected)


def test_peaks_of_a_noisy_patient(real_mitdb):
    record = load_records(["228"], data="real")[0]
    wave = np.asarray(record.wave("MLII"), dtype=np.float32)[: round(300 * record.fs)]
    found, marked = peaks(wave, record.fs), record.r_sample[record.r_sample < len(wave)]
    n = len(match_r_peaks(found, marked, record.fs)[0])
    assert n > 0.97 * len(marked) and n > 0.95 * len(found)


@fuzz(8)
@given(sizes=st.lists(st.integers(0, 3000), max_size=30))
def test_how_a_stream_is_cut_changes_nothing(synthetic, classifier, monkeypatch, sizes):
    monkeypatch.setattr(module, "N_BETWEEN", 8)
    wave, fs = synthetic[0][: round(15 * synthetic[1])].copy(), synthetic[1]
    wave[2000:2200] = np.nan
    whole, parts = BeatStream(fs, classifier), BeatStream(fs, classifier)
    expected = [*whole.push(wave), *whole.finish()]
    beats = []
    for part in np.split(wave, np.minimum(np.cumsum(sizes), len(wave))):
        beats += parts.push(part)
    assert repr([*beats, *parts.finish()]) == repr(expected)
    assert any(beat.again for beat in expected) and any(beat.label != "?" for beat in expected)


def test_within_a_second(synthetic, classifier):
    found = stream_recording(*synthetic, classifier)
    later = found[found["time_s"] > 3]
    assert later["delay_s"].max() < 1.0 and found["delay_s"].quantile(0.95) < 1.0
    named = found.iloc[64:]
    assert (named["label_delay_s"] == named["delay_s"]).all(), "from the 65th beat on, a label comes at once"


def test_the_end_is_as_offline(synthetic, classifier):
    """A stream that ends right after an R peak: nothing is made of what never came."""
    wave, fs = synthetic
    r = detect_r_peaks(wave, fs)[80]
    for seconds in (0.3, 0.5, 0.8):
        same_as_classify(wave[: r + round(seconds * fs)], fs, classifier, least=75)
    found = stream_recording(wave[: r + round(0.3 * fs)], fs, classifier, force=True)
    assert found["why"].iloc[-1] == "too near the end of the record"
    tail = Tail(10)
    tail.append(np.arange(10.0))
    tail.append(np.arange(10.0, 20.0))
    tail.append(np.arange(20.0, 23.0))
    assert tail.between(19, 99).tolist() == [19, 20, 21, 22] and tail.start <= 13


def test_the_first_beats_are_named_together(synthetic, classifier):
    stream = BeatStream(synthetic[1], classifier)
    beats = stream.push(synthetic[0])
    again = [beat for beat in beats if beat.again]
    assert len(again) == 63 and len({beat.given_s for beat in again}) == 1
    first = [beat for beat in beats if not beat.again][:63]
    assert all(beat.why == module.NOT_YET and beat.label == "?" and not beat.p for beat in first)
    assert [beat.r_sample for beat in first] == [beat.r_sample for beat in again]


def test_a_gap(synthetic, classifier):
    wave, fs = synthetic[0].copy(), synthetic[1]
    wave[round(80 * fs) : round(84 * fs)] = np.nan
    found = stream_recording(wave, fs, classifier)
    assert not found["time_s"].between(80, 84).any()
    after = found[found["time_s"] > 84].iloc[0]
    assert np.isnan(after["rr_s"])
    assert (found["why"] == "samples without a value").sum() <= 3
    assert found[found["time_s"] > 85]["label"].ne("?").mean() > 0.8


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_noise_gets_no_label(synthetic, classifier, unit):
    wave, fs = synthetic[0][: round(100 * synthetic[1])].copy(), synthetic[1]
    start = round(70 * fs)
    wave[start:] = np.random.default_rng(0).standard_normal(len(wave) - start)
    found = stream_recording(unit * wave, fs, classifier)
    noise = found[found["time_s"] > 80]
    assert len(noise) and (noise["why"] == module.NO_ECG_BEFORE).all() and noise["confidence"].isna().all()
    ecg = found[found["time_s"] < 70]
    assert ecg["label"].ne("?").mean() > 0.8


def test_noise_from_the_start(classifier):
    noise = np.random.default_rng(1).standard_normal(30 * FS)
    stream = BeatStream(FS, classifier)
    beats = [*stream.push(noise), *stream.finish()]
    assert beats and all(beat.label == "?" for beat in beats)
    assert {beat.why for beat in last_words(beats)} == {module.NO_ECG_BEFORE}
    assert not stream._waiting, "nothing piles up"


def test_memory_is_bounded(synthetic, classifier, monkeypatch):
    monkeypatch.setattr(module, "KEPT_WINDOWS", 70)
    stream = BeatStream(synthetic[1], classifier, force=True)
    beats = last_words(stream.push(synthetic[0]))
    assert len(beats) > 140 and len(stream._so_far._windows) <= 70 and stream._so_far._every > 1
    assert all(beat.label for beat in beats)
    for tail in (stream._wave, stream._detector._slope, stream._detector._filtered):
        assert len(tail._values) < 70 * synthetic[1]


@pytest.mark.parametrize("wave", [np.zeros(20 * FS), np.full(20 * FS, np.nan), np.full(20 * FS, 1e38), [], [1.0]])
def test_streams_of_nothing(classifier, wave):
    assert len(stream_recording(wave, FS, classifier)) == 0


def test_what_is_no_stream(classifier):
    for fs in (None, 0, 99, 2001, np.nan, "fast"):
        with pytest.raises(UsageError, match="sampling rate"):
            BeatStream(fs, classifier)
    for model in ("beat_sequence", "cnn_lstm"):
        with pytest.raises(ModelError, match="looks back only"):
            BeatStream(FS, load_classifier(model))
    stream = BeatStream(FS, classifier)
    for samples in ("text", [["a"]], np.zeros((2, 3))):
        with pytest.raises(UsageError, match="samples"):
            stream.push(samples)
    stream.finish()
    assert stream.finish() == []
    with pytest.raises(UsageError, match="finished"):
        stream.push([0.0])
