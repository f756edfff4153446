"""Jobs as forks of one process that has imported the large libraries: importing torch takes a short job longer than its work.

On one Linux machine without GPUs, the workflow starts a server (``start``). The script of a job begins with ``enter``: it hands itself
over to the server, which runs the same script in a fork, with the job's working directory, environment and streams, and it waits for
that. Without a server, or with one for another Python, the script runs in its own process. A fork imports this package anew, so that it
runs the code on disk, as it would without a server.
"""

import atexit
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TextIO

from spurprune.machine import devices
from spurprune.machine.logs import tell

VARIABLE = "SPURPRUNE_PREFORK"  # holds the server's socket and the Python that it is for; set to nothing, there is no server
LIBRARIES = (
    "snakemake.logging",
    "snakemake.iocontainers",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "yaml",
    "tqdm",
    "scipy.stats",
    "sklearn.cluster",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "torch",
    "safetensors.torch",
)
FEWEST_JOBS = 10  # a smaller run would not make up for the start of a server (ours)
PATIENCE = 10.0  # seconds for a job to say what it is
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNPRINTED = 120  # Python's exit status if what was printed last could not be written

_is_fork = False  # whether this process is a job that the server started
_server: "subprocess.Popen[bytes] | None" = None  # if it were forgotten, its standard input would be closed


def start(jobs: int) -> None:
    """Start a server for a run of ``jobs`` jobs on this machine, unless these are too few; it ends when this process does."""
    global _server
    if jobs < FEWEST_JOBS or VARIABLE in os.environ or not sys.platform.startswith("linux"):
        return
    with suppress(OSError):
        folder = tempfile.mkdtemp(prefix="spurprune-")  # for this user alone
        _server = _started(folder)
        os.environ[VARIABLE] = json.dumps([_address(folder), sys.executable])


def _started(folder: str) -> "subprocess.Popen[bytes]":
    """Start a server that ends when its standard input does, whose other end only this process has."""
    command = [sys.executable, "-c", f"from spurprune.machine import prefork; prefork.serve({folder!r})"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    nowhere = subprocess.DEVNULL  # whoever reads this process's output waits for all who could write to it
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)


def enter(threads: int) -> None:
    """Give the job of this script its numeric ``threads``; if there is a server, continue in a fork of its, and do not return.

    Call it first in a script, before a large library is imported.
    """
    devices.set_threads(threads)
    is_copy = "__mp_main__" in sys.modules  # a process that multiprocessing started, which runs this script again
    if _is_fork or is_copy or threads != 1:  # the server's libraries were imported with one thread
        return
    with socket.socket(socket.AF_UNIX) as connection:
        answers = connection.makefile("r")
        if pid := _handed_over(connection, answers):
            _wait(answers, pid)


def _handed_over(connection: socket.socket, answers: TextIO) -> int:
    """Hand this script over to the server and return the fork's process id; 0 if there is no server for it, or none that answers."""
    try:
        address, python = json.loads(os.environ.get(VARIABLE) or "null") or ("", "")
        if not address or python != sys.executable:
            return 0
        job = {"arguments": sys.argv, "path": sys.path, "folder": str(Path.cwd()), "environment": dict(os.environ), "umask": _umask()}
        job["ignores_interrupt"] = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        connection.connect(address)
        socket.send_fds(connection, [b"job"], [0, 1, 2])
        connection.sendall(json.dumps(job).encode() + b"\n")
        return int(answers.readline() or "0")
    except (OSError, ValueError):
        return 0


