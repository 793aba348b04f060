"""From raw signal to named beats: blocks, rates, gaps, confidence, and signals that should not be read."""

import numpy as np
import pytest
import torch

from ecgnb import models
from ecgnb.classifier import recording as classify
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recording import classify_beats, classify_recording
from ecgnb.classifier.result import NO_ECG, NO_RHYTHM, UNSURE, relabelled
from ecgnb.datasets import DS2, cut_beats, load_records
from ecgnb.datasets.beats import zscored
from ecgnb.datasets.windows import NEAR_START, NO_VALUE
from ecgnb.detection.quality import find_faults, share_pointing_up, waves_beside_qrs
from ecgnb.errors import DataError, ModelError, NoEcgError, UsageError
from ecgnb.metrics.peaks import match_r_peaks
from ecgnb.training.loop import predict


@pytest.fixture(scope="module", params=["beat_sequence", "cnn_lstm"])
def classifier(request):
    return load_classifier(request.param)


@pytest.fixture(scope="module")
def of_single_beats():
    return load_classifier("cnn_lstm")


def test_defaults():
    assert load_classifier().name == "beat_sequence" and load_classifier().recipe.of_recordings
    assert set(models.pretrained_names()) == {"beat_sequence", "beat_sequence_causal", "cnn_lstm"}


@pytest.fixture(scope="module")
def record(synthetic_records):
    return synthetic_records[0]


def wave_of(record):
    return record.signal[:, 0].copy()


def test_the_same_as_by_hand(of_single_beats, record):
    """At marked peaks it names what cut_beats, z-scoring and the network give."""
    found = classify_recording(wave_of(record), record.fs, classifier=of_single_beats, r_sample=record.r_sample)
    beats = cut_beats(record, 75, 112, fs=125)
    p = predict(models.load_pretrained("cnn_lstm"), torch.from_numpy(beats.zscored().signal)).softmax(1).numpy()
    whole = found.beats[found.beats["confidence"].notna()]
    assert whole["r_sample"].tolist() == beats.r_sample.tolist()
    np.testing.assert_allclose(whole[[f"p_{name}" for name in found.classes]], p, atol=1e-5)
    assert (whole["likeliest"] == np.array(found.classes)[p.argmax(1)]).all()
    assert len(found.beats) == len(record.r_sample), "a beat without a window is a row too"


def test_blocks_change_nothing(classifier, synthetic_records, monkeypatch):
    wave = np.concatenate([wave_of(record) for record in synthetic_records[:4]])
    at_once = classify_recording(wave, 360, classifier=classifier)
    told = []
    monkeypatch.setattr(classify, "BLOCK_SECONDS", 37.0)
    monkeypatch.setattr(classify, "MARGIN_SECONDS", 12.0)
    in_blocks = classify_recording(wave, 360, classifier=classifier, progress=told.append)
    assert told[-1] == 1.0 and told == sorted(told) and len(told) > 4
    one, other = at_once.beats["r_sample"].to_numpy(), in_blocks.beats["r_sample"].to_numpy()
    mine, _ = match_r_peaks(one, other, 360, tolerance=0.02)
    assert len(mine) >= 0.99 * max(len(one), len(other)) and (np.diff(other) > 0).all()
    assert (at_once.beats["why"].to_numpy()[1:-1] == "").mean() > 0.9, "no beat lost its window at a border"


def test_the_day_is_told_apart_from_its_hours(classifier, record, monkeypatch):
    """Known peaks at the borders of blocks come back once each."""
    monkeypatch.setattr(classify, "BLOCK_SECONDS", 20.0)
    wave = np.tile(wave_of(record), 3)
    r = np.sort(np.r_[record.r_sample, 20 * 360, 20 * 360 - 1, 40 * 360])
    found = classify_recording(wave, 360, classifier=classifier, r_sample=r)
    assert found.beats["r_sample"].tolist() == r.tolist()


@pytest.mark.parametrize("rate", [100, 128.5, 500, 1999.7])
def test_any_rate(classifier, record, rate):
    ratio = rate / record.fs
    at = np.arange(int(len(record.signal) * ratio)) / ratio
    wave = np.interp(at, np.arange(len(record.signal)), wave_of(record))
    plain = classify_recording(wave_of(record), record.fs, classifier=classifier, min_confidence=0)
    found = classify_recording(wave, rate, classifier=classifier, min_confidence=0)
    mine, theirs = match_r_peaks(np.round(found.beats["r_sample"] / ratio), plain.beats["r_sample"], record.fs)
    assert len(mine) > 0.97 * len(plain.beats)
    same = found.beats["likeliest"].to_numpy()[mine] == plain.beats["likeliest"].to_numpy()[theirs]
    assert same.mean() > 0.9


