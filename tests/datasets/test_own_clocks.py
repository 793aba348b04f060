"""Columns of time as devices and spreadsheets write them: the rate that they say."""

import datetime

import numpy as np
import pytest

from ecgnb.datasets import read_recording

N, FS = 2500, 250
T = np.arange(N) / FS
WAVE = np.round(np.sin(T * 8) ** 15, 4)
EVENING = datetime.datetime(2024, 3, 1, 23, 59, 55)


def stamps(form, start=EVENING):
    return [(start + datetime.timedelta(seconds=float(s))).strftime(form) for s in T]


def table(times, title, separator=","):
    rows = [f"{title}{separator}ecg", *(f"{time}{separator}{value}" for time, value in zip(times, WAVE, strict=True))]
    return "\n".join(rows)


CLOCKS = {
    "noon and midnight by AM and PM": table(stamps("%I:%M:%S.%f %p"), "Time"),
    "a.m. and p.m.": table(
        [one.replace("AM", "a.m.").replace("PM", "p.m.") for one in stamps("%I:%M:%S.%f %p")], "Time"
    ),
    "milliseconds after a colon": table([one[:-3] for one in stamps("%H:%M:%S:%f")], "Time"),
    "pandas' time differences": table([f"0 days 00:00:{s:09.6f}" for s in T], ""),
    "month first, over midnight": table(stamps("%m/%d/%Y %H:%M:%S.%f"), "date"),
    "month first, the 12th and the 13th": table(
        stamps("%m/%d/%Y %H:%M:%S.%f", EVENING.replace(day=12, month=1)), "date"
    ),
    "month first, AM and PM": table(stamps("%m/%d/%Y %I:%M:%S.%f %p"), "Date Time"),
    "day first, a zone": table(stamps("%d.%m.%Y %H:%M:%S.%f+01:00"), "Datum"),
    "MATLAB's datetime": table([one[:-3] for one in stamps("%d-%b-%Y %H:%M:%S.%f")], "Time"),
    "year first, slashes": table(stamps("%Y/%m/%d %H:%M:%S.%f"), "date"),
    "days of a spreadsheet": table([f"{45352.9 + s / 86400:.10f}" for s in T], "Date"),
    "minutes": table([f"{s / 60:.8f}" for s in T], "time (min)"),
    "hours": table([f"{s / 3600:.10f}" for s in T], "Time [h]"),
    "minutes in a row of units": table([f"{s / 60:.8f}" for s in T], "t").replace("ecg\n", "ecg\nmin,mV\n", 1),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_the_rate_that_a_clock_says(tmp_path, name):
    (tmp_path / "mine.csv").write_text(CLOCKS[name])
    found = read_recording(tmp_path / "mine.csv")
    assert (found.lead, len(found.signal), found.notes) == ("ecg", N, ())
    assert found.fs == pytest.approx(FS, rel=1e-3)
    np.testing.assert_allclose(found.signal, WAVE, atol=1e-6)


def test_a_date_without_an_hour_is_passed_over(tmp_path):
    days = table(stamps("%d/%m/%Y,%H:%M:%S.%f", EVENING.replace(hour=3)), "date,time")
    (tmp_path / "mine.csv").write_text(days)
    assert read_recording(tmp_path / "mine.csv").fs == FS
