"""Augmentation of a batch on the device, each image by its own draw."""

import torch
from torch import Tensor


def pad_crop_flip(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Return uint8 images [N, C, H, W] padded with pixel 0, cropped at random to their size, and flipped with probability ½.

    As torchvision's ``RandomCrop(size, padding)`` and ``RandomHorizontalFlip()`` do before ``ToTensor`` and ``Normalize``, so the
    padding is black before normalisation. ``generator`` lives on the images' device.
    """
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    top, left = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=generator, device=images.device)
    flip = torch.rand((n, 1), generator=generator, device=images.device) < 0.5
    rows = top + torch.arange(height, device=images.device)
    ascending = torch.arange(width, device=images.device).expand(n, width)
    columns = left + torch.where(flip, width - 1 - ascending, ascending)
    batch = torch.arange(n, device=images.device)
    # Indexing with the channel axis between the index tensors gives [N, H, W, C]: a channels_last image, for free.
    return padded.permute(0, 2, 3, 1)[batch[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def augment(images: Tensor, name: str, options: dict[str, int], generator: torch.Generator) -> Tensor:
    """Return a batch augmented as the configuration's ``augmentation`` says."""
    if name == "none":
        return images
    return pad_crop_flip(images, options.get("padding", 4), generator)
