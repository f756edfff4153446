"""The textbook training loop: what a reader of PyTorch's tutorials would write for ResNet-20 on CIFAR-10.

A Dataset of PIL images with torchvision's transforms, a DataLoader with two workers, eager float32, torch.optim.SGD. Only the network is
the package's, so that a comparison is one of loops. ``python -m benchmarks.textbook`` trains with it.
"""

import argparse
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.common import MEAN, STD, Images, add_images_option, load_images
from spurprune.models.networks import resnet_cifar

BATCH_SIZE = 64
WORKERS = 2


class CifarImages(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's CIFAR10 holds them: an array [N, H, W, C], each made a PIL image and transformed on access."""

    def __init__(self, images: Images, transform: transforms.Compose) -> None:
        self.data = np.ascontiguousarray(images.pixels.transpose(0, 2, 3, 1))
        self.targets: list[int] = images.label.tolist()
        self.transform = transform

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]

    def __len__(self) -> int:
        return len(self.targets)


def training_loader(images: Images) -> DataLoader[tuple[Tensor, int]]:
    """Return shuffled batches of augmented images."""
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return DataLoader(CifarImages(images, transform), batch_size=BATCH_SIZE, shuffle=True, num_workers=WORKERS)


def build() -> tuple[nn.Module, torch.optim.Optimizer, torch.device]:
    """Return ResNet-20, its optimiser and its device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = resnet_cifar.build((3, 32, 32), 10, depth=20).to(device)
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4), device


def train_epoch(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], optimizer: torch.optim.Optimizer, device: torch.device
) -> tuple[float, int]:
    """Train for one epoch; return (sum of the batches' losses, number of batches)."""
    criterion = nn.CrossEntropyLoss()
    model.train()
    running_loss, steps = 0.0, 0
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        steps += 1
    return running_loss, steps


def main() -> None:
    """Train and print the mean loss of each epoch."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--epochs", type=int, default=1)
    options.add_argument("--images", type=int, default=50_000, help="images per epoch (default %(default)s)")
    add_images_option(options)
    given = options.parse_args()
    images = load_images(given.cifar10, given.images)
    loader = training_loader(images)
    model, optimizer, device = build()
    for epoch in range(1, given.epochs + 1):
        total, steps = train_epoch(model, loader, optimizer, device)
        print(f"epoch {epoch}: loss {total / steps:.4f} on {images.source}")


if __name__ == "__main__":
    main()
