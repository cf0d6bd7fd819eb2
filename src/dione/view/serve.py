"""The application on a port of this machine, until somebody ends it."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from dione.base.errors import CannotWrite
from dione.view.guard import Guard


def serve(app: Guard, *, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C (or SIGTERM); `ready` gets the address once it answers. Port 0 takes any that is free.

    Raises CannotWrite if the port is taken or the host is not this machine's.
    """
    with closing(_listening(app.host, port)) as listener:
        host, number = listener.getsockname()[:2]
        server = Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1))
        server.address = f"http://{f'[{host}]' if ':' in host else host}:{number}/"
        server.ready = ready
        server.run(sockets=[listener])


class Server(uvicorn.Server):
    """Says where it is once it answers, and ends well with either signal: uvicorn's own would pass it on afterwards."""

    address: str
    ready: Callable[[str], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready(self.address)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {kind: signal.signal(kind, self.handle_exit) for kind in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotWrite(
            f"cannot listen at {host}, port {port}: {error.strerror or error}\nname another with --port (0 takes any that is free) or --host"
        ) from error
    return listener
