"""Augmentation of whole batches on the device, with an independent draw for each image."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

PADDING = 4  # pixels; He et al. 2016, Sec. 4.2
# The defaults of torchvision's RandomResizedCrop (Szegedy et al. 2015, Sec. 6), and how often it tries to find a box that fits.
SCALE = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
ATTEMPTS = 10


def pad_crop_flip(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Return uint8 images [N, C, H, W] padded with pixel 0, cropped at random to their size, and flipped with probability ½.

    Equivalent to torchvision's ``RandomCrop(size, padding)`` and ``RandomHorizontalFlip()`` before ``ToTensor`` and ``Normalize``, so the
    padding is black before normalisation. ``generator`` must be on the images' device.
    """
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    top, left = torch.randint(0, 2 * padding + 1, (2, n, 1), generator=generator, device=images.device)
    flip = torch.rand((n, 1), generator=generator, device=images.device) < 0.5
    rows = top + torch.arange(height, device=images.device)
    ascending = torch.arange(width, device=images.device).expand(n, width)
    columns = left + torch.where(flip, width - 1 - ascending, ascending)
    batch = torch.arange(n, device=images.device)
    # Indexing with the channel axis last gives [N, H, W, C], a channels_last image, at no cost.
    return padded.permute(0, 2, 3, 1)[batch[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_boxes(
    n: int, size: tuple[int, int], scale: Sequence[float], ratio: Sequence[float], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return top, left, height, width (int64 [n] each, on the generator's device) of random boxes in an image of ``size`` (height, width).

    Same distribution as torchvision's ``RandomResizedCrop.get_params``: the share of the image's area is uniform in ``scale``, the
    logarithm of width / height uniform between those of ``ratio``, the position uniform. The first of ten attempts that fits is used,
    otherwise the largest central box whose width / height is within ``ratio``.
    """
    height, width = size
    uniform = torch.rand((4, n, ATTEMPTS), generator=generator, device=generator.device, dtype=torch.float64)
    area = height * width * (scale[0] + uniform[0] * (scale[1] - scale[0]))
    aspect = torch.exp(math.log(ratio[0]) + uniform[1] * (math.log(ratio[1]) - math.log(ratio[0])))
    box_width, box_height = torch.sqrt(area * aspect).round(), torch.sqrt(area / aspect).round()
    fits = (box_width > 0) & (box_width <= width) & (box_height > 0) & (box_height <= height)
    first = fits.to(torch.uint8).argmax(dim=1, keepdim=True)  # the first of equal maxima
    box_height, box_width, down, right = (x.gather(1, first)[:, 0] for x in (box_height, box_width, uniform[2], uniform[3]))
    top, left = (down * (height - box_height + 1)).floor(), (right * (width - box_width + 1)).floor()
    central = _central_box(height, width, ratio)
    drawn = (top, left, box_height, box_width)
    top, left, box_height, box_width = (torch.where(fits.any(dim=1), x.long(), instead) for x, instead in zip(drawn, central, strict=True))
    return top, left, box_height, box_width


def _central_box(height: int, width: int, ratio: Sequence[float]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the largest central box whose width / height is within ``ratio``."""
    box_height, box_width = height, width
    if width / height < ratio[0]:
        box_height = round(width / ratio[0])
    elif width / height > ratio[1]:
        box_width = round(height * ratio[1])
    return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width


def resized_crop(images: Tensor, boxes: tuple[Tensor, Tensor, Tensor, Tensor], flip: Tensor, size: tuple[int, int]) -> Tensor:
    """Return uint8 images [N, C, H, W], each cut to its box (top, left, height, width; int64 [N]) and resized to ``size``.

    Bilinear within the box, as in torchvision's ``resized_crop``, but without antialiasing, which makes no difference to boxes no larger
    than ``size`` and little to boxes an eighth larger (224 pixels from images stored at 256). Images where ``flip`` (bool [N]) is true are
    mirrored. Values are rounded to whole grey levels, so that later steps get the same kind of pixels with and without augmentation.
    """
    _, _, height, width = images.shape
    top, left, box_height, box_width = boxes
    rows = _places(top, box_height, size[0])
    columns = _places(left, box_width, size[1])
    columns = torch.where(flip[:, None], columns.flip(1), columns)
    # grid_sample measures positions from -1, the image's left or top edge, to 1, the opposite edge.
    x, y = (2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=3)
    resized = torch.nn.functional.grid_sample(images.to(torch.float32), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return resized.round_().to(torch.uint8)


def _places(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return the positions, float32 [N, size] in pixels, of ``size`` points over ``length`` pixels from ``start`` (int64 [N] each)."""
    start, length = start[:, None], length[:, None]
    within = (torch.arange(size, device=start.device) + 0.5) * (length / size) - 0.5
    return start + torch.minimum(within.clamp(min=0), length - 1)


def random_resized_crop_flip(
    images: Tensor, size: tuple[int, int], scale: Sequence[float], ratio: Sequence[float], generator: torch.Generator
) -> Tensor:
    """Return uint8 images [N, C, H, W] cut to random boxes, resized to ``size`` (height, width), and flipped with probability ½.

    Equivalent to torchvision's ``RandomResizedCrop(size, scale, ratio)`` and ``RandomHorizontalFlip()`` on the stored images. ``generator``
    must be on the images' device.
    """
    n, _, height, width = images.shape
    boxes = random_boxes(n, (height, width), scale, ratio, generator)
    flip = torch.rand(n, generator=generator, device=images.device) < 0.5
    return resized_crop(images, boxes, flip, size)


def augment(images: Tensor, augmentation: Mapping[str, Any], crop_size: int | None, generator: torch.Generator) -> Tensor:
    """Return a batch augmented as the configuration's ``augmentation`` block says, cut to ``crop_size`` if the augmentation crops."""
    match augmentation["name"]:
        case "none":
            return images
        case "pad_crop_flip":
            return pad_crop_flip(images, augmentation.get("padding", PADDING), generator)
        case "random_resized_crop_flip":
            size = (crop_size, crop_size) if crop_size else (images.shape[2], images.shape[3])
            return random_resized_crop_flip(images, size, augmentation.get("scale", SCALE), augmentation.get("ratio", RATIO), generator)
        case name:
            raise ValueError(f"unknown augmentation {name}")
