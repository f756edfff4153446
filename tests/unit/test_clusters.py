"""Clusters of a network's outputs as a partition: what is clustered, names, notes, where the embedding comes from; plans by them."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.dag import plugins
from spurprune.data import embedding as embeddings
from spurprune.data import samples as sampling
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import Manifest, write_manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.partitions import clusters
from spurprune.pruning.partitioning import Request
from spurprune.stages import partition, prune_metadata
from spurprune.storage import columns, schemas, tables
from spurprune.storage.provenance import Provenance, Source

PLACE = {"setting": "birds", "block": "000-001"}
PROVENANCE = Provenance(PLACE, "0+code", "config")
OF_RUN = replace(PROVENANCE, place=PLACE | {"method": "short", "candidate": "", "plan": "none"})
REPEATS = [0, 1]
CLASSES = ("landbird", "waterbird")
# The probability of a waterbird: landbirds are three clusters, of 6, 3 and 2; waterbirds two, of 5 and 4.
CENTRE = np.repeat([0.02, 0.5, 0.9, 0.97, 0.3], [6, 3, 2, 5, 4])
LABEL = np.repeat([0, 1], [11, 9]).astype(np.int16)
PART = np.repeat([0, 1, 2, 0, 1], [6, 3, 2, 5, 4])
BLOCK = {"kind": "clusters", "from": "short"}


def logits_of(repeat: int) -> np.ndarray:
    """Logits of the probabilities above and a little noise; a constant added to both does not matter."""
    p = CENTRE + np.random.default_rng(repeat).uniform(-0.01, 0.01, len(CENTRE))
    shift = np.random.default_rng(9).normal(scale=3, size=len(p))
    return np.stack([shift, shift + np.log(p / (1 - p))], axis=1).astype(np.float32)


def request(logits: np.ndarray, label: np.ndarray = LABEL, sample_id: np.ndarray | None = None, **options: Any) -> Request:
    ids = np.arange(len(label)) if sample_id is None else sample_id
    complete = plugins.defaults("partitions", "clusters") | BLOCK | options
    features = np.concatenate([logits * 2, np.zeros_like(logits)], axis=1)
    return Request(0, ids, label, np.full(len(label), -1), Grouping(CLASSES), complete, features=features, logits=logits)


def divide(asked: Request) -> np.ndarray:
    part: np.ndarray = clusters.parts(asked)[0]
    return part


def test_probabilities_are_clustered_within_each_class() -> None:
    part, names, notes = clusters.parts(request(logits_of(0)))
    assert part.dtype == np.int32 and part.tolist() == (5 * LABEL + PART).tolist()
    assert names == tuple(f"{name}, cluster {number}" for name in CLASSES for number in range(1, 6))
    assert notes["k"] == {"landbird": 3, "waterbird": 2}
    assert all(0.9 < value < 1 for value in notes["silhouette"].values())


def test_a_silhouette_is_that_of_the_probabilities() -> None:
    p = np.array([0.1, 0.2, 0.7, 0.8, 0.9])
    logits = np.stack([np.zeros(5), np.log(p / (1 - p))], axis=1).astype(np.float32)
    _, _, notes = clusters.parts(request(logits, np.array([0, 0, 0, 0, 1], np.int16), k=2))
    # Distances are √2 times those of p: a is 0.1, b is 0.65 for the outer samples and 0.55 for the inner ones.
    assert notes["silhouette"]["landbird"] == pytest.approx((1 - 0.1 / 0.65 + 1 - 0.1 / 0.55) / 2, rel=1e-5)
    assert notes["k"] == {"landbird": 2, "waterbird": 1} and notes["silhouette"]["waterbird"] is None


def test_classes_can_be_clustered_together() -> None:
    part, names, notes = clusters.parts(request(logits_of(0), by_class=False, k=5))
    by_hand = np.array([0, 3, 4, 1, 2])[np.unique(CENTRE, return_inverse=True)[1]]
    sizes = [6, 5, 4, 3, 2]
    assert names == tuple(f"cluster {number}" for number in range(1, 6))
    assert np.bincount(part).tolist() == sizes and len(set(zip(part.tolist(), by_hand.tolist(), strict=True))) == 5
    assert notes["k"] == {"landbird": 5, "waterbird": 5} and len(set(notes["silhouette"].values())) == 1


@pytest.mark.parametrize(("of", "metric", "expected"), [("logits", "cosine", 2), ("features", "cosine", 2), ("features", "euclidean", 3)])
def test_features_and_logits_are_clustered_as_they_are(of: str, metric: str, expected: int) -> None:
    direction = np.array([[1.0, 0.0], [0.0, 1.0]])[np.repeat([0, 1], [8, 4])]
    length = np.where(np.arange(12) < 4, 50.0, 1.0) + np.linspace(0, 0.1, 12)
    logits = (direction * length[:, None]).astype(np.float32)
    part = divide(request(logits, np.zeros(12, np.int16), of=of, metric=metric))
    assert len(np.unique(part)) == expected
    if expected == 2:
        assert part.tolist() == [0] * 8 + [1] * 4


def test_the_best_of_ten_starts_counts() -> None:
    """The corners of a rectangle, 4 by 3: halves side by side have a sum of squares of 9, on top of each other, where they stay, of 16."""
    asked = request(np.array([[0, 0], [4, 0], [0, 3], [4, 3]], np.float32), np.zeros(4, np.int16), of="logits", k=2, by_class=False)
    in_repeats = [replace(asked, repeat=repeat) for repeat in range(10)]
    assert {tuple(divide(one)) for one in in_repeats} == {(0, 1, 0, 1)}
    once = [replace(one, options={**one.options, "restarts": 1}) for one in in_repeats]
    assert {tuple(divide(one)) for one in once} == {(0, 1, 0, 1), (0, 0, 1, 1)}, "one start may end in either"


@given(st.integers(0, 1000), st.booleans(), st.sampled_from(["silhouette", 3]))
def test_the_order_of_the_samples_does_not_matter(seed: int, by_class: bool, k: str | int) -> None:
    rng = np.random.default_rng(seed)
    logits, label = rng.normal(size=(40, 2)).astype(np.float32), rng.integers(0, 2, 40).astype(np.int16)
    ids = rng.permutation(1000)[:40]
    order = rng.permutation(40)
    options = {"by_class": by_class, "k": k, "restarts": 1}
    first = clusters.parts(request(logits, label, ids, **options))
    other = clusters.parts(request(logits[order], label[order], ids[order], **options))
    assert np.array_equal(first[0][order], other[0]) and first[1:] == other[1:]
    if by_class:
        assert np.array_equal(first[0] // (3 if k == 3 else 5), label)
    size = np.bincount(first[0], minlength=len(first[1])).reshape(-1, 3 if k == 3 else 5)
    assert (np.diff(size, axis=1) <= 0).all(), "the largest first"


def test_names_do_not_depend_on_what_is_found() -> None:
    one, other = request(logits_of(0)), request(np.zeros((20, 2), np.float32))
    assert clusters.parts(one)[1] == clusters.parts(other)[1]
    assert divide(other).tolist() == (5 * LABEL).tolist()
    assert clusters.parts(other)[2]["silhouette"] == {"landbird": None, "waterbird": None}


def test_a_class_of_one_sample_or_of_none_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    label = np.zeros(20, np.int16)
    assert clusters.parts(request(logits_of(0), label))[2]["k"]["waterbird"] == 0
    label[-1] = 1
    with caplog.at_level(logging.WARNING, "spurprune"):
        part, _, notes = clusters.parts(request(logits_of(0), label, k=2))
    assert notes["k"] == {"landbird": 2, "waterbird": 1} and part[-1] == 2
    assert [one.getMessage() for one in caplog.records] == [
        "repeat 0, class 'waterbird': fewer than 2 samples differ in their probabilities, so they are 1 cluster"
    ]


@pytest.mark.parametrize(("of", "value"), [("features", np.inf), ("logits", np.nan), ("probabilities", np.nan)])
def test_what_is_not_finite_is_refused(of: str, value: float, assert_one_sentence: Callable[[str], None]) -> None:
    asked = request(logits_of(0), of=of)
    assert asked.features is not None and asked.logits is not None
    asked.features[3], asked.logits[3] = value, value
    with pytest.raises(DataError, match=rf"The {of} of 1 training samples in repeat 0 are not finite; .* of the method 'short'") as error:
        clusters.parts(asked)
    assert_one_sentence(str(error.value))


# The stage


class Folder:
    """The samples, in an order of their own in each repeat, and the embedding of a run, in yet another."""

    def __init__(self, path: Path) -> None:
        self.path, self.samples, self.embedding = path, path / "samples.parquet", path / "embedding.parquet"
        self.order = {repeat: np.random.default_rng(repeat).permutation(20) for repeat in REPEATS}
        every = []
        for repeat in REPEATS:
            order = self.order[repeat]
            split = np.array(["train"] * 20 + ["test"] * 2, dtype=object)
            label = np.append(LABEL[order], [0, 1]).astype(np.int16)
            unknown = np.full(22, -1)
            every.append(Samples(repeat, np.append(order, [20, 21]), split, label, {}, unknown, unknown, label.astype(np.int32)))
        sampling.write(self.samples, every, Grouping(CLASSES), PROVENANCE)
        self.embed()

    def embed(self, leave_out: int = 0, provenance: Provenance = OF_RUN) -> None:
        parts = []
        for repeat in REPEATS:
            logits = logits_of(repeat)[leave_out:]
            ids = np.arange(20)[leave_out:]
            parts += embeddings.to_tables(repeat, "train", "natural", ids, logits * 2, logits)
            parts += embeddings.to_tables(repeat, "test", "featured", np.array([20, 21]), np.full((2, 2), 7.0), np.full((2, 2), np.nan))
        tables.write_parts(self.embedding, parts, schemas.EMBEDDING, provenance)

    def divide(self, name: str = "clusters", provenance: Provenance = PROVENANCE, repeats: list[int] = REPEATS, **options: Any) -> Path:
        output = self.path / f"{name}.parquet"
        partition.run(
            samples=self.samples,
            dynamics=None,
            embedding=self.embedding,
            partition=BLOCK | options,
            repeats=repeats,
            output=output,
            provenance=provenance,
        )
        return output

    def weigh(self, plan: str, division: Path) -> np.ndarray:
        """Return each sample's weight under a plan in repeat 0, by sample id."""
        manifest, output = self.path / "manifest.json", self.path / "plan.parquet"
        channels = (0.5,) * 3
        counts = {"train": 20, "test": 2}
        write_manifest(manifest, Manifest("birds", 8, 22, (3, 8, 8), "uint8", CLASSES, (), counts, channels, channels, "", "", ""))
        prune_metadata.run(
            samples=self.samples,
            difficulty=None,
            partition=division,
            manifest=manifest,
            plan=plan,
            setting={"probe": None},
            repeats=REPEATS,
            output=output,
            provenance=PROVENANCE,
        )
        return columns.values_of(columns.ByRepeat(tables.read(output, schemas.PLAN)), "weight", 0, np.arange(20), str(output))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_stage_matches_samples_by_their_ids_and_notes_what_was_found(folder: Folder) -> None:
    path = folder.divide()
    table, metadata = tables.read(path, schemas.PARTITION), tables.read_metadata(path, schemas.PARTITION)
    for repeat in REPEATS:
        assert columns.values_of(columns.ByRepeat(table), "part", repeat, np.arange(20), "").tolist() == (5 * LABEL + PART).tolist()
        assert metadata["counts"][str(repeat)]["landbird, cluster 2"] == 3 and metadata["counts"][str(repeat)]["waterbird, cluster 4"] == 0
        assert metadata["notes"]["by_repeat"][str(repeat)]["k"] == {"landbird": 3, "waterbird": 2}
    assert metadata["notes"]["partition"] == BLOCK and len(metadata["notes"]["parts"]) == 10
    assert "embedding block=000-001 method=short plan=none setting=birds" in metadata["sources"]


