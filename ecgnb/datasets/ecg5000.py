"""ECG5000: 5,000 single beats of one patient, each stretched to 140 samples and z-normalised.

Chen et al. 2015, A general framework for never-ending learning from time series streams, Data Mining and Knowledge
Discovery 29(6), doi:10.1007/s10618-014-0388-4; cut from record chf07 of PhysioNet's chfdb (Goldberger et al. 2000).
"""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import arff
import numpy as np
import pandas as pd

from ecgnb.datasets import synthetic
from ecgnb.datasets.beats import Beats, concatenate
from ecgnb.datasets.store.fetch import fetch
from ecgnb.datasets.store.unpack import file_sha256
from ecgnb.errors import DataError, UsageError

N_SAMPLES = 140

CLASS_NAMES = {1: "Normal", 2: "R-on-T PVC", 3: "PVC", 4: "SP", 5: "UB"}

PARTS = {"train": "ECG5000_TRAIN.arff", "test": "ECG5000_TEST.arff"}


def load_ecg5000(data: str = "auto", part: str = "all") -> Beats:
    """Return the beats of ECG5000.

    Parameters
    ----------
    data : {"auto", "real", "synthetic"}
        "real" fails where the data cannot be had, "synthetic" makes a stand-in and never touches the network, "auto"
        takes the real data if it can and says in `Beats.note` why it could not.
    part : {"all", "train", "test"}
        The archive's TRAIN file (500 beats), its TEST file (4,500), or both in this order.

    Returns
    -------
    Beats
        `signal` in z-scores; `fs` is None, as the archive stretched every beat to the same length.

    Raises
    ------
    DataError
        Where real data is asked for and cannot be had.
    """
    if data not in ("auto", "real", "synthetic"):
        raise UsageError(f"data is {data!r}; expected 'auto', 'real' or 'synthetic'")
    if part not in ("all", *PARTS):
        raise UsageError(f"part is {part!r}; expected 'all', 'train' or 'test'")
    names = [PARTS[part]] if part in PARTS else list(PARTS.values())
    note = ""
    if data != "synthetic":
        try:
            folder = fetch("ecg5000")
            return concatenate([read_beats(folder / name) for name in names])
        except DataError as fault:
            if data == "real":
                raise
            note = str(fault)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        synthetic.write_ecg5000(folder)
        return concatenate([read_beats(folder / name, source="synthetic", note=note) for name in names])


def read_beats(path: str | Path, *, source: str = "real", note: str = "") -> Beats:
    """Read an ARFF file of ECG5000's form: 140 values a beat, then the class 1 to 5.

    Raises
    ------
    DataError
        Naming the file, the line and what was expected there.
    """
    path = Path(path)
    frame = read_arff(path)
    if frame.empty:
        raise DataError(f"{path} holds no beat after its @DATA line; it looks cut off")
    if len(frame.columns) != N_SAMPLES + 1:
        raise DataError(f"{path}: {len(frame.columns)} attributes; expected {N_SAMPLES} samples and the class")
    try:
        signal = frame.iloc[:, :N_SAMPLES].to_numpy(dtype=np.float32)
    except (TypeError, ValueError):
        raise DataError(f"{path}: an attribute is not numeric; expected {N_SAMPLES} numeric samples") from None
    finite = np.isfinite(signal)
    if not finite.all():
        row, sample = np.argwhere(~finite)[0]
        raise DataError(
            f"{path}, line {_line_of_row(path, row)}: sample {sample + 1} is {signal[row, sample]}; "
            "expected a finite number"
        )
    names_by_value = {str(value): position for position, value in enumerate(CLASS_NAMES)}
    target = frame.iloc[:, N_SAMPLES]
    label = target.map(names_by_value)
    if label.isna().any():
        row = int(label.isna().to_numpy().argmax())
        raise DataError(
            f"{path}, line {_line_of_row(path, row)}: class {target.iloc[row]!r}; "
            f"expected one of {', '.join(names_by_value)}"
        )
    return Beats(
        name="ecg5000",
        signal=signal,
        label=np.asarray(label, dtype=np.int64),
        class_names=tuple(CLASS_NAMES.values()),
        record=np.full(len(signal), "chf07" if source == "real" else "synthetic"),
        source=source,
        sha256={path.name: file_sha256(path)},
        note=note,
    )


