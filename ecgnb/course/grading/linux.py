"""What Python 3.11 doesn't offer of Linux: namespaces, mounts, and giving rights up. Nothing of it needs root."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

NEW_MOUNTS, NEW_HOST, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip

NOSUID, NODEV, BIND, REC, PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000

DETACH = 2  # of umount2

PARENT_DEATH_SIGNAL, DUMPABLE, SUBREAPER, NO_NEW_PRIVILEGES = 1, 4, 36, 38  # of prctl

PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}  # numbers of system calls

MOUNT_SETATTR = 442  # on every processor

AT_FDCWD, RECURSIVE = -100, 0x8000

READ_ONLY = 0x1 | 0x2  # and without set-uid


class _Attributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns"))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _call(name: str, *arguments: object) -> int:
    """Call the C library; its error is an `OSError`."""
    result: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def is_linux() -> bool:
    """Say whether the rest of this file can work here."""
    return sys.platform == "linux"


def unshare(what: int) -> None:
    """Leave the namespaces of those kinds for new ones; new processes are counted from the next fork on."""
    _call("unshare", ctypes.c_int(what))


def has_user(number: int) -> bool:
    """Say whether there can be a user of that number here; in some containers there are but a few."""
    lines = (line.split() for line in Path("/proc/self/uid_map").read_text(encoding="utf-8").splitlines())
    return any(int(first) <= number < int(first) + int(n) for first, _, n in lines)


def map_own_ids(uid: int, gid: int) -> None:
    """In a new user namespace, be called what one was called before."""
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")


def mount(source: str, target: Path | str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system of a kind, or bind a folder or file to another place."""
    _call(
        "mount", source.encode(), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags),
        data.encode() or None,
    )  # fmt: skip


def make_read_only(target: Path) -> None:
    """Make a mount and all below it read-only (Linux 5.12)."""
    wanted = _Attributes(set=READ_ONLY)
    _call(
        "syscall", ctypes.c_long(MOUNT_SETATTR), ctypes.c_int(AT_FDCWD), os.fsencode(target), ctypes.c_uint(RECURSIVE),
        ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)),
    )  # fmt: skip


def change_root(target: Path) -> None:
    """Make a mount the root, and let go of the old one."""
    if os.uname().machine not in PIVOT_ROOT:
        raise OSError(f"how to change the root is not known for {os.uname().machine}")
    os.chdir(target)
    _call("syscall", ctypes.c_long(PIVOT_ROOT[os.uname().machine]), b".", b".")
    _call("umount2", b".", ctypes.c_int(DETACH))
    os.chdir("/")


def die_with_parent() -> None:
    """Be killed when the parent ends, whatever ends it."""
    if is_linux():
        _call("prctl", ctypes.c_int(PARENT_DEATH_SIGNAL), ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)


def stay_visible() -> None:
    """Own one's files below /proc again, which a change of the user takes away."""
    _call("prctl", ctypes.c_int(DUMPABLE), ctypes.c_ulong(1), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own has gone, so that none gets away."""
    if is_linux():
        _call("prctl", ctypes.c_int(SUBREAPER), ctypes.c_ulong(1), 0, 0, 0)


def give_up_rights() -> None:
    """Drop all capabilities for good, and leave no way to gain rights: neither set-uid nor a further namespace."""
    for limit in ("user/max_user_namespaces", "kernel/shmmni", "fs/mqueue/queues_max"):
        with suppress(OSError):  # counted for each namespace, so this is ours
            Path("/proc/sys", limit).write_text("0", encoding="utf-8")
    _call("prctl", ctypes.c_int(NO_NEW_PRIVILEGES), ctypes.c_ulong(1), 0, 0, 0)
    _call("capset", ctypes.byref(_CapabilityHeader(0x20080522, 0)), (ctypes.c_uint32 * 6)())
