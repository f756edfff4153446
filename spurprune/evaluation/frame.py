"""Metrics and histories of runs as pandas frames: the one reader of both for figures and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from spurprune.data.grouping import Grouping
from spurprune.errors import DataError
from spurprune.evaluation.missing import ungrouped_in
from spurprune.storage import contents, schemas, tables

RUN = ["setting", "method", "plan"]
BY_EPOCH = ["epoch", "repeat"]


@dataclass(frozen=True)
class Metrics:
    """The metrics of some runs: ``frame`` has the columns of ``schemas.METRICS``, with NaN for null.

    ``ungrouped`` holds, by setting and split, the most samples of unknown group in a repeat, and the number of all samples there.
    """

    frame: pd.DataFrame
    ungrouped: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table, ungrouped: Mapping[tuple[str, str], tuple[int, int]] | None = None) -> "Metrics":
        """Return the metrics of a table (schema ``schemas.METRICS``); raises DataError if two of its rows share a key."""
        contents.require_unique(table, schemas.METRICS, "The metrics")
        return cls(table.to_pandas(), ungrouped or {})

    @classmethod
    def none(cls) -> "Metrics":
        """Return the metrics of no runs."""
        return cls.of(pa.table({name: pa.array([], kind) for name, kind in schemas.METRICS.columns.items()}))

    @cached_property
    def _whole(self) -> pd.Series:
        """The metrics of whole splits, without those of single groups, by split, setting, method, plan, metric and repeat."""
        whole = self.frame[self.frame["group"].isna()]
        return whole.set_index(["split", *RUN, "metric", "repeat"])["value"].sort_index()

    @cached_property
    def _counts(self) -> pd.Series:
        """The numbers of samples behind the metrics of whole splits, indexed as these."""
        whole = self.frame[self.frame["group"].isna()]
        return whole.set_index(["split", *RUN, "metric", "repeat"])["n"].sort_index()

    @cached_property
    def untested(self) -> dict[tuple[str, str], list[str]]:
        """The groups that have training samples but lack samples of a split in some repeat, by setting and split."""
        rows = self.frame[(self.frame["metric"] == "group_accuracy") & (self.frame["n"] == 0)]
        named = rows[["setting", "split", "group"]].drop_duplicates().itertuples(index=False, name=None)
        found: dict[tuple[str, str], list[str]] = {}
        for setting, split, group in named:
            found.setdefault((setting, split), []).append(group)
        return found

    @cached_property
    def runs(self) -> list[tuple[str, str, str]]:
        """The runs that have metrics, each (setting, method, plan), in the order of the frame."""
        return list(self.frame[RUN].drop_duplicates().itertuples(index=False, name=None))

    def plans(self, setting: str, method: str) -> list[str]:
        """Return the plans of a setting's runs by a method."""
        return [plan for *run, plan in self.runs if run == [setting, method]]

    def values(self, metric: str, *, setting: str, method: str, plan: str, split: str = "test") -> pd.Series:
        """Return one metric of one run by repeat, float64: NaN where it is undefined, empty if there is no such run or metric."""
        return _of_run(self._whole, (split, setting, method, plan, metric))

    def counts(self, metric: str, *, setting: str, method: str, plan: str, split: str = "test") -> pd.Series:
        """Return the number of samples behind one metric of one run by repeat, 0 where it is undefined; empty if there is no such run."""
        return _of_run(self._counts, (split, setting, method, plan, metric))


def _of_run(whole: pd.Series, place: tuple[str, ...]) -> pd.Series:
    try:
        return whole.loc[place]
    except KeyError:
        return pd.Series([], index=pd.Index([], name="repeat"), dtype=whole.dtype)


