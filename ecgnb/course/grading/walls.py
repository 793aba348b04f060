"""The walls that a submission is executed behind: what it sees of the machine, and how much of it it may take."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ecgnb.course.grading import linux

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu", "/etc/ld.so.cache",
    "/etc/alternatives", "/etc/fonts", "/etc/localtime", "/etc/mime.types",
)  # fmt: skip

DEVICES = ("null", "zero", "full", "random", "urandom")

ROOM = "/room"  # the one folder that it may write to; in memory, bounded, gone at the end

STRANGER = 1_879_048_192  # user numbers from here on belong to nobody; root becomes one of them


@dataclass(frozen=True)
class Limits:
    """How much a submission may take.

    Attributes
    ----------
    seconds : float
        For each exercise.
    memory, disk : int
        Bytes, of memory beyond what the lesson itself takes.
    processes : int
    """

    seconds: float = 300.0
    memory: int = 2 * 2**30
    disk: int = 256 * 2**20
    processes: int = 64


@dataclass(frozen=True)
class View:
    """What a submission sees: folders that it may read, and those within them that it may not."""

    readable: tuple[str, ...]
    hidden: tuple[str, ...] = ()


def view(hidden: list[str], readable: list[str]) -> View:
    """Return the view of Python, its packages and ours without the lessons, and of what else is named."""
    package = Path(__file__).resolve().parents[2]
    wanted = [*SYSTEM, sys.prefix, sys.base_prefix, sys.exec_prefix, str(package), *readable]
    wanted += [folder for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]
    places: list[Path] = []
    for name in wanted:
        for place in dict.fromkeys((Path(name).absolute(), Path(name).resolve())):
            if place.exists() and place not in places and place != Path("/"):
                places.append(place)
    inner = {place for place in places if not place.is_symlink() and _inside(place, [p for p in places if p != place])}
    kept = [place for place in places if place not in inner]
    masked = [Path(name).resolve() for name in hidden]
    masked = [place for place in masked if _inside(place, kept) and not any(k.is_relative_to(place) for k in kept)]
    return View(tuple(map(str, kept)), tuple(map(str, masked)))


def _inside(place: Path, others: list[Path]) -> bool:
    return any(place.is_relative_to(other) and not other.is_symlink() for other in others)


def enter(limits: Limits, seen: View, root: Path) -> int:
    """Go behind the walls and fork: return 0 in the child, which is inside, and its number in the parent, which waits.

    Raises
    ------
    OSError
        Where the machine doesn't let anybody build them.
    """
    is_root = os.geteuid() == 0 and linux.has_user(STRANGER + os.getpid())
    user, group = (STRANGER + os.getpid(),) * 2 if is_root else (os.geteuid(), os.getegid())
    apart = linux.NEW_MOUNTS | linux.NEW_HOST | linux.NEW_IPC | linux.NEW_PROCESSES | linux.NEW_NETWORK
    linux.unshare(apart if is_root else apart | linux.NEW_USER)
    if not is_root:
        linux.map_own_ids(user, group)
    linux.mount("none", "/", flags=linux.REC | linux.PRIVATE)
    _build(limits, seen, root, (user, group))
    if child := os.fork():
        return child
    linux.die_with_parent()
    with suppress(OSError):  # in some containers none can be mounted; then there is none
        linux.mount("proc", root / "proc", "proc", linux.NOSUID | linux.NODEV)
    linux.change_root(root)
    os.chdir(ROOM)
    os.environ.update(HOME=ROOM, TMPDIR=ROOM)
    if is_root:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        linux.stay_visible()
        with suppress(OSError):
            linux.unshare(linux.NEW_USER)
            linux.map_own_ids(user, group)
    linux.give_up_rights()
    linux.die_with_parent()  # forgotten when the user changes
    return 0


def _build(limits: Limits, seen: View, root: Path, owner: tuple[int, int]) -> None:
    """Mount a root that holds what may be read, and an empty room to write to."""
    linux.mount("none", root, "tmpfs", linux.NOSUID, "size=4m,mode=0755")
    for name in seen.readable:
        _show(Path(name), root / name.lstrip("/"))
    for device in DEVICES:
        _show(Path("/dev", device), root / "dev" / device)
    for folder in ("proc", ROOM.lstrip("/")):
        (root / folder).mkdir()
    for name in ("tmp", "var/tmp", "dev/shm"):
        if not (root / name).exists():  # where what is readable lies in such a place
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).symlink_to(ROOM)
    for name in seen.hidden:
        linux.mount("none", root / name.lstrip("/"), "tmpfs", linux.NOSUID, "size=4k,mode=0755")
    linux.make_read_only(root)
    room = f"size={limits.disk},nr_inodes=20000,mode=0700,uid={owner[0]},gid={owner[1]}"
    linux.mount("none", root / ROOM.lstrip("/"), "tmpfs", linux.NOSUID | linux.NODEV, room)


def _show(place: Path, target: Path) -> None:
    """Show a file or folder of the machine below the new root, or the link that it is."""
    if target.exists() or target.is_symlink() or not place.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        target.symlink_to(place.readlink())
        return
    if place.is_dir():
        target.mkdir()
    else:
        target.touch()
    linux.mount(str(place), target, flags=linux.BIND | linux.REC)


def discourage(room: Path) -> None:
    """Where there are no walls: a folder of its own, and sockets that refuse."""
    os.chdir(room)
    os.environ.update(HOME=str(room), TMPDIR=str(room))

    def refuse(*_: Any) -> NoReturn:
        raise OSError("a submission has no network")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, refuse)
    setattr(socket, "getaddrinfo", refuse)  # noqa: B010  (mypy minds the plain form)


def restrict(limits: Limits, *, walled: bool) -> None:
    """Set what the system itself limits for this process and its children."""
    import resource  # not on Windows

    grace = int(limits.seconds) * 4 + 60  # of processor time; the grader's own clock ends it earlier
    wanted = {"RLIMIT_CORE": 0, "RLIMIT_CPU": grace, "RLIMIT_FSIZE": limits.disk // 2, "RLIMIT_NOFILE": 256}
    if (own := _own_memory()) and limits.memory:
        wanted["RLIMIT_AS"] = own + limits.memory
    if walled:  # else all of the user's processes are counted, of which a desktop has hundreds
        wanted["RLIMIT_NPROC"] = limits.processes
    for name, value in wanted.items():
        if hasattr(resource, name):
            with suppress(OSError, ValueError):  # lower already
                resource.setrlimit(getattr(resource, name), (value, value))


def _own_memory() -> int:
    """Return the bytes of address space that this process has; 0 where nobody knows."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0