def test_the_same_inputs_give_the_same_bytes_in_any_block(folder: Folder) -> None:
    first = folder.divide()
    assert first.read_bytes() == folder.divide("again").read_bytes()
    both = [tables.read(first, schemas.PARTITION)]
    folder.embed(provenance=replace(OF_RUN, repeats=None))
    both.append(tables.read(folder.divide("one", repeats=[1]), schemas.PARTITION))
    alone = columns.ByRepeat(both[0])[1], columns.ByRepeat(both[1])[1]
    assert alone[0].equals(alone[1])


def test_plans_weigh_by_clusters_and_by_what_is_noted_of_them(folder: Folder) -> None:
    weight = folder.weigh("importance-clusters-auto", folder.divide())
    np.testing.assert_allclose(weight, folder.weigh("importance-clusters-1", folder.divide()))  # all silhouettes are above 0.9
    np.testing.assert_allclose(weight, np.repeat([10 / 3 / 6, 10 / 3 / 3, 10 / 3 / 2, 1, 5 / 4], [6, 3, 2, 5, 4]))
    mixed = folder.weigh("importance-clusters-auto", folder.divide(by_class=False, k=2))
    silhouette = tables.read_metadata(folder.path / "clusters.parquet", schemas.PARTITION)["notes"]["by_repeat"]["0"]["silhouette"]
    assert max(silhouette.values()) < 0.9
    np.testing.assert_allclose(mixed, folder.weigh("importance-clusters-2", folder.path / "clusters.parquet"))


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("method", "erm", "holds the embedding of the method 'erm', not of 'short'"),
        ("plan", "random-0.10", "holds the embedding of the plan 'random-0.10', not of 'none'"),
        ("setting", "bugs", "holds the embedding of the setting 'bugs', not of 'birds'"),
        ("block", "002-003", "holds the embedding of the block '002-003', not of '000-001'"),
        ("candidate", "lr-0.1", "holds the embedding of the candidate 'lr-0.1', not of 'none'"),
    ],
)
def test_an_embedding_from_elsewhere_is_refused(
    folder: Folder, key: str, value: str, sentence: str, assert_one_sentence: Callable[[str], None]
) -> None:
    folder.embed(provenance=replace(OF_RUN, place={**OF_RUN.place, key: value}))
    with pytest.raises(DataError, match=sentence) as error:
        folder.divide()
    assert_one_sentence(str(error.value))
    assert not (folder.path / "clusters.parquet").exists()


def test_an_embedding_made_by_other_code_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.divide(provenance=replace(PROVENANCE, made_by={"embedding": "code"}))
    made_by = replace(PROVENANCE, made_by={"embedding": "newer"})
    with pytest.raises(DataError, match=r"embedding\.parquet was made by another version of the code \(code, not newer\)") as error:
        folder.divide(provenance=made_by)
    assert_one_sentence(str(error.value))
    folder.divide(provenance=replace(made_by, mixed_code=True))


def test_an_embedding_of_other_samples_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.embed(leave_out=1)
    with pytest.raises(DataError, match="holds other samples than repeat 0's train split") as error:
        folder.divide()
    assert_one_sentence(str(error.value))


def test_an_embedding_that_was_made_from_other_samples_is_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    samples = tables.origin_of(folder.samples, schemas.SAMPLES, PLACE)
    older = replace(OF_RUN, sources={samples.key: Source("older", "code", "config", "setting")})
    folder.embed(provenance=older)
    with pytest.raises(DataError, match="go back to different versions of one file") as error:
        folder.divide()
    assert_one_sentence(str(error.value))
