"""Writes docs/benchmarks.md from the results: ``python -m benchmarks.report`` replaces the page's generated parts."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.common import RESULTS, Result, read

PAGE = RESULTS.parents[1] / "docs/benchmarks.md"
BLOCK = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def training(result: Result) -> str:
    """Return the training benchmark's tables."""
    rows = [
        (
            one["name"],
            "as torch sets them" if one["threads"] is None else f"{one['processes']} × {one['threads']}",
            _spread(one["images_per_second"], 0),
            _spread(one["ratio_to_textbook"], 2),
            f"{one['gflops']:.0f}",
            f"{one['share_of_peak']:.0%}",
        )
        for one in result["variants"]
    ]
    header = ("loop", "processes × threads", "images/s", "to textbook", "GFLOP/s", "of peak")
    peaks = [
        (name, *(_spread(result["peak_gflops"][precision][name], 0) for precision in result["peak_gflops"]))
        for name in next(iter(result["peak_gflops"].values()))
    ]
    sizes = result["sizes"]
    lines = [
        f"{_machine(result)} {result['images']}, {sizes['images_per_round']:,} images per round, batches of {sizes['batch_size']}, "
        f"{sizes['rounds']} rounds: median (lowest–highest).",
        "",
        *_table(header, rows),
        "",
        f"ResNet-20 takes {result['flop_per_image'] / 1e6:.1f} MFLOP per image, forward and backward. The machine's limits, GFLOP/s:",
        "",
        *_table(("operation", *result["peak_gflops"]), peaks),
    ]
    lines += [f"\nNot measured: {name} ({reason})." for name, reason in result["skipped"].items()]
    return "\n".join(lines) + "\n"


def el2n(result: Result) -> str:
    """Return the EL2N benchmark's table."""
    sizes = result["sizes"]
    rows = [
        (
            name,
            f"{sizes['subset' if name in result['ratio'] else 'images']:,}",
            _spread(speed, 0),
            f"{result['gflops'][name]:.0f}",
            _spread(result["seconds_for_all"][name], 1),
            _spread(result["ratio"][name], 1) if name in result["ratio"] else "",
        )
        for name, speed in result["images_per_second"].items()
    ]
    header = ("way", "images measured", "images/s", "GFLOP/s", f"seconds for {sizes['images']:,}", "times the package's")
    lines = [
        f"{_machine(result)} {result['images']}, ResNet-20, {sizes['threads']} threads, {sizes['rounds']} rounds: median (lowest–highest).",
        "",
        *_table(header, rows),
        "",
        f"ResNet-20 takes {result['flop_per_image'] / 1e6:.1f} MFLOP per image, forward. "
        f"The seconds one by one are extrapolated linearly. On the {sizes['subset']:,} images scored in all ways, no score differs by more "
        f"than {result['largest_difference']:.0e}.",
    ]
    return "\n".join(lines) + "\n"


def tables(result: Result) -> str:
    """Return the tables of the benchmark of tables."""
    stored = [
        (
            name,
            f"{one['rows']['median']:,.0f}",
            f"{one['file_mb']['median']:.0f} MB",
            *(_spread(one[key], 2) for key in ("write_seconds", "read_seconds", "seconds")),
        )
        for name, one in result["stored"].items()
    ]
    pruning = [
        (f"`{one['plan']}`", str(one["repeats"]), _spread(one["seconds"], 2), _spread(one["peak_mb"], 0)) for one in result["pruning"]
    ]
    images = [_spread(result["images"][key], 2) for key in ("plain_seconds", "first_seconds", "again_seconds")]
    lines = [
        f"{_machine(result)} One thread for NumPy, {result['sizes']['rounds']} rounds, each in a fresh process: median (lowest–highest).",
        "",
        *_table(("table", "rows", "file", "write, s", "read, s", "together, s"), stored),
        "",
        f"Reading {result['images']['file_mb']['median']:,.0f} MB of images from the system's cache, in random batches of 100:",
        "",
        *_table(("memory map, s", "first reading, checked, s", "every later one, s"), [images]),
        "",
        f"Pruning {result['sizes']['rows_to_prune']:,} rows, from files to file:",
        "",
        *_table(("plan", "repeats", "seconds", "peak memory, MB"), pruning),
    ]
    return "\n".join(lines) + "\n"


def storage(result: Result) -> str:
    """Return the table of the benchmark of stored images."""
    sizes, each = result["sizes"], result["bytes_per_image"]
    rows = [
        (way, _spread(speed, 0), f"{each['encoded' if way.startswith('encoded') else 'plain'] / 1e3:.0f}")
        for way, speed in result["images_per_second"].items()
    ]
    lines = [
        f"{_machine(result)} {sizes['images']:,} random images of {sizes['pixels']} pixels per side with the spectrum of photographs, in "
        f"the system's cache, {sizes['rounds']} rounds: median (lowest–highest).",
        "",
        *_table(("storage", "images/s", "kB per image"), rows),
        "",
        f"1.3 million such images take {1.3 * each['plain'] / 1e3:,.0f} GB plain and {1.3 * each['encoded'] / 1e3:,.0f} GB encoded.",
    ]
    return "\n".join(lines) + "\n"


def evaluation(result: Result) -> str:
    """Return the table of the benchmark of evaluation."""
    sizes = result["sizes"]
    rows = [(f"{one['repeats']:,}", _spread(one["seconds"], 2), _spread(one["peak_mb"], 0)) for one in result["evaluation"]]
    lines = [
        f"{_machine(result)} {sizes['predicted']:,} predictions of two classes per repeat, {sizes['rounds']} rounds: median "
        "(lowest–highest).",
        "",
        *_table(("repeats", "seconds", "peak memory, MB"), rows),
    ]
    return "\n".join(lines) + "\n"


