"""Jobs as forks of a server: as the processes they would be without it, whatever happens to whom."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from spurprune.machine import prefork

SERVE = "from spurprune.machine import prefork; prefork.LIBRARIES = ('colorsys', 'no_such_library'); prefork.serve({!r})"
SCRIPT = "import sys; sys.path.insert(0, {root!r})\nfrom spurprune.machine import prefork\nprefork.enter({threads})\n"
REPORT = """
import json, os, sys, tempfile
from pathlib import Path
print("an error", file=sys.stderr)
mask = os.umask(0)
print(json.dumps({
    "fork": prefork._is_fork, "loaded": "colorsys" in sys.modules, "folder": os.getcwd(), "arguments": sys.argv[1:], "file": __file__,
    "mine": os.environ.get("MINE"), "threads": os.environ["OMP_NUM_THREADS"], "temporary": tempfile.gettempdir(), "mask": mask,
}))
"""


@dataclass(frozen=True)
class Server:
    """A server of forks for jobs in ``folder``."""

    root: Path
    folder: Path
    process: "subprocess.Popen[bytes]"
    address: str

    def start(self, body: str, *arguments: str, threads: int = 1, python: str = sys.executable, **more: str) -> "subprocess.Popen[str]":
        """Start a job whose script enters and then runs ``body``."""
        script = self.folder / f"job{len(list(self.folder.glob('job*.py')))}.py"
        script.write_text(SCRIPT.format(root=str(self.root), threads=threads) + body)
        environment = {**os.environ, prefork.VARIABLE: json.dumps([self.address, python]), **more}
        command = [sys.executable, str(script), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe, umask=0o27)

    def run(self, body: str, *arguments: str, threads: int = 1, python: str = sys.executable, **more: str) -> tuple[int, str, str]:
        """Run a job; return its exit status and what it printed."""
        process = self.start(body, *arguments, threads=threads, python=python, **more)
        output, error = process.communicate("typed\n", timeout=60)
        return process.returncode, output, error


@pytest.fixture
def server(root: Path, tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in (prefork.VARIABLE, "PYTHONUNBUFFERED")}
    process = subprocess.Popen([sys.executable, "-c", SERVE.format(str(folder))], cwd=root, env=environment, stdin=subprocess.PIPE)
    wait_for((folder / "jobs").exists)
    yield Server(root, tmp_path, process, str(folder / "jobs"))
    if process.stdin is not None:
        process.stdin.close()
    process.wait(timeout=60)


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_job_is_a_fork_with_all_that_its_process_would_have(server: Server) -> None:
    status, output, error = server.run(REPORT, "one", "two words", MINE="mine", TMPDIR=str(server.folder))
    assert (status, error) == (0, "an error\n")
    assert json.loads(output) == {
        "fork": True,
        "loaded": True,
        "folder": str(server.folder),
        "arguments": ["one", "two words"],
        "file": str(server.folder / "job0.py"),
        "mine": "mine",
        "threads": "1",
        "temporary": str(server.folder),
        "mask": 0o27,
    }
    assert server.run("print(input())")[1] == "typed\n", "its standard input, too"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('a sentence')", 1, "a sentence\n"),
        ("import atexit; atexit.register(lambda: print(sys.modules['__main__'].last, file=sys.stderr))\nlast = 'word'", 0, "word\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
    ],
)
def test_it_ends_as_its_fork_does(server: Server, body: str, status: int, told: str) -> None:
    assert server.run(body) == (status, "", told)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_a_job_that_is_killed_is_not_done_twice(server: Server, number: signal.Signals) -> None:
    body = f"import os\nwith open('done', 'a') as file: file.write('once\\n')\nif prefork._is_fork: os.kill(os.getpid(), {int(number)})"
    assert server.run(body)[0] == -number
    assert (server.folder / "done").read_text() == "once\n"


def test_what_cannot_be_printed_ends_in_pythons_status(server: Server) -> None:
    script = server.folder / "full.py"
    script.write_text(SCRIPT.format(root=str(server.root), threads=1) + "print('something')")
    environment = {**os.environ, prefork.VARIABLE: json.dumps([server.address, sys.executable])}
    with open("/dev/full", "w") as full:
        assert subprocess.run([sys.executable, str(script)], env=environment, stdout=full, check=False).returncode == prefork.UNPRINTED


def test_a_fork_runs_the_code_on_disk(server: Server) -> None:
    """Of this package, also what the server needed itself; other libraries as the server imported them."""
    code = server.folder / "code"
    shutil.copytree(server.root / "spurprune" / "machine", code / "spurprune" / "machine")
    for name in ("__init__.py", "errors.py"):
        shutil.copy(server.root / "spurprune" / name, code / "spurprune" / name)
    with open(code / "spurprune" / "machine" / "logs.py", "a") as file:
        file.write("\nNEW = True\n")
    edited = replace(server, root=code)
    assert edited.run("from spurprune.machine import logs\nprint(prefork._is_fork, logs.NEW)") == (0, "True True\n", "")


def test_processes_that_a_job_starts_are_no_jobs(server: Server) -> None:
    body = """
