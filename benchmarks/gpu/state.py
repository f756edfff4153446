"""What a later run resumes from: finished small files and checkpoints of the training runs, packed into one file."""

import tarfile
from pathlib import Path

FILE = "state.tar"
LIMIT = 15 * 2**20  # bytes: results that travel back are limited
# Relative to the work folder, the most valuable first; the datasets and the dynamics, which are large, stay behind.
PATTERNS = (
    "results/**/metrics.parquet",
    "results/**/history.parquet",
    "results/**/difficulty/**/*.parquet",
    "results/**/plans/**/*.parquet",
    "checkpoints/**/*.safetensors",
    "results/**/predictions.parquet",
)


def pack(work: Path, target: Path, limit: int = LIMIT) -> list[str]:
    """Write ``target`` atomically with the files of ``work`` that fit into ``limit`` bytes, and return their names; nothing if none."""
    found = [path for pattern in PATTERNS for path in sorted(work.glob(pattern)) if path.is_file()]
    taken: list[Path] = []
    size = 10_240  # the end of a tar file
    for path in found:
        needed = 1024 + path.stat().st_size + 512  # headers, content, padding
        if size + needed <= limit:
            taken.append(path)
            size += needed
    if not taken:
        return []
    temporary = target.with_suffix(".part")
    with tarfile.open(temporary, "w") as archive:
        for path in taken:
            archive.add(path, path.relative_to(work).as_posix())
    temporary.replace(target)
    return [path.relative_to(work).as_posix() for path in taken]


def unpack(source: Path, work: Path) -> None:
    """Put the files of a packed state back; files that exist stay as they are."""
    work.mkdir(parents=True, exist_ok=True)
    with tarfile.open(source) as archive:
        wanted = [member for member in archive.getmembers() if member.isfile() and not (work / member.name).exists()]
        archive.extractall(work, wanted, filter="data")
