"""One lead of a WFDB record: of one signal file or several, of CinC's MATLAB files, of several segments."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecgnb.datasets.own import columns as choice
from ecgnb.datasets.own.columns import Column, LooksLikeEcg
from ecgnb.datasets.own.limits import BEHAVES, check_size
from ecgnb.datasets.own.recorded import Recording, as_recording, of_offset, offset_of
from ecgnb.datasets.wfdb import IN_MV, check_header
from ecgnb.errors import DataError, UsageError, plain_text

BLOCK = 2_000_000  # samples read at a time

HEADER_BYTES, MOST_SIGNALS, MOST_SEGMENTS = 2**20, 512, 10_000

BYTES_PER_SAMPLE = {"16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5, "310": 4 / 3, "311": 4 / 3}

UNITLESS = ("nu", "nd", "adu", "adc", "counts", "count", "raw", "none", "unitless", "arb")  # nobody says how large

ENDINGS = (".hea", ".dat", ".mat", ".xyz")  # of what is a record together


def record_base(path: Path) -> Path | None:
    """Return a WFDB record's path without its ending, where the path is one of its files or its name; else None."""
    if path.suffix.lower() in ENDINGS and _beside(path.with_suffix("").with_name(path.stem + ".hea")):
        return path.with_name(path.stem)
    if path.suffix.lower() == ".hea":
        return path.with_name(path.stem)
    return path if not path.is_file() and _beside(path.with_name(f"{path.name}.hea")) else None


def files_of(path: Path) -> list[Path]:
    """Return all files that belong to the record that a path means, or the file itself: none is to be written over."""
    base = record_base(path)
    if base is None:
        return [path]
    with_ending = [file for file in base.parent.glob(f"{_escaped(base.name)}.*") if file.is_file()]
    header = _beside(base.with_name(f"{base.name}.hea"))
    named = (
        re.findall(r"^(\S{1,200})", _header_text(header), re.M)
        if header and header.stat().st_size < HEADER_BYTES
        else []
    )
    return [
        *with_ending,
        *(base.with_name(name) for name in named if "/" not in name and base.with_name(name).is_file()),
    ]


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]*?])", r"[\1]", name)


def _beside(path: Path) -> Path | None:
    """Return the file of that name, whatever the case of its ending; None where there is none."""
    for ending in (path.suffix, path.suffix.upper(), path.suffix.capitalize()):
        if path.with_suffix(ending).is_file():
            return path.with_suffix(ending)
    return None


def _header_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_wfdb_record(
    base: Path, fs: float | None, lead: str | None, looks_like_ecg: LooksLikeEcg | None = None
) -> Recording:
    """Read one lead of a record.

    Parameters
    ----------
    base : path
        Without an ending.
    fs, lead, looks_like_ecg
        As for `recording.read_recording`.

    Raises
    ------
    DataError
        Where a file is missing or damaged, or the record is of a form that is not read.
    """
    header_file, text, first = _header(base)
    with _as_named(base, header_file, text) as own:
        found = (_read_segments if re.match(r"\S+/\d+\s", first) else _read_signal)(own, text, lead, looks_like_ecg)
    if fs is not None and found.fs is not None and abs(fs - found.fs) > 1e-6:
        raise UsageError(f"fs={fs:g}, but {base.name}.hea says {found.fs:g} Hz; leave fs out for a WFDB record")
    return found


def signals_of_record(base: Path) -> list[tuple[str, str]]:
    """Return name and unit of each signal, of several segments those of the first; raises as `read_wfdb_record`."""
    header_file, text, first = _header(base)
    if re.match(r"\S+/\d+\s", first):
        lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        names = [line[0] for line in lines[1:] if line[0] not in ("~", base.name) and "/" not in line[0]]
        there = [name for name in names if base.with_name(f"{name}.hea").is_file()]
        if there:
            return signals_of_record(base.with_name(there[0]))
        raise DataError(f"{base.name} has several segments, and no file of them is there")
    with _as_named(base, header_file, text) as own, _clear_faults(base.name):
        header = wfdb.rdheader(str(own))
        units = _units(text, header)
        return [(name or "", unit or "") for name, unit in zip(header.sig_name or [], units, strict=False)]


def _header(base: Path) -> tuple[Path, str, str]:
    """Return a record's header: the file, its text, and the first line that says something."""
    header_file = _beside(base.with_name(f"{base.name}.hea"))
    if header_file is None:
        raise DataError(f"{base.name}.hea is missing; a WFDB record needs {base.name}.hea and {base.name}.dat")
    check_size(header_file)
    if header_file.stat().st_size > HEADER_BYTES:
        raise DataError(
            f"{header_file.name} has {header_file.stat().st_size:,} bytes; expected a header of at most 1 MB"
        )
    text = _header_text(header_file)
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    _check_first_line(first, header_file.name)
    return header_file, text, first


