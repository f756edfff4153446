"""Looking at a network without changing it: logits and feature norms of samples, in eval mode unless asked otherwise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spurprune.models.network import Network
from spurprune.training.data import Data, Preparation


@dataclass(frozen=True)
class Observation:
    """What a network made of samples: ``logits`` float32 [N, C], ``feature_norm`` float32 [N], on the device."""

    logits: Tensor
    feature_norm: Tensor


def unchanged(inputs: Tensor) -> Tensor:
    """Return the inputs as they are: no augmentation."""
    return inputs


@torch.no_grad()
def observe(
    model: Network, data: Data, preparation: Preparation, batch_size: int, augment: Callable[[Tensor], Tensor] = unchanged
) -> Observation:
    """Run the network over all samples in eval mode, in float32, and leave it in the mode it was in.

    Where the training's precision is not fp32, a GPU may multiply in TF32 here, too.

    ``augment`` maps a batch of inputs, as they are stored, to what is looked at.
    """
    was_training = model.training
    model.eval()
    # Into one tensor each: small results kept between large temporaries would keep those temporaries' memory from being used again.
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
    """Return the features, float32 [N, D], and logits, float32 [N, C], of all samples, on the host; the logits are those of ``observe``."""
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
    [N]), ``correct`` bool [N].
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
        "correct": (logits.argmax(dim=1) == label).cpu().numpy(),
    }


def group_summary(logits: Tensor, label: Tensor, group: Tensor, source_label: int) -> list[dict[str, float | int]]:
    """Return one record a group present: group, n, n_correct, n_as_source (predicted as the source class), mean loss in nats."""
    predicted = logits.argmax(dim=1)
    loss = torch.nn.functional.cross_entropy(logits, label, reduction="none").double()
    records: list[dict[str, float | int]] = []
    for value in torch.unique(group).tolist():
        members = group == value
        records.append(
            {
                "group": value,
                "n": int(members.sum()),
                "n_correct": int((predicted == label)[members].sum()),
                "n_as_source": int((predicted == source_label)[members].sum()),
                "loss": float(loss[members].mean()),
            }
        )
    return records
