"""The interface of every network: features and a linear classifier on them."""

from torch import Tensor, nn


class Network(nn.Module):
    """A network whose logits are ``classifier(features(x))``, so that scores and methods can use the features."""

    classifier: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        """Return the penultimate representation, float [N, D]."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, float [N, num_classes]."""
        logits: Tensor = self.classifier(self.features(x))
        return logits
