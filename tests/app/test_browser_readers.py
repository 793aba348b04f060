"""The page reads files as Python does: what a column is, its rate, its unit, and what is refused in which words."""

import numpy as np
import pytest
from browser import IN_CHROMIUM, open_page
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st
from javascript import Engine, near

from ecgnb.datasets.own.recording import read_one_lead
from ecgnb.detection import gate
from ecgnb.errors import EcgnbError

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def engine():
    with open_page("about:") as page:
        yield Engine(page)


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
    "AM and PM": table([[f"{one.replace('10:', '11:')} PM" for one in CLOCK], BEAT], "time,ecg"),
    "month first": table([[f"01/12/2024 {one}" for one in CLOCK], BEAT], "date,ecg"),
    "months by name": table([[f"01-Mar-2024 {one}" for one in CLOCK], BEAT], "date,ecg"),
    "over midnight": table([[f"{k // 200:02d}/03/2024 {23 * (k < 200):02d}:59:59" for k in COUNT], BEAT], "date,ecg"),
    "time differences": table([[f"0 days {one}" for one in CLOCK], BEAT], ",ecg"),
    "days of a spreadsheet": table([[f"{45352.9 + k / 250 / 86400:.11f}" for k in COUNT], BEAT], "Date,ecg"),
    "minutes": table([[f"{k / 15000:.9f}" for k in COUNT], BEAT], "time (min),ecg"),
    "packets": table([[k // 24 * 96 for k in COUNT], BEAT], "millis,ecg"),
    "codes for no value": table([[(-9999 if k % 97 == 5 else round(900 * one)) for k, one in enumerate(BEAT)]], "ecg"),
    "two codes": table([[(99999, -32768, *COUNT)[k] if k < 2 else one for k, one in enumerate(BEAT)]], "ecg"),
    "a matrix of Octave": "# name: ecg\n# type: matrix\n# rows: 1\n" + " ".join(map(str, BEAT)) + "\n",
    "samples in one cell": f'start,signal\n2024-01-01 10:00,"{COUNT}"\n',
    "thousands": table([SECONDS, [f"{100_000 + round(9000 * one):,}" for one in BEAT]], "time;ecg", ";"),
    "AcqKnowledge": "4 msec/sample\n2 channels\nRSP\nV\nECG\nmV\nmsec\tCH1\tCH2\n"
    + table([[4 * k for k in COUNT], BEAT[::-1], BEAT], mark="\t"),
    "a watch in Japanese": "サンプルレート,512ヘルツ\n誘導,誘導I\n単位,µV\n\n" + table([BEAT]),
    "two sensors joined": table([SECONDS, [one if k % 2 else "" for k, one in enumerate(BEAT)], COUNT], "time,ecg,acc"),
    "three sensors joined": table([[one if k % 3 else "" for k, one in enumerate(BEAT)], BEAT], "ecg,acc"),
    "two clocks in one": table(
        [
            [k // 3 / 125 + (0, 0.003, 0.0031)[k % 3] for k in COUNT],
            ["" if k % 3 else one for k, one in enumerate(BEAT)],
        ],
        "time,ecg",
    ),
    "three samples of seven lost": table(
        [SECONDS, ["" if k % 7 in (1, 4, 6) else one for k, one in enumerate(BEAT)]], "time,ecg"
    ),
    "leads in turn": table([SECONDS, [("I", "II")[k % 2] for k in COUNT], BEAT], "time,lead,value"),
    "sensors in turn": table([[("ECG", "ACC")[k > 9] for k in COUNT], SECONDS, BEAT]),
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


@pytest.mark.parametrize(
    ("title", "encoding"),
    [("時間,心電図", "cp932"), ("时间,心电", "gb18030"), ("시간,심전도", "cp949"), ("Время,ЭКГ", "cp1251")],
)
def test_encodings_of_other_scripts(engine, tmp_path, title, encoding):
    found, expected = both_readings(engine, tmp_path, "t.csv", table([SECONDS, BEAT], title).encode(encoding))
    assert found == expected and expected[1] == title.split(",")[1]


@pytest.mark.parametrize(
    ("fs", "lead"), [(500.0, None), (None, "II"), (None, "2"), (None, "V9"), (None, "7"), (250.0, "1")]
)
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
