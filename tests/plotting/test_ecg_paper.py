"""ECG paper: a millimetre is a millimetre, and nothing that a file is called makes a box or a warning."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from ecgnb.classifier import classify_recording
from ecgnb.datasets.own.recording import Recording
from ecgnb.errors import UsageError
from ecgnb.plotting.ecg_paper import DPI, MM_PER_INCH, clock, plot_ecg_paper, room_for, save_paper, scale_of, stretch
from ecgnb.plotting.fonts import drawable

FS = 250.0


@pytest.fixture(scope="module")
def mine():
    """A minute of triangles, 1 mV high and one a second, and what a reader says of it."""
    time = np.arange(int(60 * FS)) / FS
    signal = np.clip(1 - np.abs((time % 1) - 0.5) / 0.04, 0, None) + 0.01 * np.sin(2 * np.pi * time)
    recording = Recording("mine", signal.astype(np.float32), FS, "II", "mV", "mine.csv, II, 250 Hz")
    return recording, classify_recording(recording.signal, FS, force=True)


def pixels(figure, form="png"):
    stream = io.BytesIO()
    save_paper(figure, stream, form)
    return imread(io.BytesIO(stream.getvalue()))[..., :3]


def signal_line(figure):
    """The signal as it is drawn, in mm of the page."""
    axis = figure.axes[0]
    line = max(axis.lines, key=lambda line: len(line.get_xdata()))
    inches = (axis.transData.transform(line.get_xydata()) - axis.bbox.p0) / figure.dpi
    return inches * MM_PER_INCH


def test_a_second_is_25_mm_and_a_millivolt_10(mine):
    recording, found = mine
    figure = plot_ecg_paper(recording, found, start=10, seconds=10)
    x, y = signal_line(figure).T
    at_peaks = x[np.flatnonzero((y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:]) & (y[1:-1] > y.min() + 5)) + 1]
    assert np.allclose(np.diff(at_peaks), 25, atol=0.2) and len(at_peaks) == 10
    assert np.ptp(y) == pytest.approx(10, abs=0.3)


def test_the_saved_picture_is_as_large_as_its_paper(mine):
    recording, found = mine
    for seconds, lines in ((10, 1), (25, 3)):
        figure = plot_ecg_paper(recording, found, seconds=seconds)
        picture = pixels(figure)
        wide, high = figure.get_size_inches() * DPI
        assert picture.shape[:2] == (pytest.approx(high, abs=1), pytest.approx(wide, abs=1)), "nothing is cropped"
        assert len(figure.axes) == lines
    assert wide / DPI * MM_PER_INCH == pytest.approx(10 + 250 + 16), "ten seconds, a pulse, two margins"
    last = figure.axes[-1].get_window_extent().width / figure.dpi * MM_PER_INCH
    assert last == pytest.approx(10 + 125), "the paper ends where the stretch does"


def test_coarse_lines_are_50_pixels_apart(mine):
    figure = plot_ecg_paper(*mine, seconds=10)
    picture = pixels(figure)
    row = picture[int(picture.shape[0] * 0.5) + 3]
    axis = figure.axes[0].get_window_extent().x0 / figure.dpi * DPI
    dark = row.sum(axis=1)
    at = [axis + 50 * n for n in range(8, 50)]
    near = [dark[round(x) - 2 : round(x) + 3].min() for x in at]
    between = [dark[round(x) + 23 : round(x) + 28].max() for x in at]
    assert np.median(near) < np.median(between)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1), ("µV", 1e3), ("μV", 1e3), ("uV", 1e3), ("V", 1e-3)])
def test_units_become_millivolts(mine, unit, factor):
    recording, found = mine
    other = replace(recording, unit=unit, signal=(recording.signal * factor).astype(np.float32))
    figure = plot_ecg_paper(other, found, seconds=10)
    assert np.ptp(signal_line(figure)[:, 1]) == pytest.approx(10, abs=0.3)
    assert scale_of(other, found).said == "25 mm/s, 10 mm/mV"


@pytest.mark.parametrize(("unit", "factor"), [("", 1), ("", 700), ("adu", 200), ("g", 1), ("mV", 5000)])
def test_without_a_unit_a_usual_qrs_is_10_mm(mine, unit, factor):
    recording, found = mine
    other = replace(recording, unit=unit, signal=(recording.signal * factor).astype(np.float32))
    scale = scale_of(other, found)
    assert not scale.has_unit and "amplitude without unit" in scale.said and unit in scale.said
    assert np.ptp(signal_line(plot_ecg_paper(other, found, seconds=10))[:, 1]) == pytest.approx(10, abs=0.3)


def test_beats_too_high_for_the_paper_are_drawn_at_half_the_gain_and_it_says_so(mine):
    recording, found = mine
    scale = scale_of(replace(recording, signal=8 * recording.signal), found)
    assert scale.said == "25 mm/s, 5 mm/mV" and scale.mm_per_unit == scale.pulse_mm == 5


def test_gaps_stay_gaps(mine):
    recording, found = mine
    signal = recording.signal.copy()
    signal[500:1000] = np.nan
    y = signal_line(plot_ecg_paper(replace(recording, signal=signal), found, seconds=10))[:, 1]
    assert np.isnan(y[500:1000]).all() and np.isfinite(y[:500]).all()
    signal[:] = np.nan
    nothing = plot_ecg_paper(replace(recording, signal=signal), found, seconds=10)
    assert "no value" in [text.get_text() for text in nothing.axes[0].texts]


def test_labels_stand_above_their_peaks(mine):
    recording, found = mine
    figure = plot_ecg_paper(recording, found, start=20, seconds=5)
    here = found.beats[found.beats["time_s"].between(20, 25, inclusive="left")]
    labels = [text for text in figure.axes[0].texts if text.get_text() in ("N", "S", "V", "F", "Q", "?")]
    assert [text.get_text() for text in labels] == list(here["label"])
    assert np.allclose([text.get_position()[0] for text in labels], 10 + 25 * (here["time_s"] - 20))


def test_what_reaches_far_is_cut_at_the_edge_of_the_paper(mine):
    scale, wave = scale_of(*mine), np.zeros(10_000)
    wave[5000] = 500
    height, base = room_for([wave], scale)
    assert height == 30 and 5 <= base < height, "no larger than beats need"
    height, base = room_for([np.linspace(-50, 50, 10_000)], scale)
    assert height == 40 and 10 <= base < 20, "as far down as up"
    assert room_for([wave], replace(scale, highest_mm=300))[0] == 60


@pytest.mark.parametrize(
    ("start", "seconds", "words"), [(60, 30, "lies outside"), (-1, 30, "outside"), (np.nan, 3, "outside"),
                                    (0, 0, "expected 1 to 300"), (0, 301, "expected 1 to 300")]
)  # fmt: skip
def test_a_stretch_that_is_none(mine, start, seconds, words):
    with pytest.raises(UsageError, match=words):
        plot_ecg_paper(*mine, start=start, seconds=seconds)


@pytest.mark.parametrize(
    "name",
    [
        "心电图",
        "تخطيط القلب",
        "💓❤️👨‍👩‍👧",
        "$x^2$ $\\frac{",
        "a\nb\x00c",
        "\u202egpj.exe",
        "x" * 500,
        "שלום",
        "<img>",
        "𝔄ﬁ",
    ],
)
def test_any_name_is_drawn_without_a_warning(mine, name, caplog):
    recording, found = mine
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for form in ("png", "svg", "pdf"):
            save_paper(plot_ecg_paper(replace(recording, name=name), found, seconds=10), io.BytesIO(), form)
    assert not [record for record in caplog.records if record.name.startswith("matplotlib")]


def test_a_sign_that_no_font_has():
    assert drawable("a\U000105c9b") == ("a?b", ["DejaVu Sans"])
    assert drawable("école $x$ Ελλάς")[0] == "école $x$ Ελλάς"


def test_the_same_bytes_twice(mine):
    for form in ("png", "svg", "pdf"):
        first, second = io.BytesIO(), io.BytesIO()
        save_paper(plot_ecg_paper(*mine), first, form)
        save_paper(plot_ecg_paper(*mine), second, form)
        assert first.getvalue() == second.getvalue(), form


def test_clock():
    assert [clock(second) for second in (0, 5, 754, 3723, 86400)] == ["0:00", "0:05", "12:34", "1:02:03", "24:00:00"]


def test_a_stretch_loses_its_median_and_nothing_else():
    wave = np.arange(1000, dtype=np.float32)
    assert np.allclose(stretch(wave, 100, 2, 3), np.arange(200, 500) - 349.5)
