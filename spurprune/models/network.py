"""The interface of every network: features and a linear classifier on them."""

from torch import Tensor, nn


class Trainable(nn.Module):
    """What a training step runs: a network, or several that are trained as one."""

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and logits, float [N, …] each."""
        raise NotImplementedError


class Network(Trainable):
    """A network whose logits are ``classifier(features(x))``, so that scores and methods can use the features."""

    classifier: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        """Return the penultimate representation, float [N, D]."""
        raise NotImplementedError

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float [N, D], and logits, float [N, num_classes]."""
        features = self.features(x)
        return features, self.classifier(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, float [N, num_classes]."""
        return self.outputs(x)[1]