def test_unit_and_offset_do_not_matter(classifier, record):
    plain = classify_recording(wave_of(record), record.fs, classifier=classifier)
    for factor, offset in ((1000, 12345), (1e-7, 0), (1e7, 0)):
        moved = classify_recording(factor * wave_of(record) + offset, record.fs, classifier=classifier)
        assert (plain.beats["label"] == moved.beats["label"]).mean() > 0.99


def test_confidence(classifier, record):
    found = classify_recording(wave_of(record), record.fs, classifier=classifier, min_confidence=0.0)
    strict = found.with_confidence(0.95)
    assert (strict.beats["label"] == UNSURE).sum() >= (found.beats["label"] == UNSURE).sum()
    unsure = strict.beats[(strict.beats["label"] == UNSURE) & strict.beats["confidence"].notna()]
    assert (unsure["confidence"] < 0.95).all() and (unsure["why"] == "less sure than 0.95").all()
    assert relabelled(strict.beats, 0.0).equals(found.beats), "nothing was forgotten"
    counts, summary = strict.counts(), strict.summary()
    assert counts.sum() == summary["beats"] == len(found.beats)
    assert summary["not_classified"] == counts[UNSURE] / len(found.beats)
    assert summary["lowest_heart_rate_bpm"] <= summary["heart_rate_bpm"] <= summary["highest_heart_rate_bpm"]


def test_faults_are_reported(classifier, record):
    wave = np.clip(wave_of(record), None, 0.9)
    wave[:100] = np.inf
    wave[3600:3700] = np.nan
    wave[7200:8000] = wave[7200]
    found = classify_recording(wave, record.fs, classifier=classifier)
    assert set(found.faults["fault"]) == {"missing", "flat", "clipped"}
    assert found.faults.query("fault == 'flat'")["start_s"].iloc[0] == pytest.approx(20, abs=0.01)
    text = " ".join(found.warnings())
    for words in ("has no value in 2 stretches", "is flat in 1 stretch,", "is clipped in"):
        assert words in text
    near_gap = found.beats["time_s"].between(9.4, 10.4) & (found.beats["why"] == NO_VALUE)
    assert (found.beats.loc[near_gap, "label"] == UNSURE).all()
    assert not found.beats["time_s"].between(10.0, 10.27).any(), "no beat is found in a gap"
    after = found.beats[found.beats["time_s"] > 10.27].iloc[0]
    assert np.isnan(after["rr_s"]), "nobody knows when the beat before it was"


def test_faults_of_a_clean_signal(record):
    assert find_faults(wave_of(record), record.fs).empty
    assert find_faults(np.full(1000, np.nan), 250)["fault"].tolist() == ["missing"]


def test_first_beats_and_slow_hearts(classifier, record):
    r = np.r_[5, record.r_sample[3:]]
    found = classify_recording(wave_of(record), record.fs, classifier=classifier, r_sample=r)
    assert found.beats["why"].iloc[0] == NEAR_START and np.isnan(found.beats["confidence"].iloc[0])
    slow = classify_recording(wave_of(record), 360, classifier=classifier, r_sample=record.r_sample[::20])
    assert any("hardly possible; is 360 Hz the right rate?" in warning for warning in slow.warnings())


def test_upside_down_is_reported(classifier, synthetic_records):
    record = synthetic_records[0]
    plain, turned = (classify_recording(sign * wave_of(record), 360, classifier=classifier) for sign in (1, -1))
    assert plain.pointing_up > 0.9 > 0.1 > turned.pointing_up
    assert not any("upside down" in warning for warning in plain.warnings())
    assert any("upside down" in warning for warning in turned.warnings())
    mended = classify_recording(-wave_of(record), 360, classifier=classifier, flip=True)
    assert mended.beats.equals(plain.beats)
    assert np.isnan(share_pointing_up(np.empty((0, 187)), 75, 125))


PULSES = {
    "square": lambda u: (np.abs(u) < 0.02).astype(float),
    "triangle": lambda u: np.maximum(0, 1 - np.abs(u) / 0.04),
    "gauss": lambda u: np.exp(-((u / 0.02) ** 2)),
    "decay": lambda u: np.where(u < 0, 0, np.exp(-np.maximum(u, 0) / 0.05)),
}


