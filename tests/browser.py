"""A headless Chromium that opens one page, driven by its own protocol over pipes, so that no driver is needed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FOUND = next((path for name in NAMES if (path := shutil.which(name))), None)
# Without the sandbox, which root cannot use; nothing but files that the tests wrote is opened.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe")


class Page:
    """An open page."""

    def __init__(self, to: IO[bytes], back: IO[bytes]) -> None:
        self._to, self._back = to, back
        self._last, self._session = 0, ""
        self.problems: list[str] = []  # errors of scripts, refused or failed requests

    def open(self, address: str) -> None:
        """Open an address and wait until it has loaded."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=address)
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def value(self, script: str) -> Any:
        """Return what an expression is, once its promise, if it is one, is kept."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._last += 1
        session = {"sessionId": self._session} if self._session else {}
        self._to.write(json.dumps({"id": self._last, "method": method, "params": parameters, **session}).encode() + b"\0")
        self._to.flush()
        while (message := self._message()).get("id") != self._last:
            pass
        assert "error" not in message, message
        return message["result"]

    def _message(self) -> dict[str, Any]:
        read = bytearray()
        while (one := self._back.read(1)) != b"\0":
            assert one, "the browser has ended"
            read += one
        message: dict[str, Any] = json.loads(read)
        if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.problems.append(json.dumps(message["params"]))
        if message.get("method") == "Network.requestWillBeSent" and not message["params"]["request"]["url"].startswith(("file:", "data:")):
            self.problems.append(message["params"]["request"]["url"])
        return message


@contextmanager
def opened(path: Path, profile: Path) -> Iterator[Page]:
    """Open a file in a browser of its own, whose ``profile`` is a folder of the test's."""
    assert FOUND is not None
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()

    def place() -> None:  # the protocol's pipes are numbers 3 and 4
        first, second = os.dup(to_read), os.dup(back_write)
        os.dup2(first, 3)
        os.dup2(second, 4)

    process = subprocess.Popen(
        [FOUND, *OPTIONS, f"--user-data-dir={profile}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=place,
    )
    os.close(to_read)
    os.close(back_write)
    try:
        with open(to_write, "wb") as to, open(back_read, "rb") as back:
            page = Page(to, back)
            page.open(path.resolve().as_uri())
            yield page
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
