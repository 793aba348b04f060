"""What the page's head holds beside Streamlit's own: what draws the charts, early, and what `page.js` mends.

A browser begins on the charts while it still connects, and not once the page is written.
"""

from __future__ import annotations

from importlib.resources import files

from ecgnb.app.guard import Application, Message

CHARTS = "PlotlyChart."  # how Streamlit calls the file; 5 MB, of which a browser makes half a second of work

HEAD_ENDS = b"</head>"


def chart_script() -> bytes:
    """Return the line of HTML that loads what draws charts; nothing where Streamlit has it no more, or in parts."""
    folder = files("streamlit").joinpath("static", "static", "js")
    found = [entry.name for entry in folder.iterdir() if entry.name.startswith(CHARTS) and entry.name.endswith(".js")]
    if len(found) != 1:
        return b""
    return f'<script type="module" crossorigin src="./static/js/{found[0]}"></script>\n  '.encode()


def page_script() -> bytes:
    """Return the HTML that mends on the page what Streamlit leaves undone: keys, and a fault for screen readers."""
    return b"<script>\n" + files("ecgnb.app").joinpath("page.js").read_bytes() + b"</script>\n  "


class Early:
    """An ASGI application around another one; adds a script to the head of its page.

    Parameters
    ----------
    app : ASGI application
    script : bytes
        HTML; nothing is changed where it is empty.
    """

    def __init__(self, app: Application, script: bytes) -> None:
        self.app = app
        self.script = script

    async def __call__(self, scope: Message, receive: Application, send: Application) -> None:
        """Answer, the page with the script in it."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET" or not self.script:
            await self.app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name not in (b"accept-encoding", b"range")]
        start: Message = {}
        body = b""

        async def send_with_script(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                whole = body.replace(HEAD_ENDS, self.script + HEAD_ENDS, 1)
                headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
                if len(body) or start["status"] == 200:
                    headers.append((b"content-length", str(len(whole)).encode()))
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": whole})

        await self.app({**scope, "headers": plain}, receive, send_with_script)
