"""Runs attacks on files in another process, so that a try that hangs or kills its process is an outcome like others."""

import multiprocessing
import tempfile
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from spurprune.errors import SpurpruneError, first_sentence
from tests.robustness.changes import Change
from tests.robustness.outcome import CLEAR, HANG, SAME, SILENT, TRACEBACK, UNCLEAR, Outcome, is_one_sentence
from tests.robustness.subject import Ignored, Subject

PATIENCE = 30.0  # seconds that one try may take
MAKING = 600.0  # seconds that the examples may take

Make = Callable[[Path], Sequence[Subject]]  # writes examples below a folder


def attack(make: Make, changes: Sequence[Change], seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` tries, which depend on the seed alone, except for hangs; both functions are pickled by name."""
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        while len(outcomes) < count:
            outcomes += _some(make, changes, seed, len(outcomes), count, Path(tempfile.mkdtemp(dir=folder)))
    return outcomes


def _some(make: Make, changes: Sequence[Change], seed: int, first: int, count: int, folder: Path) -> list[Outcome]:
    """Return the outcomes of the tries from ``first`` on, up to one that ends the process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tries, args=(make, tuple(changes), seed, first, count, folder, theirs), daemon=True)
    process.start()
    theirs.close()
    found: list[Outcome] = []
    announced = Outcome("", "", "", "", "")
    try:
        while first + len(found) < count:
            if not ours.poll(PATIENCE if announced.kind else MAKING):
                return [*found, Outcome(announced.kind, announced.subject, announced.change, HANG, f"no end after {PATIENCE:.0f} s")]
            one: Outcome = ours.recv()
            if one.outcome:
                found.append(one)
            else:
                announced = one
    except EOFError:
        process.join()
        if not announced.kind:
            raise RuntimeError("The examples of the attack could not be made; see above.") from None
        found.append(Outcome(announced.kind, announced.subject, announced.change, TRACEBACK, f"the process ended ({process.exitcode})"))
    else:
        process.join(PATIENCE)
    finally:
        process.kill()
        process.join()
    return found


def _tries(make: Make, changes: Sequence[Change], seed: int, first: int, count: int, folder: Path, results: Connection) -> None:
    """Make the examples, then send every try twice: before it, without an outcome, and after it."""
    import torch

    torch.set_num_threads(1)
    made = make(folder)
    originals, expected = {}, []
    for subject in made:
        originals[subject.path] = subject.path.read_bytes()
        subject.restore()
        expected.append(subject.read())
        subject.restore()
    for number in range(first, count):
        rng = np.random.default_rng([seed, number])
        place = number % len(made)
        subject = made[place]
        whole = originals[subject.path]
        content, words = whole, ""
        while content == whole:
            content, words = changes[int(rng.integers(len(changes)))](
                whole, originals.get(subject.other) or subject.other.read_bytes(), rng
            )
        results.send(Outcome(subject.kind, subject.path.name, words, "", ""))
        subject.path.write_bytes(content)
        results.send(Outcome(subject.kind, subject.path.name, words, *_outcome(subject, expected[place])))
        subject.restore()
        subject.path.write_bytes(whole)


def _outcome(subject: Subject, expected: object) -> tuple[str, str]:
    """Return what comes of reading a subject, and the message."""
    try:
        return (SAME, "") if subject.read() == expected else (SILENT, "other values were read")
    except Ignored as error:
        return CLEAR, str(error)
    except SpurpruneError as error:
        return (CLEAR if is_one_sentence(str(error)) else UNCLEAR), str(error)
    except BaseException as error:
        return TRACEBACK, f"{first_sentence(error)}: {traceback.format_exc(limit=-3)}"