import multiprocessing
from multiprocessing import get_context

def double(x):
    return 2 * x

if __name__ == "__main__":
    with get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""
    assert server.run(body) == (0, "[2, 4]\n", "")


def test_nothing_that_the_servers_libraries_do_at_exit_is_done_by_jobs(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    serve = SERVE.format(str(folder)).replace("prefork.serve", "import atexit; atexit.register(print, 'tidied'); prefork.serve")
    process = subprocess.Popen([sys.executable, "-c", serve], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for((folder / "jobs").exists)
    server = Server(root, tmp_path, process, str(folder / "jobs"))  # type: ignore[arg-type]
    assert server.run("print('done')") == (0, "done\n", "")
    assert process.communicate(timeout=60)[0] == "tidied\n", "by the server alone"


def test_an_error_shows_its_traceback(server: Server) -> None:
    status, _, error = server.run("def wrong():\n    raise ValueError('a reason')\nwrong()")
    assert status == 1 and "in wrong\n" in error and error.endswith("ValueError: a reason\n")


@pytest.mark.parametrize("why", ["threads", "another Python", "no server", "no variable", "nonsense"])
def test_without_a_server_for_it_the_script_goes_on(server: Server, why: str) -> None:
    more: dict[str, str] = {"no variable": {prefork.VARIABLE: ""}, "nonsense": {prefork.VARIABLE: "{"}}.get(why, {})
    if why == "no server":
        Path(server.address).unlink()
    python = "/usr/bin/another" if why == "another Python" else sys.executable
    status, output, _ = server.run(REPORT, threads=2 if why == "threads" else 1, python=python, **more)
    found = json.loads(output)
    assert (status, found["fork"], found["loaded"], found["threads"]) == (0, False, False, "2" if why == "threads" else "1")


def started(server: Server, body: str) -> tuple["subprocess.Popen[str]", int]:
    """A job that has begun, and the process id of its fork."""
    place = server.folder / "pid"
    process = server.start(f"import os, time; from pathlib import Path\n{body}")
    wait_for(lambda: place.exists() and place.read_text() != "")
    return process, int(place.read_text())


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended may still wait for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


BEGIN = "Path('pid').write_text(str(os.getpid()))\n"


def test_a_fork_does_not_outlive_the_process_that_waits_for_it(server: Server) -> None:
    process, pid = started(server, f"{BEGIN}time.sleep(60)")
    assert pid != process.pid and is_running(pid)
    process.kill()
    process.communicate()
    wait_for(lambda: not is_running(pid))


def test_a_request_to_end_reaches_the_fork(server: Server) -> None:
    body = f"import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n{BEGIN}time.sleep(60)"
    process, _ = started(server, body)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 7


def test_a_signal_to_all_processes_ends_jobs_and_not_the_server(server: Server) -> None:
    """As of ``timeout``, or of a scheduler: the server ends with its standard input, and so tidies up."""
    process, pid = started(server, f"{BEGIN}time.sleep(60)")
    for one in (server.process.pid, pid, process.pid):
        os.kill(one, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert server.run("sys.exit(5)")[0] == 5


def test_jobs_outlive_the_server(server: Server) -> None:
    process, _ = started(server, f"{BEGIN}print(input())")
    server.process.kill()
    server.process.wait()
    output, error = process.communicate("typed\n", timeout=60)
    assert (process.returncode, output) == (1, "typed\n") and "rerun the workflow" in error
    assert server.run(REPORT)[0] == 0, "and the next starts without it"


def test_many_jobs_at_once(server: Server) -> None:
    processes = [server.start("import time; time.sleep(0.2); sys.exit(int(sys.argv[1]))", str(i)) for i in range(20)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == list(range(20))


def test_what_connects_and_says_nothing_stops_nobody(server: Server) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(server.address)
        silent.sendall(b"nonsense\n")
        silent.shutdown(socket.SHUT_WR)
        assert server.run("sys.exit(5)")[0] == 5


def test_the_server_ends_and_tidies_up_with_the_process_that_started_it(server: Server) -> None:
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(timeout=60) == 0
    assert not Path(server.address).parent.exists()


def test_a_server_that_cannot_start_a_fork_goes_on(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    failing = "import os; fork, calls = os.fork, []; os.fork = lambda: calls.append(1) or (fork() if len(calls) > 1 else [][0])"
    failing = failing.replace("[][0]", "(_ for _ in ()).throw(OSError('no memory'))")
    command = [sys.executable, "-c", f"{failing}; {SERVE.format(str(folder))}"]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE)
    wait_for((folder / "jobs").exists)
    server = Server(root, tmp_path, process, str(folder / "jobs"))
    found = [json.loads(server.run(REPORT)[1])["fork"] for _ in range(2)]
    process.communicate(timeout=60)
    assert found == [False, True]


def test_a_run_of_few_jobs_starts_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(prefork.VARIABLE, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    prefork.start(prefork.FEWEST_JOBS - 1)
    monkeypatch.setenv(prefork.VARIABLE, "")
    prefork.start(1000)
