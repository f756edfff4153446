"""The rule download: data that are missing are fetched before they are read, once; nothing reruns for it; offline it is one sentence."""

import gzip
import hashlib
import json
import shutil
import struct
from collections.abc import Iterator

import numpy as np
import pytest
import yaml

from spurprune.data.datasets import mnist
from spurprune.data.formats import idx
from tests.site import Site, serving
from tests.workflow.project import Project

REGISTRY = "spurprune/data/registry.yaml"
MANIFEST = "results/datasets/mnist-28/manifest.json"


def release() -> dict[str, bytes]:
    """Black images with MNIST's labels in order, gzipped: MNIST's format and counts, in a few kilobytes."""
    files = {}
    for split, prefix in idx.PREFIXES.items():
        label = np.repeat(np.arange(10, dtype=np.uint8), mnist.RELEASE.class_counts[split])
        images = struct.pack(">4I", 2051, len(label), 28, 28) + bytes(len(label) * 28 * 28)
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(images, mtime=0)
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">2I", 2049, len(label)) + label.tobytes(), mtime=0)
    return files


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as served:
        served.files = {f"/{name}": content for name, content in release().items()}
        yield served


@pytest.fixture
def project(fresh: Project, site: Site) -> Project:
    """The project with a registry that has MNIST from the test's own site."""
    content = yaml.safe_load((fresh.path / REGISTRY).read_text(encoding="utf-8"))
    content["mnist"]["downloads"] = [
        {
            "urls": [site.url(name)],
            "file": name.removeprefix("/"),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "unpack": False,
        }
        for name, data in site.files.items()
    ]
    (fresh.path / REGISTRY).write_text(yaml.safe_dump(content), encoding="utf-8")
    return fresh


def test_missing_data_are_downloaded_once_and_nothing_reruns_for_it(project: Project, site: Site) -> None:
    assert project.plan(MANIFEST) == {"download": 1, "prepare_inputs": 1}
    assert site.requests == [], "a dry run does not touch the network"
    project.run(MANIFEST)
    assert sorted(site.requests) == sorted(site.files)
    record = json.loads((project.path / "results/downloads/mnist.json").read_text(encoding="utf-8"))
    assert {one["url"] for one in record["downloads"]} == {site.url(name) for name in site.files}
    assert json.loads((project.path / MANIFEST).read_text(encoding="utf-8"))["count"] == 70_000

    assert project.plan(MANIFEST) == {}
    project.configure("config/config.yaml", "download", False)
    for name in ("spurprune/data/downloads.py", "spurprune/stages/download.py", "workflow/scripts/download.py"):
        project.append(name, "\nUNUSED = 1\n")
    project.append(REGISTRY, "# A comment.\n")
    shutil.rmtree(project.path / "resources")
    assert project.plan(MANIFEST) == {}, "what is decoded needs neither the network nor the files"
    (project.path / "results/downloads/mnist.json").unlink()
    assert project.plan(MANIFEST) == {}


def test_data_in_their_place_are_read_without_a_network(project: Project, site: Site) -> None:
    folder = project.path / "resources/mnist/MNIST/raw"
    folder.mkdir(parents=True)
    for name, content in release().items():
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    project.run(MANIFEST)
    assert site.requests == []
    assert json.loads((project.path / "results/downloads/mnist.json").read_text(encoding="utf-8"))["downloads"] == []
    assert project.plan(MANIFEST) == {}
    project.configure("config/config.yaml", "data/mnist", "elsewhere")
    assert project.plan(MANIFEST) == {"download": 1, "prepare_inputs": 1}, "another folder may hold other data"


@pytest.mark.parametrize("allowed", [True, False])
def test_data_that_cannot_be_had_are_one_sentence_that_says_what_to_place_where(project: Project, site: Site, allowed: bool) -> None:
    site.files.clear()
    project.configure("config/config.yaml", "download", allowed)
    status, text = project.snakemake(MANIFEST, "--cores", "2")
    assert status != 0
    (sentence,) = [line for line in text.splitlines() if line.startswith("download: ")]
    assert sentence.startswith("download: MNIST is not at resources/mnist: place train-images-idx3-ubyte, ")
    assert "or set data.mnist to the folder that holds the four files; " in sentence
    reason = f"could not be downloaded ({site.root}/" if allowed else "downloads are switched off (download: false)."
    assert reason in sentence and sentence.endswith(".")
    assert "Traceback" not in text
    assert bool(site.requests) == allowed

    site.files |= {f"/{name}": content for name, content in release().items()}
    folder = project.path / "resources/mnist"
    folder.mkdir(exist_ok=True, parents=True)
    for name, content in release().items():
        (folder / name).write_bytes(content)
    site.requests.clear()
    project.run(MANIFEST)
    assert site.requests == [], "what a person places later is taken as it is"


def test_no_other_dataset_is_downloaded(project: Project) -> None:
    status, text = project.snakemake("results/downloads/digits.json", "--dry-run")
    assert status != 0 and "results/downloads/digits.json: 'digits.json' is not a known record of a dataset that is downloaded" in text
