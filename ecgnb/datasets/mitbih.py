"""The MIT-BIH Arrhythmia Database: 48 half-hour recordings, two leads, every beat labelled by cardiologists.

Moody and Mark 2001, The impact of the MIT-BIH Arrhythmia Database, IEEE Engineering in Medicine and Biology Magazine
20(3), doi:10.1109/51.932724; data doi:10.13026/C2F305. Classes after ANSI/AAMI EC57; the division of the records into
DS1 and DS2 after de Chazal, O'Dwyer and Reilly 2004, doi:10.1109/TBME.2004.827359.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ecgnb.datasets import synthetic
from ecgnb.datasets.database import Database
from ecgnb.errors import UsageError

DS1 = tuple("101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230".split())  # noqa: SIM905

DS2 = tuple("100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234".split())  # noqa: SIM905

PACED = ("102", "104", "107", "217")  # in neither: most of their beats come from a pacemaker

RECORDS = tuple(sorted(DS1 + DS2 + PACED))

MITDB = Database(
    name="mitdb",
    records=RECORDS,
    leads=("MLII", "V1", "V2", "V4", "V5"),
    lead="MLII",
    fs=360.0,
    # Their electrodes lay elsewhere, for surgical dressings: V5 takes the place of MLII, which they lack.
    stand_ins={"102": {"MLII": "V5"}, "104": {"MLII": "V5"}},
    same_patient={"202": "201"},  # 47 patients gave 48 records
    write_stand_in=partial(synthetic.write_mitdb, paced=PACED),
)

load_mitdb, load_records, patient_of = MITDB.load_beats, MITDB.load_records, MITDB.patient_of


def divide_records(test: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return the records to train on and to test on, no patient in both.

    Parameters
    ----------
    test : sequence of str
        Records to test on; all others are trained on, but for further ones of a tested patient. Where none is named,
        the published division: DS1 without 201, whose patient is in DS2 too, and DS2.

    Raises
    ------
    UsageError
        For a record that mitdb does not have, or where none is left to train on.
    """
    if not len(test):
        tested = list(DS2)
    else:  # a number is taken for a name: that is how a list reads on a command line
        tested = MITDB.check_records(test if isinstance(test, str) else [str(name) for name in test])
    known = RECORDS if len(test) else DS1
    train = [name for name in known if not np.isin(patient_of([name]), patient_of(tested)).any()]
    if not train:
        raise UsageError(f"test_records names {len(tested)} records and leaves none to train on; name fewer")
    return train, tested