@pytest.mark.parametrize("shape", PULSES)
def test_a_train_of_pulses_is_doubted(shape):
    rng = np.random.default_rng(0)
    t = np.arange(40 * 250) / 250
    signal = sum(PULSES[shape](t - at) for at in np.cumsum(1 + 0.03 * rng.normal(size=38)))
    signal = signal + 0.01 * rng.normal(size=len(t))
    try:
        found = classify_recording(signal, 250)
    except NoEcgError:
        return
    assert found.beside_qrs < 0.02 and any("train of pulses" in one for one in found.warnings())


def test_a_heart_has_waves_beside_its_beats(record):
    found = classify_recording(wave_of(record), record.fs)
    assert found.beside_qrs > 0.02 and not any("train of pulses" in one for one in found.warnings())


def test_too_few_beats_have_no_average():
    assert np.isnan(waves_beside_qrs(np.ones((3, 96), np.float32), 40, 125.0))
    assert np.isnan(waves_beside_qrs(np.ones((30, 20), np.float32), 10, 125.0))


def test_half_the_rate_is_doubted(record):
    """A heart of 75 a minute at half its rate."""
    found = classify_recording(wave_of(record), record.fs / 2)
    assert any("is rare; is 180 Hz the right rate?" in one for one in found.warnings())


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_an_electrode_that_fell_off(record):
    """Python's own warnings are for those who write it."""
    wave = wave_of(record)[: 12 * 360]
    found = classify_recording(np.r_[wave, np.full(60 * 360, wave[-1])], record.fs)
    assert any("is flat" in one for one in found.warnings())


def test_noise_is_refused_but_for_those_who_insist(classifier):
    """Nothing crashes on what is no ECG."""
    noise = np.random.default_rng(0).standard_normal(5000)
    with pytest.raises(NoEcgError, match=r"does not look like an ECG: 0 of 2 stretches of ten seconds do .*--force"):
        classify_recording(noise, 250, classifier=classifier)
    found = classify_recording(noise, 250, classifier=classifier, force=True)
    assert found.counts().sum() == found.summary()["beats"] == len(found.beats) > 20
    assert found.summary()["no_ecg"] == 1 and not found.quality["is_ecg"].any()
    assert any("100.0% of the time does not look like an ECG" in warning for warning in found.warnings())
    one = np.zeros(5000)
    one[2500:2510] = 1
    lonely = classify_recording(one, 250, classifier=classifier, r_sample=[2505], force=True)
    assert lonely.summary()["beats"] == 1 and lonely.summary()["heart_rate_bpm"] is None
    assert "is flat" in lonely.warnings()[0]
    without = classify_recording(one, 250, classifier=classifier, r_sample=[], force=True)
    assert without.warnings()[0].startswith("No R peak")


def test_the_noisy_half_of_a_recording_is_left_out(classifier, record):
    """Its beats get no label, and those of the rest the ones that they have without it."""
    wave = wave_of(record)
    half = len(wave) // 2
    plain = classify_recording(wave[half:], 360, classifier=classifier, min_confidence=0).beats
    wave[:half] = wave.std() * np.random.default_rng(0).standard_normal(half)
    found = classify_recording(wave, 360, classifier=classifier, min_confidence=0)
    beats = found.beats.assign(r_sample=found.beats["r_sample"] - half)
    noisy = beats["r_sample"] < 0
    assert (beats.loc[noisy, "label"] == UNSURE).mean() > 0.95 and noisy.any()
    assert set(beats.loc[noisy, "why"]) <= {NO_ECG, "", NEAR_START}
    mine, theirs = match_r_peaks(beats.loc[~noisy, "r_sample"], plain["r_sample"], 360)
    same = beats.loc[~noisy, "label"].to_numpy()[mine] == plain["label"].to_numpy()[theirs]
    assert len(mine) > 0.9 * len(plain) and same.mean() > 0.9
    assert found.summary()["no_ecg"] == pytest.approx(0.5, abs=0.2)
    assert any("the beats there have no label" in warning for warning in found.warnings())


def test_what_a_beat_could_be(record):
    found = classify_recording(wave_of(record), 360)
    whole = found.beats[found.beats["confidence"].notna()]
    least = load_classifier().certainty.least
    for name, bound in zip(found.classes, least, strict=True):
        said = whole["could_be"].str.split().map(lambda names, name=name: name in names)
        assert (said == (whole[f"p_{name}"] >= np.float32(bound))).all()
    assert (found.beats.loc[found.beats["confidence"].isna(), "could_be"] == "").all()
    default = load_classifier().certainty.min_confidence
    assert found.usual_confidence == default and (whole.loc[whole["label"] != UNSURE, "confidence"] >= default).all()
    assert "could_be" in found.to_csv().splitlines()[0]