@dataclass(frozen=True)
class History:
    """The history of one setting's runs without pruning, by one method.

    ``frame`` has the columns of ``schemas.HISTORY``, with -1 for an unknown group or carrier; ``grouping`` names the groups.
    """

    frame: pd.DataFrame
    grouping: Grouping

    @classmethod
    def of(cls, table: pa.Table, grouping: Grouping) -> "History":
        """Return the history in a table (schema ``schemas.HISTORY``)."""
        for name in ("group", "carrier"):
            known = table.column(name).cast(pa.int32()).fill_null(-1)
            table = table.set_column(table.column_names.index(name), name, known)
        return cls(table.to_pandas(), grouping)

    @property
    def repeats(self) -> int:
        """The number of repeats, 0 if no epochs were recorded."""
        return int(self.frame["repeat"].nunique())

    def shares(
        self,
        count: str,
        *,
        split: str,
        view: str,
        labels: Sequence[int] | None = None,
        carrier: bool | None = None,
        group: int | None = None,
    ) -> dict[int, pd.Series]:
        """Return the share ``count`` / n of some samples after every recorded epoch: for each epoch a series by repeat, float64.

        ``count`` names a column of counts. The samples are those of one split in one view, restricted by ``labels``, ``group`` and
        ``carrier`` (with or without the spurious feature) where given.
        """
        frame = self.frame
        chosen = (frame["split"] == split) & (frame["view"] == view)
        if labels is not None:
            chosen &= frame["label"].isin(labels)
        if carrier is not None:
            chosen &= frame["carrier"] == int(carrier)
        if group is not None:
            chosen &= frame["group"] == group
        sums = frame[chosen].groupby(BY_EPOCH)[[count, "n"]].sum()
        share = sums[count] / sums["n"]
        return {epoch: share.xs(epoch, level="epoch") for epoch in share.index.unique("epoch").tolist()}


def read_metrics(paths: Sequence[Path]) -> Metrics:
    """Read the metrics of runs from their files; raises DataError if one is missing or damaged, or if two hold the same run's metrics."""
    if not paths:
        return Metrics.none()
    table = pa.concat_tables(tables.read(path, schemas.METRICS).replace_schema_metadata() for path in paths)
    ungrouped: dict[tuple[str, str], tuple[int, int]] = {}
    for path in paths:
        found_in = tables.origin_of(path, schemas.METRICS, {}).provenance
        for one in ungrouped_in(found_in.notes):
            place = found_in.setting, one.split
            ungrouped[place] = max((one.unknown, one.samples), ungrouped.get(place, (0, 0)))
    return Metrics.of(table, ungrouped)


def read_tuning(paths: Sequence[Path]) -> dict[tuple[str, str, str], Metrics]:
    """Read the metrics of tuning runs, joined over blocks, by setting, method entry and candidate; raises DataError as ``read_metrics``."""
    found: dict[tuple[str, str, str], list[Path]] = {}
    for path in paths:
        place = tables.origin_of(path, schemas.METRICS, {}).provenance.place
        found.setdefault((place["setting"], place["method"], place["candidate"]), []).append(path)
    return {key: read_metrics(of_candidate) for key, of_candidate in found.items()}


def read_histories(paths: Sequence[Path]) -> Mapping[tuple[str, str], History]:
    """Read histories of runs without pruning, joining the blocks of a setting and method; raises DataError if one is missing or damaged."""
    found: dict[tuple[str, str], list[pa.Table]] = {}
    groupings: dict[str, Grouping] = {}
    for path in paths:
        found_in = tables.origin_of(path, schemas.HISTORY, {}).provenance
        setting, method = found_in.setting, found_in.place.get("method", "")
        try:
            groupings[setting] = Grouping.of_plain(found_in.notes["grouping"])
        except (KeyError, TypeError):
            raise DataError(f"{path} does not describe its groups; delete it and rerun.") from None
        found.setdefault((setting, method), []).append(tables.read(path, schemas.HISTORY).replace_schema_metadata())
    return {run: History.of(pa.concat_tables(parts), groupings[run[0]]) for run, parts in found.items()}
