"""The page's scripts compute what Python computes, stage by stage, so that a fault can be found where it is."""

import numpy as np
import pytest
import scipy
from browser import open_page
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st
from javascript import Engine, numbers, runtime_or_skip

from ecgnb.app.browser.build import runtime_values
from ecgnb.app.browser.constants import constants
from ecgnb.classifier import recording
from ecgnb.classifier.load import load_classifier
from ecgnb.datasets import synthetic
from ecgnb.datasets.own.recording import read_one_lead
from ecgnb.datasets.wfdb import read_record
from ecgnb.datasets.windows import fill_gaps, resampling_ratio
from ecgnb.detection import gate, indices, quality, r_peaks, rhythm
from ecgnb.errors import EcgnbError

pytestmark = pytest.mark.slow


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


def near(found, expected, within=1e-9):
    np.testing.assert_allclose(numbers(found), np.asarray(expected, dtype=float), rtol=within, atol=within)


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


def both_readings(engine, folder, name, content, fs=None, lead=None):
    """What Python and the page make of a file: (lead, rate, unit, notes, length, samples), or a sentence."""
    path = folder / name
    path.write_bytes(content)
    found = engine.read(content, name, fs, lead)
    told = found.get("fault") or (found["read"], found["lead"], found["unit"], found["notes"], len(found["signal"]))
    try:
        read = read_one_lead(path, fs=fs, lead=lead, looks_like_ecg=gate.looks_like_ecg)
    except EcgnbError as fault:
        return told, str(fault)
    if "fault" not in found:
        near(found["signal"], read.signal, 1e-6)
        assert (found["fs"] is None) == (read.fs is None)
        near(found["fs"] or 0, read.fs or 0)
    return told, (read.read, read.lead, read.unit, list(read.notes), len(read.signal))


N = 400
BEATS = np.sin(np.arange(N) / 7) ** 15


def table(columns, titles="", mark=",", end="\n"):
    """Columns of numbers or texts as a table."""
    rows = [
        mark.join(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row)
        for row in zip(*columns, strict=True)
    ]
    return end.join([*([titles] if titles else []), *rows, ""])


BEAT = [float(one) for one in BEATS]
COUNT = list(range(N))
SECONDS = [k / 250 for k in COUNT]
CLOCK = [f"10:{k // 15000:02d}:{k / 250 % 60:06.3f}" for k in COUNT]