def test_nobody_is_blamed_for_a_high_threshold(record):
    """At a confidence of 1 nothing is classified, and that says nothing of the recording."""
    strict = classify_recording(wave_of(record), 360, min_confidence=1.0)
    assert strict.summary()["not_classified"] == 1
    assert not any("unlike those" in warning for warning in strict.warnings())


def test_no_beat_is_early_in_an_irregular_rhythm(record):
    """Real beats at intervals without a rule: irregular, and none is called S."""
    rng = np.random.default_rng(1)
    beats = [record.signal[r - 80 : r + 170, 0] for r in record.r_sample[2:40]]
    wave = np.concatenate([np.pad(beats[k % 38], (0, int(rng.uniform(0, 230))), "edge") for k in range(150)])
    wave = wave + 0.01 * rng.standard_normal(len(wave))
    found = classify_recording(wave, 360, min_confidence=0, force=True)
    assert found.beats["irregular"].mean() > 0.9 and not (found.beats["label"] == "S").any()
    assert set(found.beats.loc[found.beats["likeliest"] == "S", "why"]) <= {NO_RHYTHM}
    assert any("The rhythm is irregular" in warning for warning in found.warnings())
    assert len(found.irregular) >= 1 and found.summary()["irregular"] > 0.8


@pytest.mark.parametrize(
    ("signal", "options", "error", "message"),
    [
        (np.zeros(500), {}, DataError, "500 samples at 250 Hz are 2 s of signal; expected at least 5 s"),
        (np.ones(5000), {}, DataError, "the signal is 1 from start to end"),
        (np.full(5000, np.nan), {}, DataError, "100% of the signal is no number"),
        (np.zeros((5000, 2)), {}, DataError, r"shape \(5000, 2\); expected \(n_samples,\)"),
        (["a"] * 5000, {}, DataError, "no array of numbers"),
        (np.arange(5000.0), {"min_confidence": 2}, UsageError, "min_confidence=2; expected a probability"),
        (np.arange(5000.0), {"min_confidence": "high"}, UsageError, "min_confidence='high'"),
        (np.arange(5000.0), {"r_sample": [9, 5]}, UsageError, "expected samples from 0 to 4999, each after the one"),
        (np.arange(5000.0), {"r_sample": [5000]}, UsageError, "expected samples from 0 to 4999"),
        (np.arange(5000.0), {"detector": "x"}, UsageError, "expected one of: slope"),
        (np.arange(5000.0), {"fs": 99}, UsageError, "fs is 99; expected 100 to 2000"),
        (np.arange(5000.0), {"fs": None}, UsageError, "fs is not given"),
    ],
)
def test_what_is_refused(classifier, signal, options, error, message):
    with pytest.raises(error, match=message):
        classify_recording(signal, **({"fs": 250} | options), classifier=classifier)


def test_classify_beats(of_single_beats, record):
    classifier = of_single_beats
    beats = cut_beats(record, 75, 112, fs=125)
    found = classify_beats(3 * beats.signal + 1, classifier=classifier)
    again = classifier.probabilities(classifier.recipe.of(beats))
    np.testing.assert_allclose(found["confidence"], again.max(axis=1), atol=1e-4)
    assert len(classify_beats(beats.signal[0], classifier=classifier)) == 1
    for wrong in (np.zeros((2, 186)), np.full((2, 187), np.nan)):
        with pytest.raises(DataError, match=r"expected \(n_beats, 187\), all values finite"):
            classify_beats(wrong, classifier=classifier)
    assert np.allclose(zscored(np.ones((1, 187), dtype=np.float32)), 0)
    assert classify_beats(beats.signal).equals(classify_beats(beats.signal, classifier=classifier)), "the default"
    whole = load_classifier("beat_sequence")
    with pytest.raises(ModelError, match="reads a beat beside the rest of its recording, and these are beats alone"):
        classify_beats(np.zeros((3, whole.n_samples)), classifier=whole)


