"""What training begins with: first weights, or the networks that another method's run kept, with its masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spurprune.config import methods
from spurprune.config.merging import merge
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.models import gates
from spurprune.models.network import Network
from spurprune.storage.provenance import Origin, Provenance
from spurprune.training import kept, mask_files
from spurprune.training.optim import Optimizer


@dataclass(frozen=True)
class Beginning:
    """The file of the networks to start from, None for first weights, and the hash of what they were trained with.

    ``masks`` is the file of the masks to which the networks keep, ``optimizer`` that of the optimisers with which they were trained, each
    None without any; ``origins`` are those of the files.
    """

    models: Path | None = None
    configured: str = ""
    masks: Path | None = None
    optimizer: Path | None = None
    origins: tuple[Origin, ...] = ()

    @classmethod
    def of(
        cls,
        inputs: Mapping[str, Path],
        start: Mapping[str, Any] | None,
        setting: Mapping[str, Any],
        provenance: Provenance,
        repeats: Sequence[int],
    ) -> "Beginning":
        """Return what a run begins with, from its ``inputs`` (see ``stages.retrain``).

        ``start`` holds the ``method`` that the networks are of, its ``entry``, the ``from_plan`` of its run, None for that of the run
        itself, and the method that the masks are of, ``masks``, with its plan, ``masks_plan``. ``setting`` is the run's, without the
        method's own training. Raises DataError if a file is of another run.
        """
        if start is None:
            return cls()
        place = {**provenance.place, "method": start["method"], "candidate": ""}
        place["plan"] = start["from_plan"] or provenance.place.get("plan", "")
        origins = [kept.origin_of(inputs["start"], place, repeats)]
        entry = start["entry"]
        if "start_selection" in inputs:
            choice = inputs["start_selection"]
            origins += origins_of({"selection": choice})
            entry = methods.at(entry, read_selection(choice, replace(provenance, place=place)))
        if "masks" in inputs:
            of_masks = {**place, "method": start["masks"], "plan": start["masks_plan"] or provenance.place.get("plan", "")}
            origins.append(mask_files.origin_of(inputs["masks"], of_masks, repeats))
        if "optimizer" in inputs:
            origins.append(kept.origin_of(inputs["optimizer"], place, repeats, kept.OPTIMIZER))
        trained = {**setting, "training": merge(setting["training"], entry["training"])}
        configured = kept.configuration(trained, entry)
        return cls(inputs["start"], configured, inputs.get("masks"), inputs.get("optimizer"), tuple(origins))

    def network(self, repeat: int, network: Network) -> Network:
        """Return the network, which has first weights, with those of one repeat that it starts from; masked ones stay zero.

        Raises DataError if a file does not fit the network.
        """
        if self.models is not None:
            kept.restore(network, self.models, repeat, self.configured)
        if self.masks is not None:
            gates.fix(network, mask_files.of_network(self.masks, repeat, network))
        return network

    def resume(self, repeat: int, optimizer: Optimizer) -> Optimizer:
        """Return the optimiser, which is new, with the state in which one repeat's training ended, if it starts from that.

        Raises DataError if the file does not fit.
        """
        if self.optimizer is not None:
            kept.restore_optimizer(optimizer, self.optimizer, repeat, self.configured)
        return optimizer
