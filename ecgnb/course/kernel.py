"""The kernel that executes a lesson headless: what is kept of its output is bounded, and an end of its own is told."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import psutil
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

ENGINE = "ecgnb"

MOST_PRINTED = 200_000  # characters of a cell's output that are kept

LEFT_OUT = f"\n[ecgnb: more than {MOST_PRINTED:,} characters were printed; the rest is left out]\n"

MOST_SHOWN = 20_000_000  # characters of one figure, table or page

TOO_LARGE = f"[ecgnb: an output of more than {MOST_SHOWN:,} characters is left out]"

STOPPED_FOR = 60  # seconds after which a kernel that has stopped itself counts as dead

# A file beside the reader that is called as a module is not imported in its place: not by Python, not by IPython.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}

# Else the kernel warns of its TCP ports, and of the interrupt that ends it, on the caller's stderr.
ARGUMENTS = ["--log-level=50", "--InteractiveShellApp.ignore_cwd=True"]


class Client(PapermillNotebookClient):
    """Talks to the kernel of one run."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_cell_executed = _refuse_exit
        self._polls_stopped = 0

    def output(
        self, outs: list[nbformat.NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> nbformat.NotebookNode | None:
        """Keep a cell's next output: printed text joins that before it, and what is too long is left out."""
        out = super().output(outs, msg, display_id, cell_index)
        if out is None:
            return None
        if out.output_type == "stream":
            _join(outs)
            return None
        elif len(json.dumps(out.get("data", {}))) > MOST_SHOWN:
            outs[-1] = nbformat.v4.new_output("display_data", {"text/plain": TOO_LARGE})
        elif out.output_type == "error":
            out.evalue = out.evalue[:MOST_PRINTED]
            out.traceback = [line[:MOST_PRINTED] for line in out.traceback[-100:]]
        return outs[-1]

    async def _async_check_alive(self) -> None:
        """Also take a kernel for dead that has stopped itself; a debugger's stops are other ones."""
        await super()._async_check_alive()
        stopped = _is_stopped(getattr(self.km.provisioner, "pid", None))
        self._polls_stopped = self._polls_stopped + 1 if stopped else 0  # one a second
        if self._polls_stopped >= STOPPED_FOR:
            raise DeadKernelError("the kernel was stopped and nobody let it go on")


def _is_stopped(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def _join(outs: list[nbformat.NotebookNode]) -> None:
    """Let the last output, which is printed text, join an earlier one of the same stream; bound them all together."""
    new = outs.pop()
    streams = [out for out in outs if out.output_type == "stream"]
    if any(out.text.endswith(LEFT_OUT) for out in streams):
        return
    same = next((out for out in streams if out.name == new.name), None)
    if same is None:
        same = nbformat.v4.new_output("stream", name=new.name, text="")
        behind = bool(outs) and outs[-1].get("name") == "stderr"  # which of both comes first is not always the same
        outs.insert(len(outs) - behind, same)
    before, newline, line = same.text.rpartition("\n")
    text = overwritten(line + new.text)
    room = MOST_PRINTED + len(line) - sum(len(out.text) for out in outs if out.output_type == "stream")
    same.text = before + newline + text[:room] + (LEFT_OUT if len(text) > room else "")


def overwritten(text: str) -> str:
    """Return text as a terminal shows it, where a carriage return begins the line anew: a progress bar's last state."""
    lines = []
    for line in text.split("\n"):
        shown = line.rstrip("\r")
        lines.append(shown.rpartition("\r")[2] + line[len(shown) :][:1])
    return "\n".join(lines)


async def _refuse_exit(cell: nbformat.NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
    """Let a cell fail that calls ``exit()`` or ``sys.exit()``: papermill would take the lesson for done."""
    exits = [out for out in cell.outputs if out.output_type == "error" and out.ename == "SystemExit"]
    for out in exits:
        out.evalue = f"the lesson called exit({out.evalue})"
    asked = any(entry.get("source") == "ask_exit" for entry in execute_reply["content"].get("payload", []))
    if asked and not exits:
        cell.outputs.append(
            nbformat.v4.new_output("error", ename="SystemExit", evalue="the lesson called exit()", traceback=[])
        )
    if asked or exits:
        raise CellExecutionError("", "SystemExit", "the lesson called exit()")


class _Engine(Engine):
    """Papermill's, with our client."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, start_timeout: int = 60, **_: Any) -> None:
        """Execute the notebook cell by cell; papermill writes it after each one."""
        options = {"timeout": None, "startup_timeout": start_timeout, "kernel_name": kernel_name}
        Client(nb_man, extra_arguments=ARGUMENTS, **options).execute()


papermill_engines.register(ENGINE, _Engine)
