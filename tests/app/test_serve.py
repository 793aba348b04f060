"""The server that `ecgnb app` starts: whom it answers, what a planted folder changes, how it ends."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from browser import free_port

from ecgnb.app.guard import Guard
from ecgnb.app.serve import HERE, SETTINGS, command

pytestmark = pytest.mark.slow

ECGNB = Path(sys.executable).with_name("ecgnb")

PLANTED = """
[server]
enableXsrfProtection = false
enableCORS = false
address = "0.0.0.0"
enableAgentApi = true
allowedHosts = ["*"]
corsAllowedOrigins = ["http://evil.example"]
sslCertFile = "x.pem"
sslKeyFile = "x.pem"
[client]
showErrorDetails = "full"
[logger]
level = "debug"
"""

NOTES_CONNECTIONS = """
import os, sys

def note(event, details):
    if event == "socket.connect":
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(f"{details[1]}\\n")

sys.addaudithook(note)
note("socket.connect", [None, "/begun"])
"""


class Server:
    """The app as a user starts it, in a folder that somebody else has filled."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        for name in ("streamlit", "plotly", "numpy", "uvicorn", "charts", "page"):
            (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
        (folder / ".streamlit").mkdir()
        (folder / ".streamlit" / "config.toml").write_text(PLANTED)
        (folder / "hooks").mkdir()
        (folder / "hooks" / "sitecustomize.py").write_text(NOTES_CONNECTIONS)
        environment = os.environ | {
            "HOME": str(folder),  # where the same configuration counts, but for what is shut
            "ECGNB_DATA_DIR": "own_data",
            "NOTES": str(folder / "notes"),
            "PYTHONPATH": os.pathsep.join([str(folder / "hooks"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }
        with (folder / "log").open("w") as log:
            arguments = [ECGNB, "app", "--port", str(self.port)]
            self.process = subprocess.Popen(
                arguments, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True
            )
        for _ in range(240):
            if self.answers():
                break
            assert self.process.poll() is None, self.log()
            time.sleep(0.25)

    def log(self):
        return (self.folder / "log").read_text()

    def answers(self):
        try:
            return self.get("/_stcore/health")[0] == 200
        except OSError:
            return False

    def get(self, path, host=None, method="GET", **headers):
        """Ask with any Host and headers; return status, headers and the start of the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True)
            for one in [f"localhost:{self.port}"] if host is None else [host] if isinstance(host, str) else host:
                connection.putheader("Host", one)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.headers, b"" if answer.status == 101 else answer.read(200)
        finally:
            connection.close()

    def websocket(self, host, origin):
        """Return the status that a handshake is answered with."""
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
        headers |= {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="} | ({} if origin is None else {"Origin": origin})
        return self.get("/_stcore/stream", host, **headers)[0]

    def stop(self, number, whole_group=False):
        """Send a signal as a process does, or to all processes as a terminal does; return the exit code."""
        (os.killpg if whole_group else os.kill)(self.process.pid, number)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("planted"))
    yield started
    started.stop(signal.SIGTERM)


def test_the_page_is_served_here(server):
    for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        assert server.get("/", f"{name}:{server.port}")[0] == 200
        assert server.websocket(f"{name}:{server.port}", f"http://{name.lower()}:{server.port}") == 101
    policy = server.get("/")[1]["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "http:" not in policy


def test_the_browser_has_what_draws_charts_while_it_connects(server):
    address = f"http://localhost:{server.port}"
    with urllib.request.urlopen(f"{address}/") as answer:
        page, tag = answer.read().decode(), answer.headers["ETag"]
    assert int(answer.headers["Content-Length"]) == len(page.encode()) and page.rstrip().endswith("</html>")
    (script,) = re.findall(r'<script type="module" crossorigin src="./(static/js/PlotlyChart[^"]+)"></script>', page)
    assert page.index(script) < page.index("</head>")
    assert urllib.request.urlopen(f"{address}/{script}").status == 200
    assert not tag or server.get("/", If_None_Match=tag)[::2] == (304, b"")


def test_the_command_and_the_server_import_no_data_sets():
    code = (
        "import sys, ecgnb.cli, ecgnb.app.serve; print(*sorted({'ecgnb.datasets', 'pandas', 'scipy'} & {*sys.modules}))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [], "each takes a part of a second before the app answers"


def test_and_to_nobody_else(server):
    port, other = server.port, server.port + 1
    hosts = ("evil.example", f"evil.example:{port}", f"localhost:{other}", "localhost",
             f"127.0.0.1.evil.example:{port}", f"x@localhost:{port}", f"localhost:{port}:{port}", "", f"0.0.0.0:{port}",
             [], [f"localhost:{port}", f"evil.example:{port}"])  # fmt: skip
    for host in hosts:
        for path in ("/", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics", "/_stcore/upload_file/a/b"):
            assert server.get(path, host)[0] in (400, 403), (host, path)
        origin = f"http://{host}"
        assert server.websocket(host, origin) in (400, 403), (host, "rebinding: it calls itself by the same name")


def test_nor_to_pages_of_others(server):
    here, port = f"localhost:{server.port}", server.port
    origins = ("http://evil.example", f"http://evil.example:{port}", f"http://127.0.0.1:{port + 1}", "http://localhost",
               f"http://127.0.0.1:{port}", f"https://localhost:{port}", "null", "", f"http://localhost:{port}/x",
               "https://x.streamlit.app")  # fmt: skip
    for origin in origins:
        assert server.websocket(here, origin) == 403, origin
        assert server.get("/_stcore/upload_file/a/b", method="PUT", Origin=origin, Content_Length="0")[0] == 403
    assert server.websocket(here, None) == 101, "no web page leaves its origin out"
    status, headers, body = server.get("/", "evil.example")
    assert status == 403 and b"http://localhost:" in body and "Access-Control-Allow-Origin" not in headers


def test_what_machines_ask(server):
    for path in ("/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/interact", "/_stcore/agent/mcp"):
        assert server.get(path)[0] == 403
    own = f"http://localhost:{server.port}"
    status = server.get("/_stcore/upload_file/a/b", method="PUT", Origin=own, Content_Length="0")[0]
    assert status == 403, "and nothing is uploaded without the page's token"


def test_a_planted_folder_changes_nothing(server):
    assert not (server.folder / "ran").exists(), "no code of it ran"
    assert "Traceback" not in server.log() and "External" not in server.log()
    asked = set((server.folder / "notes").read_text().splitlines())
    assert "/begun" in asked, "the server's connections are noted"
    assert all(re.match(r"/|\('(127\.0\.0\.1|::1)'", address) for address in asked), "none goes off this machine"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


@pytest.mark.parametrize(
    ("number", "whole_group"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)]
)
def test_it_ends_and_leaves_nothing_running(tmp_path, number, whole_group):
    server = Server(tmp_path)
    with socket.create_connection(("127.0.0.1", server.port)) as visitor:
        here = f"localhost:{server.port}"
        lines = ["GET /_stcore/stream HTTP/1.1", f"Host: {here}", f"Origin: http://{here}", "Connection: Upgrade"]
        lines += ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        visitor.sendall("\r\n".join([*lines, "", ""]).encode())
        assert b" 101 " in visitor.recv(100), "a page is open"
        assert server.stop(number, whole_group) == 0
    assert not server.answers() and "Traceback" not in server.log()


def test_the_command():
    assert command(8501)[1:] == ["-P", "-m", "ecgnb.app.serve", "8501"]
    assert not (HERE / ".streamlit").exists()


def test_each_setting_is_known():
    from streamlit import config

    assert set(SETTINGS) <= set(config.get_config_options())


def test_port_80_is_not_named():
    async def nothing(*_):
        pass

    def allows(port, host, origin=None):
        headers = [(b"host", host)] + ([(b"origin", origin)] if origin else [])
        return Guard(nothing, port).allows({"headers": headers, "path": "/"})

    assert allows(80, b"localhost", b"http://localhost") and allows(80, b"localhost:80")
    assert not allows(8501, b"localhost") and not allows(80, b"localhost", b"http://evil.example")
