"""Serving an application at an address, until somebody ends it."""

import contextlib
import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp

__all__ = ["address_of", "is_loopback", "listen", "serve"]

GRACE = 1
"""Seconds that answers under way are waited for when the server is ended."""


class _Server(uvicorn.Server):
    """A server that says when it can be asked."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Whoever still waits for an answer is cut off, which is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Take the port of a host, or any that is free for port 0; who asks has to wait yet.

    Raises:
        ValueError: the port is in use, or may not be taken, or there is no such host here.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise ValueError(f"--host {host} is no host that is known here: {error}") from None
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        # Before that, others could still take the port.
        opened.listen()
    except OSError as error:
        opened.close()
        raise ValueError(_why_not(host, port, error)) from None
    return opened


def address_of(listening: socket.socket, host: str) -> str:
    """Return what to type into a browser."""
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def is_loopback(listening: socket.socket) -> bool:
    """Return whether nobody but this machine reaches the port."""
    return ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def serve(
    application: ASGIApp, listening: socket.socket, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve an application until the process is interrupted.

    What is computed then is not waited for: the process ends with it.

    Args:
        ready: called as soon as requests are answered.
    """
    config = uvicorn.Config(
        application,
        access_log=False,
        log_config=None,
        # Whoever asks could fill the log with what is wrong about it.
        log_level="error",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        ws="none",
    )
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, ready).run([listening])
    computing = [each for each in threading.enumerate() if each.name.startswith("regard")]
    for thread in computing:
        thread.join(GRACE)
    if any(thread.is_alive() for thread in computing):
        # Python would wait for these threads, however long they take.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; choose another --port, or 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} may not be taken; choose a --port from 1024 upwards"
    return f"{host} is no address of this machine ({error.strerror}); choose another --host"