def memory(result: Result) -> str:
    """Return the memory benchmark's table."""
    sizes = result["sizes"]
    header = ("inputs, MB", "may allocate, MB", "own memory before the data, MB", "own memory at its peak, MB", "inputs to own memory")
    row = (
        f"{sizes['inputs_gb'] * 1000:,.0f}",
        f"{sizes['allowed_gb'] * 1000:,.0f}",
        *(_spread(result[key], 0) for key in ("before_data_mb", "own_mb")),
        _spread(result["inputs_to_own"], 1),
    )
    lines = [
        f"{_machine(result)} ResNet-20, {sizes['images_trained_on']:,} images trained on, {sizes['rounds']} rounds, each in a fresh "
        "process: median (lowest–highest).",
        "",
        *_table(header, [row]),
        "",
        f"Including the file's pages in the system's cache, {_spread(result['resident_mb'], 0)} MB were resident.",
    ]
    return "\n".join(lines) + "\n"


def text(result: Result) -> str:
    """Return the table of the benchmark of sentences."""
    rows = [
        (
            f"{one['what']}: {one['name']}",
            "as torch sets them" if one["threads"] is None else str(one["threads"]),
            _spread(one["pairs_per_second"], 1),
            _spread(one["ratio_to_padded"], 2),
            _spread(one["ratio_to_dynamic"], 2),
        )
        for one in result["ways"]
    ]
    sizes = result["sizes"]
    counts = ", ".join(f"{name} {value:g}" for name, value in result["tokens"].items())
    header = ("way", "threads", "pairs/s", "to padded to 128", "to padded to the longest")
    lines = [
        f"{_machine(result)} {result['encoder']}, {sizes['pairs_per_round']:,} matched development pairs per round, batches of "
        f"{sizes['batch_size']} in training, {sizes['rounds']} rounds: median (lowest–highest).",
        "",
        *_table(header, rows),
        "",
        f"Tokens, on average: {counts}.",
    ]
    return "\n".join(lines) + "\n"


def planning(result: Result) -> str:
    """Return the tables of the benchmark of planning."""
    header = ("", "jobs", "processor seconds", "peak memory, MB", "trivial rules")
    rows = [
        (
            what,
            f"{one['jobs']:,}",
            _spread(one["real"]["cpu_seconds"], 1),
            _spread(one["real"]["peak_mb"], 0),
            _spread(one["trivial"]["cpu_seconds"], 1),
        )
        for name, what in (("first_job", "until the first job starts"), ("planned", "dry run"), ("complete", "dry run, all complete"))
        for one in result[name]
    ]
    reading = {name: _spread(used["seconds"], 2) for name, used in result["parsing"].items()}
    beyond = [one["beyond"] for one in result["stages"]["stages"]]
    measured = [*result["first_job"], *result["planned"], *result["complete"]]
    loads = [one["real"]["load"][key] for one in measured for key in ("low", "high")]
    lines = [
        f"{_machine(result)} {result['sizes']['rounds']} rounds, the largest plan once: median (lowest–highest). The load was "
        f"{min(loads):.1f} to {max(loads):.1f} when the runs began.",
        "",
        "`snakemake --cores 1`, and dry runs (`snakemake --dry-run --quiet all`); *trivial rules* are their processor seconds:",
        "",
        *_table(header, rows),
        "",
        f"Reading the rules (`snakemake --list-rules`) took {reading['spurprune']} s, an empty Snakefile {reading['empty']} s; the "
        f"difference is {reading['beyond']} s.",
        "",
        f"In a small run of {result['stages']['jobs']} jobs on one core, a job's process took {min(beyond):.2f} to {max(beyond):.2f} s "
        "beyond its stage's own time (starting Python, imports, ending; medians by stage), and Snakemake "
        f"{result['stages']['between']:.2f} s between two jobs, its own start included. "
        f"Loading torch took {_spread(result['stages']['loading_torch'], 1)} s, which counts as the time of the stages that train.",
    ]
    return "\n".join(lines) + "\n"


SECTIONS: dict[str, Callable[[Result], str]] = {
    "training": training,
    "text": text,
    "el2n": el2n,
    "tables": tables,
    "evaluation": evaluation,
    "storage": storage,
    "memory": memory,
    "planning": planning,
}


def filled(page: str, results: Path) -> str:
    """Return a page with every part between ``<!-- results: NAME -->`` and ``<!-- end -->`` filled from ``results``/NAME.json."""

    def part(match: re.Match[str]) -> str:
        name = match[2]
        path = results / f"{name}.json"
        text = SECTIONS[name](read(path)) if path.is_file() else f"Not measured yet: `python -m benchmarks.{name}`.\n"
        return f"{match[1]}\n{text}\n{match[3]}"

    return BLOCK.sub(part, page)


def main() -> None:
    """Update docs/benchmarks.md."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")


def _machine(result: Result) -> str:
    machine = result["machine"]
    packages = [f"{name} {machine[name]}" for name in ("torch", "transformers", "pyarrow", "numpy", "snakemake") if name in machine]
    instructions = f" ({', '.join(machine['instructions'])})" if machine["instructions"] else ""
    return (
        f"{machine['processor']}{instructions}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, {', '.join(packages)}."
    )


def _spread(value: dict[str, float], digits: int) -> str:
    median, low, high = (f"{value[key]:,.{digits}f}" for key in ("median", "low", "high"))
    return median if low == high else f"{median} ({low}–{high})"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = [":--", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (header, ruler, *rows)]


if __name__ == "__main__":
    main()
