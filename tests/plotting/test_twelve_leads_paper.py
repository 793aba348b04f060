"""Twelve leads on paper: a millimetre is a millimetre, no row runs into another, and what is doubtful is said."""

import io
import itertools
import warnings

import numpy as np
import pytest
from matplotlib.image import imread

from ecgnb.datasets import load_ptbxl
from ecgnb.datasets.own.twelve import TwelveLeads
from ecgnb.datasets.synthetic_twelve import NORMAL, twelve_leads
from ecgnb.datasets.twelve_leads import LEADS
from ecgnb.errors import UsageError
from ecgnb.plotting.ecg_paper import DPI, MM_PER_INCH, PULSE_MM, save_paper
from ecgnb.plotting.twelve_leads import FURTHEST_MM, ROWS, plot_twelve_leads

ECG = twelve_leads(NORMAL, 72, np.random.default_rng(3)).astype(np.float32)


def recording(signal=ECG, fs=500.0, **more):
    return TwelveLeads("mine", signal, fs, **more)


def traces(figure):
    """Return the leads' traces, in mm of paper, in order: four of each row, then the rhythm strip."""
    lines = figure.axes[0].lines
    return [line.get_xydata() for line in lines if line.get_linewidth() == 0.75 and len(line.get_xydata()) > 50]


def bases(figure):
    return [line.get_xydata()[0, 1] for line in figure.axes[0].lines if line.get_linewidth() == 0.7]


def written(figure):
    return [text.get_text() for text in [*figure.axes[0].texts, *figure.texts]]


def test_three_rows_of_four_and_a_rhythm_strip():
    figure = plot_twelve_leads(recording())
    found = traces(figure)
    assert len(found) == 13 and set(LEADS) <= set(written(figure)) and written(figure).count("II") == 2
    assert any("25 mm/s, 10 mm/mV" in text for text in written(figure))
    for k, lead in enumerate(lead for row in ROWS for lead in row):
        base, column = bases(figure)[k // 4], k % 4
        wanted = ECG[LEADS.index(lead)] - np.median(ECG[LEADS.index(lead)])
        x, y = found[k].T
        assert np.allclose(y, base + 10 * wanted[1250 * column : 1250 * (column + 1)], atol=1e-4)
        assert np.allclose(x, PULSE_MM + 25 * (2.5 * column + np.arange(1250) / 500))
    x, y = found[12].T
    assert len(x) == 5000 and np.allclose(y, bases(figure)[3] + 10 * (ECG[1] - np.median(ECG[1])), atol=1e-4)


def test_a_millimetre_is_one_of_the_page():
    figure = plot_twelve_leads(recording())
    save_paper(figure, stored := io.BytesIO())
    stored.seek(0)
    pixels = imread(stored).shape[:2]
    height, width = (size / DPI * MM_PER_INCH for size in pixels)
    axis = figure.axes[0]
    assert width == pytest.approx(276, abs=0.2) and height < 210
    assert axis.get_position().width * width == pytest.approx(axis.get_xlim()[1], abs=0.2) == 260
    assert axis.get_position().height * height == pytest.approx(axis.get_ylim()[1], abs=0.2)
    pulses = [line.get_xydata() for line in axis.lines if line.get_linewidth() == 0.7]
    assert [np.ptp(pulse[:, 1]) for pulse in pulses] == [10.0] * 4
    assert all(base % 5 == 0 for base in bases(figure)), "a baseline stands on a coarse line"
    again = io.BytesIO()
    save_paper(plot_twelve_leads(recording()), again)
    assert again.getvalue() == stored.getvalue()


def test_no_row_runs_into_another_or_off_the_paper(real_data):
    real_data("ptbxl")
    real = load_ptbxl(100, data="real")
    tall = np.argsort(np.ptp(real.signal, axis=2).max(axis=1))[-4:]
    for row in [0, *tall]:
        figure = plot_twelve_leads(real.recording(int(row)))
        found = traces(figure)
        of_row = [np.concatenate(found[4 * k : 4 * k + 4])[:, 1] for k in range(4)]
        for above, below in itertools.pairwise(of_row):
            assert np.nanmin(above) > np.nanmax(below)
        assert np.nanmin(of_row[3]) > 0 and np.nanmax(of_row[0]) < figure.axes[0].get_ylim()[1] <= 180


@pytest.mark.parametrize(("times", "gain"), [(1, 10), (3, 5), (6, 2.5)])
def test_what_is_tall_is_drawn_at_half_and_it_is_said(times, gain):
    figure = plot_twelve_leads(recording(times * ECG))
    assert any(f"25 mm/s, {gain:g} mm/mV" in text for text in written(figure))
    pulses = [line.get_xydata() for line in figure.axes[0].lines if line.get_linewidth() == 0.7]
    assert [np.ptp(pulse[:, 1]) for pulse in pulses] == [gain] * 4


def test_what_is_absurd_is_cut_and_what_is_missing_is_said():
    ecg = ECG.copy()
    ecg[6] = np.nan
    ecg[7, 3000:3010] = 500
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_twelve_leads(recording(ecg, notes=("lead V1 has no value in 100.0% of it", "a $x$ \u0416")))
    assert "no value" in written(figure) and any(text.startswith("lead V1 has no value") for text in written(figure))
    base = bases(figure)[1]
    assert all(np.nanmax(np.abs(one[:, 1] - base)) <= FURTHEST_MM for one in traces(figure)[4:6])
    assert figure.axes[0].get_ylim()[1] < 260


def test_another_stretch_and_a_short_recording():
    long = np.concatenate([ECG, ECG[:, ::-1]], axis=1)
    figure = plot_twelve_leads(recording(long), start=10, title="yours")
    assert "yours" in written(figure) and any(text.startswith("0:10 to 0:20") for text in written(figure))
    assert np.allclose(np.diff(traces(figure)[12][:, 1]), -10 * np.diff(ECG[1])[::-1], atol=1e-4)
    short = plot_twelve_leads(recording(ECG[:, :2500]))
    assert short.axes[0].get_xlim()[1] == 135 and len(traces(short)[0]) == 625
    with pytest.raises(UsageError, match=r"from 0 s on mine has 3\.0 s; expected at least 4"):
        plot_twelve_leads(recording(ECG[:, :1500]))
    with pytest.raises(UsageError, match="from 12 s on mine has 0"):
        plot_twelve_leads(recording(), start=12)