def _check_first_line(first: str, name: str) -> None:
    """Refuse a header that promises more than anybody reads, before any library believes it."""
    numbers = re.match(r"\S+?(?:/(\d{1,12}))?\s+(\d{1,12})(?:\s|$)", first[:200])
    if numbers is None:
        raise DataError(
            f"{name} is no WFDB header: its first line is {plain_text(first[:60])!r}; expected a name, a number of "
            "signals, a rate and a number of samples"
        )
    for number, most, what in ((numbers[1], MOST_SEGMENTS, "segments"), (numbers[2], MOST_SIGNALS, "signals")):
        if number and int(number) > most:
            raise DataError(f"{name} promises {int(number):,} {what}; expected at most {most:,}")
    if re.search(r"\s\d{1,2}:\d{2}(:\d{2}\S*)?\s+\d{4}\s*$", first):
        raise DataError(
            f"{name}: its first line ends in {first.split()[-1]}; expected a date such as 31/12/2006, or none"
        )


@contextmanager
def _as_named(base: Path, header_file: Path, text: str) -> Iterator[Path]:
    """Yield a record whose files are called as its header says, in small letters: wfdb finds no others."""
    names = {line.split()[0] for line in text.splitlines()[1:] if line.strip() and not line.startswith("#")}
    plain_names = {name for name in names if "/" not in name and "\\" not in name and name not in (".", "..")}
    there = all(base.with_name(name).is_file() for name in plain_names if "." in name)
    if header_file.suffix == ".hea" and there:
        yield base
        return
    with tempfile.TemporaryDirectory(prefix="ecgnb-") as folder:
        own = Path(folder) / base.name
        own.with_name(f"{base.name}.hea").write_bytes(header_file.read_bytes())
        by_name = {file.name.lower(): file for file in base.parent.iterdir() if file.is_file()}
        for name in plain_names:
            if name.lower() in by_name:
                own.with_name(name).symlink_to(by_name[name.lower()].resolve())
        yield own


def _read_signal(base: Path, text: str, lead: str | None, looks_like_ecg: LooksLikeEcg | None) -> Recording:
    """Read one lead of a record of one segment, in blocks: wfdb makes numbers of eight bytes on its way."""
    with _clear_faults(base.name):
        header = wfdb.rdheader(str(base))
        names = [name or "" for name in header.sig_name or []]
        units = _units(text, header)
        if not header.sig_len:
            raise DataError(f"{base.name}.hea does not say how many samples there are; expected their number in line 1")
        if names:
            _check_signal_files(header, base)
        position = _pick(base, header, names, lead, looks_like_ecg)
        unit = units[position]
        if unit.lower() in UNITLESS:
            units[position] = next(iter(IN_MV))
        check_header(header, base.name, units=units[position : position + 1])
        signal, offset = _samples(base, header, position)
    no_gain = "" if _says_a_gain(text, position) else "its header gives no gain: 200 a mV were taken, WFDB's custom"
    notes = tuple(note for note in (no_gain, of_offset(offset)) if note)
    scale = 1.0 if unit.lower() in UNITLESS else IN_MV[unit]
    return as_recording(
        base.name, signal * np.float32(scale), float(header.fs), names[position] or f"signal {position + 1}",
        unit if unit.lower() in UNITLESS else "mV", "from its header", notes, f"{base.name}.hea",
        of=f"lead {position + 1} of {len(names)}",
    )  # fmt: skip


@contextmanager
def _clear_faults(name: str) -> Iterator[None]:
    """Turn whatever wfdb trips over in a damaged file into one line."""
    try:
        yield
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"record {name} promises more samples than memory holds") from None
    except Exception as fault:
        raise DataError(f"record {name} cannot be read: {plain_text(' '.join(str(fault).split()))}") from None


