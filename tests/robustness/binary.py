"""An attack on all files between stages that are not tables: arrays, manifests, checkpoints, models, heads, selections.

    python -m tests.robustness.binary [SEED] [COUNT]

prints a line per try that was neither refused nor harmless, and how many there were of each outcome.
"""

import multiprocessing
import sys
import tempfile
import traceback
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from spurprune.errors import SpurpruneError, first_sentence
from tests.robustness import changes
from tests.robustness.outcome import Outcome

PATIENCE = 60.0  # seconds that one try may take, the start of its process included


def attack(seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` tries, which depend on the seed alone, except for hangs.

    The tries run in another process, so that one that hangs or kills its process is an outcome like others.
    """
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        while len(outcomes) < count:
            outcomes += _some(seed, len(outcomes), count, Path(tempfile.mkdtemp(dir=folder)))
    return outcomes


def _some(seed: int, first: int, count: int, folder: Path) -> list[Outcome]:
    """Return the outcomes of the tries from ``first`` on, up to one that ends the process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tries, args=(seed, first, count, folder, theirs), daemon=True)
    process.start()
    theirs.close()
    found: list[Outcome] = []
    announced = Outcome("start", "", "none", "", "")
    try:
        while first + len(found) < count:
            if not ours.poll(PATIENCE):
                return [*found, Outcome(announced.kind, announced.subject, announced.change, "hang", f"no end after {PATIENCE:.0f} s")]
            one: Outcome = ours.recv()
            if one.outcome:
                found.append(one)
            else:
                announced = one
    except EOFError:
        process.join()
        found.append(Outcome(announced.kind, announced.subject, announced.change, "traceback", f"the process ended ({process.exitcode})"))
    else:
        process.join(PATIENCE)
    finally:
        process.kill()
        process.join()
    return found


def _tries(seed: int, first: int, count: int, folder: Path, results: Connection) -> None:
    """Make the examples, then send every try twice: before it, without an outcome, and after it."""
    import torch

    from tests.robustness import subjects

    torch.set_num_threads(1)
    made = subjects.make(folder)
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
            content, words = changes.ALL[int(rng.integers(len(changes.ALL)))](whole, subject.other.read_bytes(), rng)
        results.send(Outcome(subject.kind, subject.path.name, words, "", ""))
        subject.path.write_bytes(content)
        try:
            outcome, detail = ("same", "") if subject.read() == expected[place] else ("silent", "other values were read")
        except (SpurpruneError, subjects.Ignored) as error:
            outcome, detail = "clear", str(error)
        except BaseException as error:
            outcome, detail = "traceback", f"{first_sentence(error)}: {traceback.format_exc(limit=-3)}"
        results.send(Outcome(subject.kind, subject.path.name, words, outcome, detail))
        subject.restore()
        subject.path.write_bytes(whole)


def main() -> None:
    """Run the attack and print what it found."""
    seed, count = (int(sys.argv[1]) if len(sys.argv) > 1 else 0), (int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
    outcomes = attack(seed, count)
    for one in outcomes:
        if one.outcome not in ("clear", "same"):
            print(f"{one.outcome}: {one.kind} {one.subject}, {one.change}: {one.detail}")
    for kind in sorted({one.kind for one in outcomes}):
        print(kind, dict(Counter(one.outcome for one in outcomes if one.kind == kind)))


if __name__ == "__main__":
    main()
