"""A web server in a thread, which simulates the internet and its faults."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fault:
    """How a request fails: with a status other than 200, a connection cut after ``cut`` bytes of the response, or extra headers.

    With ``unsized``, the response does not state its length.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    unsized: bool = False


@dataclass
class Site:
    """The files by path, such as "/a.gz", and the faults of the next requests for a path.

    ``requests`` lists the path of every request so far, ``headers`` its headers. No request is answered before ``gate`` is set.
    """

    root: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gate: threading.Event | None = None

    def url(self, path: str) -> str:
        """The address of a file."""
        return self.root + path


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        self.site.requests.append(self.path)
        self.site.headers.append(dict(self.headers))
        if self.site.gate is not None:
            self.site.gate.wait(60)
        faults = self.site.faults.get(self.path, [])
        fault = faults.pop(0) if faults else Fault()
        content = self.site.files.get(self.path)
        if fault.status != 200 or content is None:
            self.send_response(fault.status if fault.status != 200 else 404)
            self._end(fault.headers)
            return
        self.send_response(200)
        self._end(({} if fault.unsized else {"Content-Length": str(len(content))}) | fault.headers)
        self.wfile.write(content[: fault.cut])

    def _end(self, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Print nothing."""


@contextmanager
def serving() -> Iterator[Site]:
    """Serve a site on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"site": site})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
