"""The device: what it is, how fast it computes and moves memory, and what starting a kernel costs."""

import subprocess
import time
from argparse import Namespace
from collections.abc import Callable

import torch

from benchmarks.common import cores, machine
from benchmarks.gpu import sizes
from benchmarks.gpu.engine import device, side_stream, synchronize
from benchmarks.gpu.record import Line, Record
from spurprune.training.precision import set_precision

LAUNCHES = 1000


def run(record: Record, given: Namespace) -> None:
    """Write what the device is, its peaks and the cost of a launch."""
    record.attempt("device", describe)
    record.attempt("peaks", lambda: peaks(sizes.of(given.quick).matrix))
    record.attempt("launch", launches)


def describe() -> Line:
    """Return names and versions."""
    found: Line = {**machine("torch", "torchvision", "numpy", "pyarrow"), "cores": cores(), "device": str(device())}
    if device().type == "cuda":
        properties = torch.cuda.get_device_properties(0)
        driver = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, timeout=30, check=False
        )
        found |= {
            "gpu": properties.name,
            "gpu_memory_gb": round(properties.total_memory / 1e9, 1),
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver": driver.stdout.strip(),
        }
    return found


def peaks(n: int) -> Line:
    """Return TFLOP/s of products of random n × n matrices in each precision, and GB/s of a copy, read and written bytes together."""
    found: Line = {"matrix": n}
    for name, dtype in (("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)):
        set_precision(name)
        a, b = (torch.randn(n, n, device=device(), dtype=dtype) for _ in range(2))
        found[f"{name}_tflops"] = 2 * n**3 / median_seconds(lambda a=a, b=b: a @ b, 10) / 1e12  # type: ignore[misc]
        del a, b
    set_precision("fp32")
    source = torch.randn(n * n * 4, device=device())
    target = torch.empty_like(source)
    found["copy_gb_per_s"] = 2 * source.nbytes / median_seconds(lambda: target.copy_(source), 10) / 1e9
    return found


def launches() -> Line:
    """Return the microseconds that one tiny kernel takes when Python starts it, and when a recorded graph does."""
    x = torch.zeros(1, device=device())

    def tiny() -> None:
        for _ in range(LAUNCHES):
            x.add_(1)

    found: Line = {"eager_us": 1e6 * median_seconds(tiny, 5) / LAUNCHES}
    if device().type == "cuda":
        with side_stream():
            tiny()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
                tiny()
            found["graph_us"] = 1e6 * median_seconds(graph.replay, 10) / LAUNCHES
    return found


def median_seconds(work: Callable[[], object], times: int) -> float:
    """Return the median time of ``times`` calls after three unmeasured ones."""
    for _ in range(3):
        work()
    found = []
    for _ in range(times):
        synchronize()
        started = time.perf_counter()
        work()
        synchronize()
        found.append(time.perf_counter() - started)
    return sorted(found)[len(found) // 2]
