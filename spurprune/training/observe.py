"""Evaluating a network without changing it: logits, features and their norms, in eval mode."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spurprune.models.network import Network
from spurprune.training.checkpoints import Record
from spurprune.training.data import Data, Preparation


@dataclass(frozen=True)
class Observation:
    """A network's outputs for N samples: ``logits`` float32 [N, C], ``feature_norm`` float32 [N], on the device."""

    logits: Tensor
    feature_norm: Tensor


def unchanged(inputs: Tensor) -> Tensor:
    """Return the inputs unchanged: no augmentation."""
    return inputs


@torch.no_grad()
def observe(
    model: Network, data: Data, preparation: Preparation, batch_size: int, augment: Callable[[Tensor], Tensor] = unchanged
) -> Observation:
    """Evaluate the network on all samples in eval mode, in float32, and restore its previous mode.

    If the training precision is not fp32, a GPU may use TF32 here too. ``augment`` is applied to each batch of stored inputs.
    """
    was_training = model.training
    model.eval()
    # Into preallocated tensors: small results between large temporaries would fragment the device's memory.
    logits = torch.empty((len(data), model.classifier.out_features), device=data.device)
    feature_norm = torch.empty(len(data), device=data.device)
    for rows in preparation.order(data).split(batch_size):
        features = model.features(preparation.prepare(augment(data.batch(rows))))
        logits[rows] = model.classifier(features)
        feature_norm[rows] = features.norm(dim=1)
    model.train(was_training)
    return Observation(logits, feature_norm)


@torch.no_grad()
def embed(model: Network, data: Data, preparation: Preparation, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the features, float32 [N, D], and logits, float32 [N, C], of all samples, on the host; the logits equal ``observe``'s."""
    was_training = model.training
    model.eval()
    features = np.empty((len(data), model.classifier.in_features), dtype=np.float32)
    logits = np.empty((len(data), model.classifier.out_features), dtype=np.float32)
    for rows in preparation.order(data).split(batch_size):
        seen = model.features(preparation.prepare(data.batch(rows)))
        place = rows.cpu().numpy()
        features[place] = seen.cpu().numpy()
        logits[place] = model.classifier(seen).cpu().numpy()
    model.train(was_training)
    return features, logits


def dynamics_of(logits: Tensor, label: Tensor) -> dict[str, np.ndarray]:
    """Return the training dynamics of samples from their logits [N, C] and labels [N].

    ``loss`` cross-entropy in nats, ``error`` ‖softmax − onehot‖₂, ``margin`` the true class's logit minus the largest other (all float32
    [N]), ``predicted`` the class of the largest logit, int16 [N].
    """
    rows = torch.arange(len(label), device=label.device)
    log_p = torch.log_softmax(logits, dim=1)
    error = log_p.exp()
    error[rows, label] -= 1
    true = logits[rows, label]
    others = logits.clone()
    others[rows, label] = -torch.inf
    return {
        "loss": (-log_p[rows, label]).cpu().numpy(),
        "error": error.norm(dim=1).cpu().numpy(),
        "margin": (true - others.amax(dim=1)).cpu().numpy(),
        "predicted": logits.argmax(dim=1).to(torch.int16).cpu().numpy(),
    }


def summary(logits: Tensor, *, label: Tensor, group: Tensor, carrier: Tensor, source_label: int | None) -> list[Record]:
    """Return one record per combination of label, group and carrier that occurs, in ascending order.

    ``label``, ``group`` and ``carrier`` are int64 [N], the last two -1 where unknown. A record holds ``label``, ``group`` (None if
    unknown), ``carrier`` (bool, None if unknown), ``n``, ``n_correct``, ``n_as_source`` (predicted as the source class; None without one)
    and the mean ``loss`` in nats.
    """
    predicted = logits.argmax(dim=1)
    loss = torch.nn.functional.cross_entropy(logits, label, reduction="none").double()
    cells, place = torch.unique(torch.stack([label, group, carrier], dim=1), dim=0, return_inverse=True)
    records: list[Record] = []
    for i, (of_label, of_group, of_carrier) in enumerate(cells.tolist()):
        members = place == i
        records.append(
            {
                "label": of_label,
                "group": None if of_group < 0 else of_group,
                "carrier": None if of_carrier < 0 else of_carrier == 1,
                "n": int(members.sum()),
                "n_correct": int((predicted == label)[members].sum()),
                "n_as_source": None if source_label is None else int((predicted == source_label)[members].sum()),
                "loss": float(loss[members].mean()),
            }
        )
    return records