def _wait(answers: TextIO, pid: int) -> NoReturn:
    """End this process as its fork ends."""

    def pass_on(number: int, frame: object) -> None:
        with suppress(ProcessLookupError):  # it has ended
            os.kill(pid, number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the fork, too
    signal.signal(signal.SIGTERM, pass_on)
    try:
        status = int(answers.readline())
    except (OSError, ValueError):
        tell("The process that starts jobs ended before this job did; rerun the workflow.")
        os._exit(1)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


@dataclass(frozen=True)
class _Job:
    """A script to run as another process would: what that said of itself, its streams, and its connection, open while it waits."""

    described: Mapping[str, Any]
    streams: Sequence[int]
    connection: socket.socket

    def close(self) -> None:
        """Forget the job, which then runs in the process that asked for it."""
        self.connection.close()
        for stream in self.streams:
            os.close(stream)


def serve(folder: str) -> None:
    """Import the libraries and run jobs in forks until standard input ends, that is, until the process ends that started this one."""
    devices.set_threads(1)
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection would touch, and so copy, what forks share with this process
    for number in ENDING:  # sent to all processes of a group: jobs end by them, and this process with its standard input
        signal.signal(number, signal.SIG_IGN)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(_address(folder))
            listening.listen(128)
            job = _next_fork(listening)
    finally:
        if not _is_fork:
            for remove, path in {os.unlink: _address(folder), os.rmdir: folder}.items():
                with suppress(OSError):
                    remove(path)
    if job is not None:
        _run(job)


def _next_fork(listening: socket.socket) -> _Job | None:
    """Start a fork for every connection; return its job in the fork, None in the server once standard input ends.

    The process that connects receives the fork's process id and then its exit status.
    """
    waiting: dict[int, socket.socket] = {}
    ended, wakeup = os.pipe()
    for descriptor in (ended, wakeup):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    over = sys.stdin.fileno()
    with selectors.DefaultSelector() as selector:
        for source in (over, listening.fileno(), ended):
            selector.register(source, selectors.EVENT_READ)
        while over not in (ready := {key.fd for key, _ in selector.select()}):
            if ended in ready:
                os.read(ended, 4096)
                _report_ended(waiting)
            if listening.fileno() in ready and (job := _asked(listening)) is not None:
                try:
                    pid = os.fork()
                except OSError:  # the job then runs in its own process
                    job.close()
                    continue
                if not pid:
                    _leave_server([*waiting.values()], [ended, wakeup])
                    return job
                waiting[pid] = job.connection
                for stream in job.streams:
                    os.close(stream)
                with suppress(OSError):
                    job.connection.sendall(f"{pid}\n".encode())
    return None


def _asked(listening: socket.socket) -> _Job | None:
    """Return the job for which a process connects, None if it says nothing that makes sense."""
    try:
        connection, _ = listening.accept()
    except OSError:
        return None
    job = _Job({}, [], connection)
    try:
        connection.settimeout(PATIENCE)
        _, streams, _, _ = socket.recv_fds(connection, 3, 3)
        job = _Job({}, streams, connection)
        with connection.makefile("rb") as asked:
            job = replace(job, described=json.loads(asked.readline()))
        connection.settimeout(None)
        if len(streams) == 3:
            return job
    except (OSError, ValueError):
        pass
    job.close()
    return None


def _report_ended(waiting: dict[int, socket.socket]) -> None:
    """Tell the processes whose forks have ended."""
    for pid in list(waiting):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            with suppress(OSError), waiting.pop(pid) as connection:
                connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _leave_server(connections: Sequence[socket.socket], pipe: Sequence[int]) -> None:
    """Turn a fork of the server into a process of its own."""
    global _is_fork
    _is_fork = True
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, *ENDING):
        signal.signal(number, signal.SIG_DFL)
    atexit._clear()  # what the server's libraries want at its end
    for connection in connections:
        connection.close()
    for descriptor in pipe:
        os.close(descriptor)


def _run(job: _Job) -> None:
    """Run a job's script as the process would that asked for it, and end."""
    for number, stream in enumerate(job.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(job.described["environment"])
    tempfile.tempdir = None  # the job's, not the server's
    os.chdir(job.described["folder"])
    os.umask(job.described["umask"])
    signal.signal(signal.SIGINT, signal.SIG_IGN if job.described["ignores_interrupt"] else signal.default_int_handler)
    sys.argv, sys.path[:] = job.described["arguments"], job.described["path"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "spurprune" and name != __name__]:
        del sys.modules[name]  # the job's code is that on disk
    threading.Thread(target=_end_with, args=[job.connection], daemon=True).start()
    status = 0
    try:
        main = ModuleType("__main__")
        main.__file__ = sys.argv[0]
        sys.modules["__main__"] = main
        exec(compile(Path(sys.argv[0]).read_bytes(), sys.argv[0], "exec"), vars(main))  # noqa: S102 - as Python runs a script
    except SystemExit as error:
        status = _status(error.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    # As the interpreter would end, but without taking apart what was imported, which would copy all of it.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    logging.shutdown()
    for printed in (sys.stdout, sys.stderr):
        try:
            printed.flush()
        except OSError:  # full
            status = status or UNPRINTED
        except (ValueError, AttributeError):  # closed
            pass
    os._exit(status)


def _status(code: object) -> int:
    """Return the exit status that the interpreter makes of what a program passes to ``sys.exit``."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    tell(str(code))
    return 1


def _end_with(connection: socket.socket) -> None:
    """Kill this process as soon as the one that waits for it is gone."""
    with suppress(OSError):
        while connection.recv(1):
            pass
    os.kill(os.getpid(), signal.SIGKILL)


def _address(folder: str) -> str:
    return str(Path(folder) / "jobs")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
