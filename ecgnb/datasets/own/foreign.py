"""Files of other kinds: known by their first bytes, named in one line with what makes a readable file of them."""

from __future__ import annotations

from pathlib import Path

from ecgnb.errors import DataError

KINDS: tuple[tuple[str, str], ...] = (
    ("DICOM", "pydicom reads its waveform; save it as .csv or .npy"),
    ("SCP-ECG", "BioSig's save2gdf makes EDF of it"),
    ("HL7 aECG", "BioSig's save2gdf makes EDF of it"),
    ("an ECG in XML", "sierraecg (Philips) or musexmlex (GE MUSE) make a table of it"),
    ("a page or a drawing", "ask whoever made it for the samples (CSV, EDF or WFDB)"),
    ("a BrainVision header", "save the signal as EDF or .csv (mne)"),
    ("a PDF", "it is a picture of an ECG; ask whoever made it for the samples (CSV, EDF or WFDB)"),
    ("a picture", "ask whoever made it for the samples (CSV, EDF or WFDB)"),
    ("an Excel workbook", "save the sheet as .csv"),
    ("a MATLAB file without a .hea", "save the signal as .csv or .npy (scipy.io.loadmat)"),
    ("an HDF5 file", "save the signal as .csv or .npy (h5py)"),
    ("a Kardia file", "export it as EDF or CSV"),
    ("a compressed file", "unpack it first"),
    ("a sound", "save the signal as .csv or .npy (scipy.io.wavfile)"),
    ("JSON", "save the samples as .csv"),
    ("a Parquet or Feather table", "save it as .csv (pandas.read_parquet, read_feather)"),
    ("an ISHNE Holter file", "BioSig's save2gdf makes EDF of it"),
    ("a GDF file", "BioSig's save2gdf makes EDF of it"),
    ("an XDF file", "save the signal as .csv (pyxdf)"),
    ("a pickle", "it may run whatever it likes when it is opened; save the signal as .csv or .npy"),
)

SHEETS = (".xlsx", ".xlsm", ".ods")

STARTS = (  # of a file: its first bytes
    (b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"II*\0", "a picture"), (b"MM\0*", "a picture"), (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"MATLAB 5", "a MATLAB file without a .hea"), (b"MATLAB 7", "a MATLAB file without a .hea"),
    (b"\x89HDF", "an HDF5 file"), (b"ALIVE", "a Kardia file"), (b"\x1f\x8b", "a compressed file"),
    (b"BZh", "a compressed file"), (b"\xfd7zXZ", "a compressed file"), (b"7z\xbc\xaf", "a compressed file"),
    (b"Rar!", "a compressed file"), (b"\x28\xb5\x2f\xfd", "a compressed file"), (b"RIFF", "a sound"),
    (b"PAR1", "a Parquet or Feather table"), (b"ARROW1\0", "a Parquet or Feather table"),
    (b"FEA1", "a Parquet or Feather table"), (b"ISHNE1.0", "an ISHNE Holter file"), (b"GDF ", "a GDF file"),
    (b"XDF:", "an XDF file"), (b"\x80\x02", "a pickle"), (b"\x80\x03", "a pickle"), (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
)  # fmt: skip


def refuse_foreign(path: Path, content: bytes) -> None:
    """Raise `DataError` for a file of a kind that is known and not read.

    Parameters
    ----------
    path : path
    content : bytes
        The first 4 kB or so.
    """
    kind = kind_of(content, path.suffix.lower())
    if kind:
        raise DataError(f"{path.name} is {kind}, which is not read here: {dict(KINDS)[kind]}")


def kind_of(content: bytes, ending: str = "") -> str:
    """Return the kind of a file by its first bytes; empty text for one that is none of these."""
    text = content[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")
    if content[128:132] == b"DICM" or ending in (".dcm", ".dicom"):
        return "DICOM"
    if content[16:22] == b"SCPECG" or (ending == ".scp" and b"SCPECG" in content):
        return "SCP-ECG"
    if text[:500].lower().startswith((b"<!doctype html", b"<html", b"<svg")):
        return "a page or a drawing"
    if text.startswith((b"Brain Vision", b"BrainVision")):
        return "a BrainVision header"
    if text.startswith(b"<"):
        return "HL7 aECG" if b"AnnotatedECG" in text or b"urn:hl7-org" in text else "an ECG in XML"
    if ending in SHEETS:
        return "an Excel workbook"
    for start, kind in STARTS:
        if content.startswith(start):
            return kind
    if text[:1] in (b"{", b"[") and (ending == ".json" or text[1:40].lstrip()[:1] in (b'"', b"{", b"[")):
        return "JSON"
    return "a MATLAB file without a .hea" if ending == ".mat" else ""
