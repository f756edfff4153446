"""K-means: clusters by hand, found blobs and directions, the choice of their number, and points that are too few or equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data import clustering
from spurprune.data.clustering import Clusters, numbered

LINE = np.array([[0.0], [1.0], [10.0], [11.0]])
# (10.5 − 1) / 10.5 for the outer points, (9.5 − 1) / 9.5 for the inner ones
OF_LINE = (2 * 9.5 / 10.5 + 2 * 8.5 / 9.5) / 4


def find(points: np.ndarray, k: int | None = None, most: int = 5, metric: str = "euclidean", stream: tuple[int, ...] = (0, 0)) -> Clusters:
    return clustering.find(points, k=k, most=most, metric=metric, restarts=10, stream=stream)


def blobs(sizes: list[int], seed: int = 0, dimensions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """(points, blob): unit noise around corners that are 100 apart, shuffled; the first blob is the largest."""
    rng = np.random.default_rng(seed)
    blob = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    corner = 100 * np.array([np.unravel_index(one, (4,) * dimensions) for one in range(len(sizes))])
    return corner[blob] + rng.normal(size=(len(blob), dimensions)), blob


def test_clusters_are_numbered_by_size_and_then_by_their_first_member() -> None:
    assert numbered(np.array([7, 3, 3, 9, 7, 9, 3, 0])).tolist() == [1, 0, 0, 2, 1, 2, 0, 3]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.permutations(range(6)))
def test_the_numbers_do_not_depend_on_k_means_own(cluster: list[int], other: list[int]) -> None:
    found = numbered(np.array(cluster))
    assert np.array_equal(numbered(np.array(other)[cluster]), found)
    size = np.bincount(found)
    assert (np.diff(size) <= 0).all() and size.min() > 0


def test_a_silhouette_by_hand() -> None:
    found = find(LINE, k=2)
    assert found.number.tolist() == [0, 0, 1, 1] and found.count == 2
    assert found.silhouette == pytest.approx(OF_LINE, rel=1e-6)


@pytest.mark.parametrize("k", [None, 4])
@pytest.mark.parametrize("metric", clustering.METRICS)
def test_blobs_that_lie_apart_are_found_exactly(k: int | None, metric: str) -> None:
    if metric == "euclidean":
        points, blob = blobs([60, 40, 20, 5])
    else:  # directions, with lengths from a hundredth to a hundred
        rng = np.random.default_rng(1)
        blob = rng.permutation(np.repeat(np.arange(4), [60, 40, 20, 5]))
        points = (np.eye(4)[blob] + rng.normal(scale=0.01, size=(125, 4))) * 10.0 ** rng.uniform(-2, 2, size=(125, 1))
    found = find(points, k, metric=metric)
    assert found.number.dtype == np.int32 and np.array_equal(found.number, blob)
    assert found.count == 4 and found.silhouette is not None and found.silhouette > 0.95


def test_lengths_count_by_the_metric_that_does_not_scale() -> None:
    points = np.array([[1.0, 0.0], [2.0, 0.0], [100.0, 0.0], [101.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    assert find(points, k=2).number.tolist() == [0, 0, 1, 1, 0, 0]
    assert find(points, k=2, metric="cosine").number.tolist() == [0, 0, 0, 0, 1, 1]


def test_no_more_clusters_than_allowed_are_chosen() -> None:
    points, _ = blobs([30, 30, 30, 30, 30, 30])
    assert find(points, most=4).count <= 4 and find(points, most=8).count == 6


@pytest.mark.parametrize(
    ("points", "k", "expected"),
    [
        (np.empty((0, 2)), None, []),
        (np.ones((1, 2)), None, [0]),
        (np.ones((1, 2)), 3, [0]),
        (np.zeros((4, 2)), None, [0, 0, 0, 0]),
        (np.full((5, 2), 0.1), 2, [0] * 5),
        (LINE[[0, 0, 3, 3]], 3, [0, 0, 0, 0]),  # two distinct points
        (LINE[[0, 0, 3, 3]], 2, [0, 0, 1, 1]),
        (LINE[[0, 3]], None, [0, 0]),  # no silhouette, since each point would be a cluster
        (LINE[[0, 3]], 2, [0, 1]),
    ],
)
def test_too_few_distinct_points_are_one_cluster(points: np.ndarray, k: int | None, expected: list[int]) -> None:
    found = find(points, k)
    assert found.number.tolist() == expected
    assert found.count == len(set(expected))
    assert (found.silhouette is None) == (found.count < 2 or found.count == len(points))


def test_rounding_makes_no_clusters() -> None:
    direction = np.random.default_rng(2).normal(size=16)
    points = direction * 10.0 ** np.random.default_rng(3).uniform(-3, 3, size=(200, 1))
    assert find(points.astype(np.float32), metric="cosine").count == 1


def test_distinct_points_are_counted_beyond_the_first_ones() -> None:
    points = np.zeros((clustering.FEW + 10, 1))
    points[-10:] = 5
    assert find(points).count == 2


def test_the_same_stream_gives_the_same_clusters_and_others_differ() -> None:
    points = np.random.default_rng(4).normal(size=(200, 2))
    first = find(points, k=7)
    assert np.array_equal(first.number, find(points, k=7).number)
    assert any(not np.array_equal(first.number, find(points, k=7, stream=(repeat, 0)).number) for repeat in range(1, 6))


def test_a_silhouette_of_some_points_has_every_cluster_and_is_close_to_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    points = np.concatenate([rng.normal(size=(3000, 2)), rng.normal(size=(3, 2)) + 30])
    monkeypatch.setattr(clustering, "SILHOUETTE_POINTS", len(points))
    whole = find(points, k=2).silhouette
    monkeypatch.setattr(clustering, "SILHOUETTE_POINTS", 300)
    some = find(points, k=2).silhouette
    assert whole is not None and some is not None and whole != some
    assert some == pytest.approx(whole, abs=0.02)
