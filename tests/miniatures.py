"""The paper's datasets in miniature: their folders, files and formats, with few, small samples. Readers report them as incomplete."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from spurprune.data.datasets import hard_imagenet
from tests.wordpiece import save

CELEBA_HEADER = (  # the forty names in their official order
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair Blurry Brown_Hair "
    "Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache "
    "Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair "
    "Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
)
CELEBA_NAMES = CELEBA_HEADER.split()
# Images of every split by (class, attribute): training, validation, test.
CELEBA = {(0, 0): (20, 3, 6), (0, 1): (4, 2, 6), (1, 0): (20, 3, 6), (1, 1): (12, 2, 6)}
WATERBIRDS = {(0, 0): (24, 3, 6), (0, 1): (4, 3, 6), (1, 0): (4, 3, 6), (1, 1): (20, 3, 6)}
PAIRS = {"contradiction": "run", "entailment": "dog", "neutral": "a"}  # the word of the hypothesis that goes with each class


def paint(path: Path, size: tuple[int, int], ground: int, thing: int, rng: np.random.Generator) -> None:
    """Save a noisy JPEG whose background is redder for ``ground`` 1 and whose middle is greener for ``thing`` 1."""
    pixels = rng.integers(0, 60, (size[1], size[0], 3))
    pixels[..., 0] += 150 * ground
    pixels[size[1] // 4 : -size[1] // 4, size[0] // 4 : -size[0] // 4, 1] += 150 * thing
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path, format="JPEG", quality=90)


def celeba(folder: Path) -> None:
    """Write the two lists and the aligned photos."""
    rng = np.random.default_rng(0)
    people = [(split, *kind) for kind, counts in CELEBA.items() for split, n in enumerate(counts) for _ in range(n)]
    people = [people[i] for i in rng.permutation(len(people))]
    lines, partition = [str(len(people)), " ".join(CELEBA_NAMES)], []
    for i, (split, male, glasses) in enumerate(people):
        has = {"Male": male, "Eyeglasses": glasses, "Blond_Hair": i % 2}
        name, values = f"{i + 1:06}.jpg", dict.fromkeys(CELEBA_NAMES, -1) | {attribute: 2 * value - 1 for attribute, value in has.items()}
        lines.append(f"{name} " + " ".join(f"{value:2d}" for value in values.values()))
        partition.append(f"{name} {split}")
        paint(folder / "img_align_celeba" / name, (178, 218), glasses, male, rng)
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")


def waterbirds(folder: Path) -> None:
    """Write metadata.csv and the photos."""
    rng = np.random.default_rng(1)
    root = folder / "waterbird_complete95_forest2water2"
    birds = [(split, *kind) for kind, counts in WATERBIRDS.items() for split, n in enumerate(counts) for _ in range(n)]
    root.mkdir(parents=True)
    with open(root / "metadata.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("img_id", "img_filename", "y", "split", "place", "place_filename"))
        for i, (split, y, place) in enumerate(birds[j] for j in rng.permutation(len(birds))):
            species = ("162.Canada_Warbler/Canada_Warbler", "001.Black_footed_Albatross/Black_Footed_Albatross")[y]
            name = f"{species}_{i + 1:04}_18.jpg"
            writer.writerow((i + 1, name, y, split, place, f"{('/b/bamboo_forest/', '/o/ocean/')[place]}{i:08}.jpg"))
            paint(root / name, (60, 50 + i % 7), place, y, rng)


def hard_photos(folder: Path) -> None:
    """Write ImageNet's folders of the fifteen classes of Hard ImageNet; the dog sleds are from the authors' list."""
    rng = np.random.default_rng(2)
    for place, (name, wnid, _) in enumerate(hard_imagenet.CLASSES):
        numbers = hard_imagenet.MINIMAL[:8] if name == "dog sled" else range(1, 9)
        files = [f"train/{wnid}/{wnid}_{number}.JPEG" for number in numbers]
        files += [f"val/{wnid}/ILSVRC2012_val_{4 * place + i:08}.JPEG" for i in range(2)]
        for file in files:
            paint(folder / file, (64, 48), place % 2, place // 2 % 2, rng)


def multinli(folder: Path) -> None:
    """Write the three jsonl files and a tokenizer; each class has its own word, and contradictions are negated more often."""
    rng = np.random.default_rng(3)
    save(folder / "tokenizer")
    for part, n in (("train", 72), ("dev_matched", 24), ("dev_mismatched", 24)):
        rows = []
        for i in range(n):
            label, word = list(PAIRS.items())[i % 3]
            second = f"He {word} runs" + (" never" if rng.random() < (0.5 if label == "contradiction" else 0.2) else "") + "."
            rows.append({"gold_label": label, "sentence1": "A dog runs!", "sentence2": second, "pairID": f"{part}{i}", "genre": "fiction"})
        (folder / f"multinli_1.0_{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def encoder(folder: Path) -> None:
    """Write a small BERT with random weights and the tokenizer's vocabulary."""
    import torch
    from transformers import BertConfig, BertModel

    from tests.wordpiece import VOCABULARY

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 32}
    config = BertConfig(vocab_size=len(VOCABULARY), **sizes)
    BertModel(config).save_pretrained(folder)
    save(folder)
