"""Start the app as a server of this computer alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ecgnb.datasets.own.limits import MAX_BYTES

SETTINGS = {
    "server.address": "localhost",
    "server.headless": "true",  # asks nobody for an e-mail address
    "server.fileWatcherType": "none",
    "server.maxUploadSize": str(MAX_BYTES // 2**20),
    "browser.gatherUsageStats": "false",  # nothing goes off the machine
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "theme.base": "light",
}


def command(port: int) -> list[str]:
    """Return the command that starts the app."""
    settings = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
    page = Path(__file__).with_name("page.py")
    return [sys.executable, "-m", "streamlit", "run", str(page), "--server.port", str(port), *settings]


def serve(port: int) -> int:
    """Serve the app until it is stopped; return its exit code."""
    try:
        return subprocess.run(command(port), check=False).returncode
    except KeyboardInterrupt:
        return 0