# Files as people have them: columns of time, clocks and counters are no ECG, and what cannot be told is asked for.
TABLES = {
    "one column": table([BEAT]),
    "seconds": table([SECONDS, BEAT], "time (s),ECG (mV)"),
    "milliseconds": table([[4 * k for k in COUNT], BEAT], "Time [ms];II [uV]", ";"),
    "decimal commas": table([SECONDS, BEAT], "zeit (s);EKG", ";").replace(".", ","),
    "one column of decimal commas": table([BEAT]).replace(".", ","),
    "tabs and a clock": table([CLOCK, BEAT], "Elapsed time\tMLII", "\t"),
    "dates": table([[f"2024-05-01 {one}" for one in CLOCK], BEAT], "date,ecg"),
    "dates in brackets": table([[f"[{one} 01/05/2024]" for one in CLOCK], BEAT], "'Time','II'"),
    "a counter": table([COUNT, BEAT], "sample,value"),
    "a counter that starts anew": table([[k % 100 for k in COUNT], BEAT], "index,value"),
    "a clock alone": table([CLOCK]),
    "seconds alone": table([SECONDS], "time"),
    "a counter alone": table([COUNT]),
    "an unnamed clock": table([SECONDS, BEAT]),
    "two that could be it": table([BEAT, [one * 2 for one in BEAT]], "a,b"),
    "acceleration beside it": table([BEAT, [one + 1 for one in BEAT]], "acc_x,ecg"),
    "a line about the rate": "Sample Rate,512 hertz\nLead,Lead II\n" + table([BEAT]),
    "two rates": "fs = 250\nsampling rate: 500 Hz\n" + table([BEAT]),
    "a rate and a clock that differ": "Sampling rate: 500 Hz\n" + table([SECONDS, BEAT], "time (s),ECG"),
    "units in a line": table([SECONDS, BEAT], "time,II\ns,mV"),
    "times that are not even": table([[k + (k > 200) for k in SECONDS], BEAT], "time (s),ecg"),
    "a hole in the clock": table([["" if k == 7 else one for k, one in enumerate(SECONDS)], BEAT], "time (s),ecg"),
    "a word among numbers": table([["lost" if k == 300 else one for k, one in enumerate(BEAT)]], "ecg"),
    "gaps": table([["" if 50 < k < 70 else one for k, one in enumerate(BEAT)], COUNT], "ecg,n"),
    "empty lines": table([BEAT]).replace("\n0.9", "\n\n0.9"),
    "quotation marks": table([[f'"{k}"' for k in SECONDS], [f'"{one:.3f}"' for one in BEAT]], '"time (s)","ecg"'),
    "wrapped": table([BEAT[k::4][:100] for k in range(4)]),
    "a lead a line": "I," + ",".join(map(str, BEAT)) + "\nII," + ",".join(map(str, BEAT)) + "\n",
    "several leads": table([BEAT, BEAT, BEAT], "I,II,V1"),
    "a large offset": table([[one + 1e7 for one in BEAT]], "ecg"),
    "two recordings": table([["a" if k < 200 else "b" for k in COUNT], BEAT], "patient,ecg"),
    "a count above": f"{N}\n" + table([BEAT]),
    "a start and a rate": "1700000000.0\n250.0\n" + table([BEAT]),
    "words": "this is no table\nat all\n",
    "nothing but a title": "ecg\n",
    "carriage returns": table([SECONDS, BEAT], "time (s),ECG", end="\r"),
    "both ends of a line": table([SECONDS, BEAT], "time (s),ECG", end="\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_as_python_reads_them(engine, tmp_path, name):
    found, expected = both_readings(engine, tmp_path, "table.csv", TABLES[name].encode())
    assert found == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_encodings(engine, tmp_path, encoding):
    text = table([SECONDS, BEAT], "Zeit (s),Ableitung é II [µV]")
    found, expected = both_readings(engine, tmp_path, "table.txt", text.encode(encoding))
    assert found == expected and isinstance(expected, tuple)


@pytest.mark.parametrize(("fs", "lead"), [(500.0, None), (None, "II"), (None, "2"), (None, "V9"), (250.0, "1")])
def test_a_rate_and_a_lead_that_somebody_gives(engine, tmp_path, fs, lead):
    found, expected = both_readings(engine, tmp_path, "t.csv", table([BEAT, BEAT], "I,II").encode(), fs, lead)
    assert found == expected


BINARIES = {
    "a.csv": b"\x89PNG\r\n",
    "b.csv": b"%PDF-1.4",
    "c.csv": bytes(range(256)) * 20,
    "d.xml": b"<a></a>",
    "e.txt": b"PAR\0\1",
    "f.json": b'{"a": 1}',
    "g.csv": b"\x1f\x8b\x08",
    "h.csv": b"\xd0\xcf\x11\xe0",
    "i.dat": bytes(range(200)),
    "j.mat": b"MATLAB 5",
}


@pytest.mark.parametrize("name", BINARIES)
def test_files_of_other_kinds(engine, tmp_path, name):
    found, expected = both_readings(engine, tmp_path, name, BINARIES[name])
    assert found == expected and isinstance(found, str)


@given(st.text("0123456789.,;\t\n :-+eE\"'abIV", max_size=300))
@fuzz(30)
def test_any_text_is_read_or_refused_in_a_sentence(engine, text):
    """Whatever a file holds, nothing but a sentence for the reader comes out."""
    found = engine.read(text.encode() or b"\n", "t.csv", 250.0)
    assert "signal" in found or not found["kind"], found


def written(steps, fmt):
    """Whole numbers from -100 to 100 as a recorder of that format writes them."""
    n = len(steps)
    if fmt in ("16", "24", "32"):
        size = int(fmt) // 8
        return b"".join(int(one).to_bytes(size, "little", signed=True) for one in steps)
    if fmt == "61":
        return steps.astype(">i2").tobytes()
    if fmt == "160":
        return (steps + 32768).astype("<u2").tobytes()
    if fmt == "80":
        return (steps + 128).astype(np.uint8).tobytes()
    if fmt == "212":
        one, two = (steps.reshape(n // 2, 2) & 0xFFF).T
        return np.stack([one & 255, (one >> 8) | (two >> 8 << 4), two & 255], axis=1).astype(np.uint8).tobytes()
    one, two, three = (steps.reshape(n // 3, 3) & 0x3FF).T
    if fmt == "310":
        words = [(one << 1) | ((three & 31) << 11), (two << 1) | (three >> 5 << 11)]
        return np.stack(words, axis=1).astype("<u2").tobytes()
    return (one | (two << 10) | (three << 20)).astype("<u4").tobytes()


@pytest.mark.parametrize("fmt", ["16", "24", "32", "61", "80", "160", "212", "310", "311"])
def test_formats_of_wfdb(engine, tmp_path, fmt):
    steps = np.round(np.stack([BEATS, -BEATS], axis=1)[:390] * 100).astype(np.int64)
    (tmp_path / "rec.dat").write_bytes(written(steps.ravel(), fmt))
    (tmp_path / "rec.hea").write_text(
        f"rec 2 250 390\nrec.dat {fmt} 200(3)/mV 12 0 0 0 0 V1\nrec.dat {fmt} 2(-2)/uV 12 0 0 0 0 MLII\n"
    )
    read = read_one_lead(tmp_path / "rec.hea", looks_like_ecg=gate.looks_like_ecg)
    near(read.signal, (steps[:, 1] + 2) / 2000, 1e-6)
    files = [(name, (tmp_path / name).read_bytes()) for name in ("rec.hea", "rec.dat")]
    found = engine("readOne([a, b], null, null)", *files)
    near(found["signal"], read.signal, 1e-7)
    assert (found["read"], found["unit"], found["fs"]) == (read.read, "mV", 250)


HEADERS = {
    "cut off": "rec 1 250 9000\nrec.dat 16 200/mV 12 0 0 0 0 II\n",
    "elsewhere": "rec 1 250 400\nrec.txt 16 200/mV 12 0 0 0 0 II\n",
    "another format": "rec 1 250 400\nrec.dat 8 200/mV 12 0 0 0 0 II\n",
    "no header": "hello world\n",
    "too many signals": "rec 9999 250 400\n",
    "no length": "rec 1 250\nrec.dat 16 200/mV 12 0 0 0 0 II\n",
    "a strange unit": "rec 1 250 400\nrec.dat 16 200/furlong 12 0 0 0 0 II\n",
    "no gain": "rec 1 250 400\nrec.dat 16\n",
    "counts": "rec 1 250 400\nrec.dat 16 1/adu 12 0 0 0 0 II\n",
    "several rates": "rec 1 250 100\nrec.dat 16x4 200/mV 12 0 0 0 0 II\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_wfdb(engine, tmp_path, name):
    content = np.round(BEATS * 100).astype("<i2").tobytes()
    (tmp_path / "rec.dat").write_bytes(content)
    (tmp_path / "rec.hea").write_text(HEADERS[name])
    found = engine(
        "readOne([a, b], null, null).catch((fault) => fault.message)",
        ("rec.hea", HEADERS[name].encode()),
        ("rec.dat", content),
    )
    told = found if isinstance(found, str) else (found["read"], found["notes"])
    try:
        read = read_one_lead(tmp_path / "rec.hea", looks_like_ecg=gate.looks_like_ecg)
        expected = read.read, list(read.notes)
        near(found["signal"], read.signal, 1e-7)
    except EcgnbError as fault:
        expected = str(fault)
    assert told == expected


def test_constants_stand_in_one_place():
    """What Python knows reaches the page as it is."""
    values = constants()
    assert values["recipe"]["before"] == load_classifier(quick=True).recipe.before
    assert values["gate"]["weights"] == gate.learned_gate().weights.tolist()