def test_models_of_runs(tmp_path, of_single_beats, record):
    """A model that lesson 02 saved works; one that cannot name beats is refused with the reason."""
    network = models.create("cnn_lstm", n_samples=187, n_classes=5)
    saved = of_single_beats.recipe.to_values() | {"classes": "N S V F Q"}
    models.save(network, tmp_path / "own.pth", **saved)
    own = load_classifier(tmp_path / "own.pth")
    assert len(classify_recording(wave_of(record), 360, classifier=own, min_confidence=0).beats) > 50
    models.save(network, tmp_path / "cut.pth", fs=125.0, classes="N S V F Q")
    with pytest.raises(ModelError, match="cut does not say how its beats are cut out of a recording"):
        classify_recording(wave_of(record), 360, classifier=load_classifier(tmp_path / "cut.pth"))
    for wrong in ({"before": -5}, {"before": "x"}, {"fs": 0.0}):
        models.save(network, tmp_path / "wrong.pth", **(saved | wrong))
        with pytest.raises(ModelError, match=r"wrong\.pth has a recipe that no beat can be cut by"):
            load_classifier(tmp_path / "wrong.pth")
    models.save(network, tmp_path / "wrong.pth", **(saved | {"before": 76}))
    with pytest.raises(ModelError, match=r"reads 187 samples a beat, .* and its recipe makes 188 and 188"):
        load_classifier(tmp_path / "wrong.pth")
    models.save(network, tmp_path / "four.pth", classes="N S V F")
    with pytest.raises(ModelError, match="gives 5 numbers a beat and names 4 classes"):
        load_classifier(tmp_path / "four.pth")
    models.save(models.create("lstm_autoencoder", n_samples=140), tmp_path / "auto.pth")
    with pytest.raises(ModelError, match=r"auto\.pth \(lstm_autoencoder\) does not say which classes it tells apart"):
        load_classifier(tmp_path / "auto.pth")
    with pytest.raises(
        ModelError, match=r"no pretrained weights of 'resnet'; expected one of: beat_sequence, .*, or a file"
    ):
        load_classifier("resnet")


def test_real_recordings(real_mitdb, classifier):
    """Found peaks give the names that marked ones do, to within a few beats."""
    record = load_records([DS2[0]], data="real")[0]
    wave = record.signal[:, 0]
    at_marks = classify_recording(wave, record.fs, classifier=classifier, r_sample=record.r_sample)
    found = classify_recording(wave, record.fs, classifier=classifier)
    assert abs(len(found.beats) - len(record.r_sample)) <= 3
    mine, marked = match_r_peaks(found.beats["r_sample"], record.r_sample, record.fs)
    same = found.beats["label"].to_numpy()[mine] == at_marks.beats["label"].to_numpy()[marked]
    assert same.mean() > 0.98
    unknown = "Nobody has measured how far this model's confidence can be trusted."
    assert found.warnings() == ([] if classifier.certainty else [unknown])


def even_rhythm(rate, fs=250, minutes=2):
    """Return beats of one shape at an even pace with a little jitter, and noise: mV, written here."""
    rng = np.random.default_rng(0)
    interval = 60 / rate
    r = np.cumsum(interval * (1 + 0.01 * rng.standard_normal(int(minutes * rate))))
    time = np.arange(0, r[-1] + 1, 1 / fs)
    wave = 0.01 * rng.standard_normal(len(time))
    squeeze = min(1.0, interval / 0.8)  # at a fast pace the T wave comes earlier
    for centre, size, width in ((-0.15 * squeeze, 0.12, 0.02), (0, 1.1, 0.011), (0.03, -0.2, 0.01),
                                (0.25 * squeeze, 0.25, 0.04 * squeeze)):  # fmt: skip
        for at in r:
            near = np.abs(time - at - centre) < 0.3
            wave[near] += size * np.exp(-0.5 * ((time[near] - at - centre) / width) ** 2)
    return wave


@pytest.mark.parametrize("name", ["beat_sequence", "beat_sequence_causal"])
@pytest.mark.parametrize("rate", [50, 75, 110, 130, 150])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_even_rhythm_is_normal_at_any_rate(name, rate, sign):
    """Fast is not early: in an even rhythm next to no beat is called premature, upright or inverted."""
    found = classify_recording(sign * even_rhythm(rate), 250, classifier=load_classifier(name), min_confidence=0)
    share = found.beats["likeliest"].value_counts(normalize=True)
    assert share.get("N", 0) > 0.95, share.to_dict()


def test_ventricular_beats_of_a_patient_never_met(real_mitdb):
    """From raw signal, in DS2's record with most V beats."""
    (record,) = load_records(["233"], data="real")
    found = classify_recording(record.wave("MLII"), record.fs, min_confidence=0).beats
    mine, marked = match_r_peaks(found["r_sample"], record.r_sample, record.fs)
    is_v, called_v = record.label[marked] == 2, found["likeliest"].to_numpy()[mine] == "V"
    assert is_v.sum() > 800
    assert (is_v & called_v).sum() > 0.95 * max(is_v.sum(), called_v.sum())
