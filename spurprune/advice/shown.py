"""How samples are shown: images as small pictures within the page, texts decoded from their tokens, vectors by their key alone."""

import base64
import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from spurprune.data import tokens
from spurprune.data.inputs import Manifest, Rows
from spurprune.errors import SpurpruneError
from spurprune.machine.logs import log
from spurprune.storage.escaping import one_line

SIDE = 96  # pixels of a picture at most
LOSSLESS = 64  # pixels per side up to which PNG is no larger than JPEG by much, and shows every pixel
QUALITY = 80
LONGEST = 300  # characters of a text

Show = Callable[[int], tuple[str, str]]  # a sample's row to (the address of its picture, its text), each empty without one


def shower(inputs: Rows, manifest: Manifest, tokenizer: str | None) -> Show:
    """Return how to show a sample of a dataset; texts need the name of their ``tokenizer``, without which only their keys are shown."""
    if manifest.kind == "images":
        return lambda row: (picture(np.asarray(inputs[row])), "")
    if manifest.kind == "sentences" and tokenizer is not None:
        try:
            found = tokens.load(tokenizer)
        except SpurpruneError as error:
            log.warning("Texts are not shown: %s", error)
            return lambda row: ("", "")
        return lambda row: ("", text(np.asarray(inputs[row]), found.decode))
    return lambda row: ("", "")


def picture(image: np.ndarray) -> str:
    """Return an image, uint8 [C, H, W] with one or three channels, as a data address of at most SIDE pixels per side."""
    shown = Image.fromarray(image[0] if len(image) == 1 else np.moveaxis(image[:3], 0, -1))
    small = max(shown.size) <= LOSSLESS
    shown.thumbnail((SIDE, SIDE))
    return data_address(shown, "PNG" if small else "JPEG")


def data_address(image: Image.Image, kind: str = "PNG") -> str:
    """Return an image as a data address."""
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": QUALITY} if kind == "JPEG" else {}))
    return _address(kind, stream.getvalue())


def png_address(content: bytes) -> str:
    """Return a PNG file's content as a data address."""
    return _address("PNG", content)


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode()}"


def text(sequence: np.ndarray, decode: Callable[[list[int]], str]) -> str:
    """Return the text of a sequence of tokens (``spurprune.data.tokens``), or both of a pair, cut to LONGEST characters."""
    length, second = int(sequence[0]), int(sequence[1])
    ids = sequence[tokens.COUNTS : tokens.COUNTS + length].tolist()
    found = " | ".join(one for part in (ids[:second], ids[second:]) if (one := one_line(decode(part))))
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}…"