def _gains(text: str) -> list[str]:
    """Return what a header says of each signal's gain and unit, such as 200(1024)/mV; empty text where nothing."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")][1:]
    return [fields[2] if len(fields) > 2 else "" for fields in lines]


def _says_a_gain(text: str, position: int) -> bool:
    found = re.match(r"\d{1,12}(?:\.\d{1,12})?(?:[eE][+-]?\d{1,2})?", _gains(text)[position])
    return found is not None and float(found[0]) > 0


def _units(text: str, header: Any) -> list[str]:
    """Return the unit of each signal as the header has it: wfdb drops the first letter of µV."""
    units = []
    for gain, known in zip(_gains(text), header.units or [], strict=False):
        written = gain.partition("/")[2]
        micro = re.match("Â?µ|μ|Î¼", written)  # in UTF-8, in Latin-1, and UTF-8 taken for Latin-1
        units.append(f"u{written[micro.end() :]}" if micro else known)
    return units


def _pick(base: Path, header: Any, names: list[str], lead: str | None, looks_like_ecg: LooksLikeEcg | None) -> int:
    if not names:
        check_header(header, base.name)
    if lead is not None:
        return choice.pick_lead(
            [name or f"signal {k}" for k, name in enumerate(names, start=1)], lead, f"record {base.name}"
        )
    if len(names) == 1:
        return 0
    part = wfdb.rdrecord(str(base), sampto=min(header.sig_len, BEHAVES)).p_signal
    found = [Column(name, values) for name, values in zip(names, part.T.astype(np.float64), strict=True)]
    return choice.choose(found, f"record {base.name}", float(header.fs), looks_like_ecg)[0]


def _samples(base: Path, header: Any, position: int) -> tuple[NDArray[np.float32], float]:
    """Return a lead in its own unit, and the offset that was taken off it."""
    signal, offset = np.empty(header.sig_len, dtype=np.float32), 0.0
    for start in range(0, header.sig_len, BLOCK):
        end = min(start + BLOCK, header.sig_len)
        part = wfdb.rdrecord(str(base), channels=[position], sampfrom=start, sampto=end, return_res=64).p_signal[:, 0]
        offset = offset if start else offset_of(part[:BEHAVES])
        signal[start:end] = part - offset
    return signal, offset


def _check_signal_files(header: Any, base: Path) -> None:
    """Refuse a header that points elsewhere, mixes formats, or promises more than its files hold."""
    for name in sorted(set(header.file_name)):
        rows = [k for k, file in enumerate(header.file_name) if file == name]
        formats = {header.fmt[k] for k in rows}
        path = base.with_name(name)
        if "/" in name or "\\" in name or Path(name).suffix.lower() not in ENDINGS[1:]:
            raise DataError(f"{base.name}.hea names {plain_text(name)}; expected its signals in {base.name}.dat")
        if not path.is_file():
            raise DataError(f"{name} is missing; a WFDB record needs {base.name}.hea and {name}")
        check_size(path)
        if unknown := formats - set(BYTES_PER_SAMPLE):
            raise DataError(
                f"{name} has the format {plain_text(', '.join(unknown))}; expected one of {', '.join(BYTES_PER_SAMPLE)}"
            )
        if len(formats) > 1:
            raise DataError(
                f"{base.name}.hea gives {name} the formats {', '.join(sorted(formats))}; expected one a file"
            )
        skipped = max(header.byte_offset[k] or 0 for k in rows)
        needed = skipped + header.sig_len * sum(BYTES_PER_SAMPLE[header.fmt[k]] for k in rows)
        if needed > path.stat().st_size + 4:
            raise DataError(
                f"{name} has {path.stat().st_size:,} bytes, and its header promises {needed:,.0f}; "
                "the file looks cut off"
            )


def _read_segments(base: Path, text: str, lead: str | None, looks_like_ecg: LooksLikeEcg | None) -> Recording:
    """Join a record of several segments: the same lead of each; NaN where a segment lacks it or is a gap."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        segments = [(name, int(length)) for name, length, *_ in lines[1:]]
        rate = float(lines[0][2].partition("/")[0].partition("(")[0])
    except (ValueError, IndexError):
        raise DataError(f"{base.name}.hea has several segments, and its lines are not understood") from None
    absent = [name for name, _ in segments if name != "~" and not base.with_name(f"{name}.hea").is_file()]
    if absent:
        raise DataError(
            f"{base.name} has {len(segments)} segments, and {plain_text(absent[0])}.hea is missing"
            f"{f' (and {len(absent) - 1} more)' if len(absent) > 1 else ''}; put the segments' files beside it"
        )
    if 4 * sum(length for _, length in segments) > 2 * 2**30:
        raise DataError(f"{base.name}.hea promises more samples than memory holds")
    parts: list[NDArray[np.float32]] = []
    found: Recording | None = None
    for name, length in segments:
        gap = np.full(length, np.nan, dtype=np.float32)
        if name == "~" or not length:
            parts.append(gap)
            continue
        if "/" in name or name == base.name:
            raise DataError(f"{base.name}.hea names the segment {plain_text(name)}; expected a record beside it")
        wanted = found.lead if found else lead
        own = base.with_name(name)
        segment_text = _header_text(own.with_name(f"{name}.hea"))
        _check_first_line(segment_text.lstrip().splitlines()[0] if segment_text.strip() else "", f"{name}.hea")
        try:
            segment = _read_signal(own, segment_text, wanted, looks_like_ecg)
        except DataError as fault:
            if found and "has no lead" in str(fault):
                parts.append(gap)
                continue
            raise
        if segment.fs != rate:
            raise DataError(f"{name}.hea says {segment.fs:g} Hz, and {base.name}.hea {rate:g}; expected one rate")
        found = found or segment
        parts.append(segment.signal)
    if found is None:
        raise DataError(f"{base.name} has several segments, and none of them holds a signal")
    joined = as_recording(
        base.name, np.concatenate(parts), found.fs, found.lead, found.unit, "from its header", found.notes,
        f"{base.name}.hea", of=f"of {len(segments)} segments",
    )  # fmt: skip
    return replace(joined, notes=(*joined.notes, f"{len(segments)} segments were joined"))
