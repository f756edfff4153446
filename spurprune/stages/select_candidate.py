"""select_candidate: the point of a method's grid that its final runs use, by the validation metrics of the tuning runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spurprune.config import methods
from spurprune.errors import DataError
from spurprune.evaluation.choices import Choice, write_selection
from spurprune.evaluation.missing import reason_in
from spurprune.evaluation.selection import Candidate, check_comparable, choose, mean_value, tie
from spurprune.machine.logs import log
from spurprune.storage import schemas, tables
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Provenance, require_compatible


def run(
    *,
    metrics: Mapping[str, Sequence[Path]],
    method: Mapping[str, Any],
    names: Mapping[str, str],
    outputs: Mapping[str, Path],
    provenance: Provenance,
) -> None:
    """Write which candidate was chosen: alone, and with every candidate's validation metric.

    ``metrics`` maps each candidate's name to the metrics of its tuning runs, one file per block; ``method`` is the complete entry;
    ``names`` holds the setting and the method; ``outputs`` names selection, for readers, and choice, for the runs that use it, which is
    the same whatever the others reached. The candidate with the highest mean over repeats of the metric ``by`` wins, ties going to the
    first in grid order, which the log says. Only validation rows are read. Raises DataError if a candidate lacks the metric.
    """
    by, name, blocks = method["by"], names["method"], method["tuning"]["blocks"]
    origins = []
    for candidate, coordinates in methods.candidates(method).items():
        asked = {**names, "method": method["candidates_of"], "candidate": candidate, "plan": methods.candidate_plan(method, coordinates)}
        origins += [
            tables.origin_of(path, schemas.METRICS, asked | {"block": block})
            for path, block in zip(metrics[candidate], blocks, strict=True)
        ]
    require_compatible(provenance, *origins)
    candidates = [
        Candidate(candidate, coordinates, *_values(metrics[candidate], by)) for candidate, coordinates in methods.candidates(method).items()
    ]
    check_comparable(candidates, by, name)
    chosen = choose(candidates)
    tied = tie({one.name: mean_value(one) for one in candidates})
    if tied:
        log.warning("%s, method '%s', validation %s: %s", names["setting"], name, by, tied)
    choice = Choice(names["setting"], name, chosen.name, dict(chosen.coordinates))
    content = asdict(choice) | {
        "by": by,
        "plan": methods.candidate_plan(method, chosen.coordinates),
        "blocks": list(blocks),
        "budget": len(candidates),
        "candidates": [
            {"name": one.name, "coordinates": dict(one.coordinates), "mean": mean_value(one), "repeats": len(one.values)}
            for one in candidates
        ],
        "code_version": provenance.code_version,
        "config_hash": provenance.config_hash,
    }
    write_text(outputs["selection"], json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_selection(outputs["choice"], choice)


def _values(paths: Sequence[Path], by: str) -> tuple[dict[int, float | None], dict[int, str]]:
    """Return the metric ``by`` on validation samples by repeat, in order of repeats, and why it is undefined where the file says so.

    Raises DataError if two files share a repeat.
    """
    wanted = (pc.field("split") == "validation") & (pc.field("metric") == by) & pc.field("group").is_null()
    found: dict[int, float | None] = {}
    reasons: dict[int, str] = {}
    for path in paths:
        notes = tables.read_metadata(path, schemas.METRICS)["notes"]
        rows: pa.Table = tables.read(path, schemas.METRICS).filter(wanted)
        for repeat, value in zip(rows.column("repeat").to_pylist(), rows.column("value").to_pylist(), strict=True):
            if repeat in found:
                raise DataError(f"{path} holds the validation {by} of repeat {repeat} a second time; delete the file and rerun.")
            found[repeat] = value
            reason = reason_in(notes, "validation", by, repeat)
            if reason is not None:
                reasons[repeat] = reason
    return dict(sorted(found.items())), reasons