def read_arff(path: str | Path) -> pd.DataFrame:
    """Read an ARFF file into the frame that ``arff2pandas.a2p.load`` gives.

    Columns are named ``name@TYPE`` (``att1@NUMERIC``, ``target@{1,2,3,4,5}``); nominal values stay text. A data block
    of plain numbers and labels is parsed by pandas, everything else by liac-arff; both give the same frame.

    Raises
    ------
    DataError
        Naming the file, the line and what was expected there.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror}; expected an ARFF file") from None
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is not text (byte {fault.start}); expected an ARFF file") from None
    header, body = _divide(path, text)
    try:
        attributes = arff.loads(header)["attributes"]
        frame = _read_plain_block(attributes, body)
        if frame is None:
            frame = pd.DataFrame(arff.loads(text)["data"], columns=_column_names(attributes))
    except arff.ArffException as fault:
        raise DataError(f"{path}, {_explain(fault, text)}") from None
    return frame


def _divide(path: Path, text: str) -> tuple[str, str]:
    """Return an ARFF file's header, up to and with its @DATA line, and the data block."""
    at = 0
    for number, line in enumerate(io.StringIO(text), start=1):
        at += len(line)
        word = line.strip().lower()
        if word == "@data":
            return text[:at], text[at:]
        if word and word[0] not in "@%":
            raise DataError(
                f"{path}, line {number}: {line.strip()[:30]!r} stands before any @DATA line; expected an ARFF header "
                "(@RELATION, @ATTRIBUTE ..., @DATA). Some mirrors ship the bare rows: take the publisher's file"
            )
    raise DataError(f"{path}, line {text.count(chr(10)) + 1}: the file ends before its @DATA line; it looks cut off")


def _column_names(attributes: list[tuple[str, Any]]) -> list[str]:
    return [f"{name}@{{{','.join(kind)}}}" if isinstance(kind, list) else f"{name}@{kind}" for name, kind in attributes]


def _read_plain_block(attributes: list[tuple[str, Any]], body: str) -> pd.DataFrame | None:
    """Parse a data block of plain numbers and labels, about eight times as fast; None where it holds anything else."""
    kinds = [kind for _, kind in attributes]
    simple = all(isinstance(kind, list) or kind in ("NUMERIC", "REAL") for kind in kinds)
    if not simple or not body.strip() or any(mark in body for mark in "?'\"{%\\\t "):
        return None
    columns = _column_names(attributes)
    dtypes: dict[str, Any] = {
        column: str if isinstance(kind, list) else float for column, kind in zip(columns, kinds, strict=True)
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # rows too long are found below, with their line
            frame = pd.read_csv(io.StringIO(body), header=None, names=columns, dtype=dtypes, index_col=False)
    except ValueError:
        return None
    whole = body.count(",") == len(frame) * (len(columns) - 1) and not frame.isna().to_numpy().any()
    declared = all(
        set(frame[column]) <= set(kind) for column, kind in zip(columns, kinds, strict=True) if isinstance(kind, list)
    )
    return frame if whole and declared else None


def _explain(fault: arff.ArffException, text: str) -> str:
    """Turn liac-arff's complaint into line, finding and expectation."""
    line = fault.line + len(text) - len(text.lstrip("\n"))  # liac-arff does not count empty lines at the top
    if isinstance(fault, arff.BadDataFormat):
        held = text.splitlines()[line - 1].count(",") + 1
        wanted = sum(row.strip().lower().startswith("@attribute") for row in text.splitlines())
        cut = "; the file looks cut off" if line >= len(text.splitlines()) and held < wanted else ""
        return f"line {line}: {held} values; expected {wanted}, one an attribute{cut}"
    if isinstance(fault, arff.BadNominalValue):
        value = text.splitlines()[line - 1].rsplit(",", 1)[-1]
        return f"line {line}: the value {value!r} is not declared in the header; expected one its attribute lists"
    if isinstance(fault, arff.BadNumericalValue):
        return f"line {line}: a value is not a number; expected numbers in numeric attributes"
    return f"line {line}: {fault}"


def _line_of_row(path: Path, row: int) -> int:
    """Return the line of the file that holds a row of the data block."""
    header, body = _divide(path, path.read_text(encoding="utf-8-sig"))
    rows = [line.strip() for line in body.splitlines()]
    lines = [number for number, line in enumerate(rows) if line and not line.startswith("%")]
    return header.count("\n") + 1 + lines[row]
