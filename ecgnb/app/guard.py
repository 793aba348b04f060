"""Keeps the app to this computer: it answers to its own address alone, and its page loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

NAMES = ("localhost", "127.0.0.1", "[::1]")

CLOSED = ("/_stcore/metrics", "/_stcore/agent")  # for machines; serve no visitor

Message = MutableMapping[str, Any]
Application = Callable[..., Awaitable[None]]


class Guard:
    """An ASGI application around another one; refuses what another web page, or another name of this computer, asks.

    A page of another site, or of another port, names itself in ``Origin``. A site that lets its own name point to this
    computer (DNS rebinding) names itself in ``Host``.

    Parameters
    ----------
    app : ASGI application
    port : int
        Where `app` is served.
    """

    def __init__(self, app: Application, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())
        self.policy = policy(sorted(self.hosts)).encode()
        self.refusal = f"This app answers at http://localhost:{port} alone; open that address.\n".encode()

    async def __call__(self, scope: Message, receive: Application, send: Application) -> None:
        """Answer, or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif self.allows(scope):
            await self.app(scope, receive, self._with_policy(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: answered with 403
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": self.refusal})

    def allows(self, scope: Message) -> bool:
        """Say whether a request names this app in ``Host`` and, where it comes from a page, in ``Origin``."""
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        origins = {value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"origin"}
        if len(hosts) != 1 or scope["path"].startswith(CLOSED):
            return False
        return hosts[0] in self.hosts and origins <= {f"http://{hosts[0]}"}

    def _with_policy(self, send: Application) -> Application:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"content-security-policy", self.policy)]
                message = {**message, "headers": headers}
            await send(message)

        return send_with_policy


def policy(hosts: list[str]) -> str:
    """Return what a browser may load into the app's page: nothing from elsewhere; and no page may frame it."""
    sockets = " ".join(f"ws://{host}" for host in hosts if "[" not in host)  # which no policy can name
    return (
        f"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: {sockets}; "
        "form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
    )
