"""Start the app as a server of this computer alone; `python -P -m ecgnb.app.serve PORT` is that server."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ecgnb.app.early import Early, chart_script, page_script
from ecgnb.app.guard import Guard
from ecgnb.app.limits import MAX_UPLOAD
from ecgnb.paths import data_dir

HERE = Path(__file__).parent

IDLE = 4  # seconds without a visitor after which the server goes on getting ready

GRACE = 10  # seconds that the server has to end

# Each that bears on who may ask, and what: so no configuration file can open what is shut here.
SETTINGS: dict[str, Any] = {
    "server.address": "127.0.0.1",
    "server.baseUrlPath": "",
    "server.enableCORS": True,  # the protection, in spite of its name
    "server.corsAllowedOrigins": [],
    "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableAgentApi": False,
    "server.enableStaticServing": False,
    "server.scriptHealthCheckEnabled": False,
    "server.trustedUserHeaders": {},
    "server.headless": True,  # asks nobody for an e-mail address
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.maxUploadSize": MAX_UPLOAD // 2**20,
    "server.sslCertFile": "",
    "server.sslKeyFile": "",
    "secrets.files": [],
    "browser.serverAddress": "localhost",  # not asked of a server on the internet
    "browser.gatherUsageStats": False,  # nothing goes off the machine
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "client.allowedOrigins": [],
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.disableDataExport": True,  # of the grid: the button below it gives the table
}


def command(port: int) -> list[str]:
    """Return the command that starts the app; ``-P`` keeps code of the current folder out."""
    return [sys.executable, "-P", "-m", "ecgnb.app.serve", str(port)]


def serve(port: int) -> int:
    """Serve the app until it is stopped, by Ctrl-C or SIGTERM; return its exit code.

    The server works in a folder of the package, so that no code and no configuration of the current folder counts.
    """
    environment = os.environ | {"ECGNB_DATA_DIR": str(data_dir())}
    server = subprocess.Popen(command(port), cwd=HERE, env=environment)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises KeyboardInterrupt, as Ctrl-C does
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            server.wait(GRACE)
        return 0
    finally:
        server.kill()


def get_ready() -> None:
    """Import what the first screen needs while the browser still opens, and once it is there what the next one needs.

    Where no browser comes, that is done, too: then nobody waits for it. Streamlit looks for garbage after each click,
    a tenth of a second among all that was imported, before it sends the rest of the page: so that is left out.
    """
    _import("ecgnb.app.beats", "ecgnb.app.reading", "ecgnb.app.fields", "onnxruntime")
    gc.freeze()
    gc.enable()
    from ecgnb.app.visit import FIRST_SCREEN

    FIRST_SCREEN.wait(IDLE)
    _import("scipy.signal", "scipy.stats", "scipy.ndimage")


def _import(*names: str) -> None:
    for name in names:
        with contextlib.suppress(ImportError):  # the page says what is missing
            importlib.import_module(name)


def run(port: int) -> None:
    """Be the server."""
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    gc.disable()  # until `get_ready` has imported what stays
    threading.Thread(target=get_ready, daemon=True).start()
    around = [Middleware(Guard, port=port), Middleware(Early, script=chart_script() + page_script())]
    app = App(HERE / "page.py", middleware=around)
    with contextlib.suppress(KeyboardInterrupt):  # which comes again once all is closed
        app.run(config=SETTINGS | {"server.port": port, "browser.serverPort": port})


if __name__ == "__main__":
    run(int(sys.argv[1]))
