"""The MIT-BIH Supraventricular Arrhythmia Database: 78 half-hour recordings of other people than mitdb's.

Greenwald 1990, Improved detection and classification of arrhythmias in noise-corrupted electrocardiograms using
contextual information (thesis, MIT); data doi:10.13026/C2V30W. Two leads, which it calls ECG1 and ECG2 and says no more
of, at 128 Hz.

Half of its marks stand 16 ms (two samples) or more from the largest deflection of their beat, mostly before it; in
mitdb, 3 ms. A network that learned on mitdb would meet each beat at another place than it knows, so each mark is moved
to its R peak on ECG1, by the rule by which the course's own detector places it: see `windows.to_r_peaks`. 95 % of the
beats move, half of all by 16 ms or more; `Beats.moved` says how far each did.

37 of the headers leave the gain open; it is taken for the 200 units per mV that the other 41 state, as the WFDB library
does. The database does not say which records are of one patient; each is taken for a patient of its own.
"""

from __future__ import annotations

from functools import partial

from ecgnb.datasets import synthetic
from ecgnb.datasets.database import Database

_NUMBERS = [*range(800, 813), *range(820, 830), *range(840, 895)]

SVDB = Database(
    name="svdb",
    records=tuple(str(number) for number in _NUMBERS),
    leads=("ECG1", "ECG2"),
    lead="ECG1",
    fs=128.0,
    marks_at_r=False,
    write_stand_in=partial(
        synthetic.write_records, fs=128, leads=("ECG1", "ECG2"), symbols={"A": "S"}, marks_early=0.016
    ),
)

load_svdb = SVDB.load_beats
