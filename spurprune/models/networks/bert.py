"""A pretrained BERT (Devlin et al. 2019) that classifies one sentence or a pair, like transformers' ``BertForSequenceClassification``.

It takes any encoder of BERT's type that transformers can load: BERT itself, MiniLM, and others whose configuration says
``model_type: bert``.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, BertModel
from transformers.utils import logging

from spurprune.data import tokens as sequences
from spurprune.data.tokens import COUNTS
from spurprune.errors import ConfigError, DataError, first_sentence
from spurprune.models.network import Network
from spurprune.storage.regular import require_regular_in

ROWS_AT_ONCE = 8  # on a CPU; a GPU takes the whole batch, since its kernels are short anyway

TAKES = ("sentences",)
OPTIONS = {"pretrained": {"type": "string", "minLength": 1, "x-allowed": "a folder or a name on Hugging Face's hub"}}


class Bert(Network):
    """Input int32 [N, 2 + L]; features [N, hidden size]; logits [N, num_classes].

    Column 0 of the input is the length, the number of tokens before the padding; column 1 is the position of the second sentence's
    first token, or the length if there is only one sentence; then come the token ids, [CLS] first. ``encoder`` is transformers' model.
    """

    def __init__(self, encoder: BertModel, num_classes: int) -> None:
        super().__init__()
        config = encoder.config
        self.encoder = encoder
        self.dropout = nn.Dropout(config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, num_classes)
        nn.init.normal_(self.classifier.weight, std=config.initializer_range)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        """Return the pooled representation of [CLS] after dropout, float [N, hidden size].

        The batch is cut to its longest sequence. On a CPU it is encoded in parts of similar length, each cut to its longest, which avoids
        most of the padding and changes the result only by rounding.
        """
        if x.device.type != "cpu" or len(x) <= ROWS_AT_ONCE:
            pooled = self._pooled(x)
        else:
            order = x[:, 0].argsort(stable=True)
            pooled = torch.cat([self._pooled(part) for part in x[order].split(ROWS_AT_ONCE)])[order.argsort()]
        features: Tensor = self.dropout(pooled)
        return features

    def _pooled(self, x: Tensor) -> Tensor:
        length, second_start = x[:, :1], x[:, 1:COUNTS]
        tokens = x[:, COUNTS : COUNTS + int(length.max())]
        position = torch.arange(tokens.shape[1], device=x.device)
        is_token = position < length
        is_second = is_token & (position >= second_start)
        encoded = self.encoder(input_ids=tokens.long(), attention_mask=is_token.long(), token_type_ids=is_second.long())
        pooled: Tensor = encoded.pooler_output
        return pooled


def build(input_shape: tuple[int, ...], num_classes: int, pretrained: str) -> Bert:
    """Build the network for inputs of ``input_shape`` (2 + L,).

    ``pretrained`` is a local folder, read without network access, or a name on Hugging Face's hub, which transformers downloads into its
    cache. Only the classifier is initialised at random. Raises DataError if the encoder cannot be loaded or lacks weights, ConfigError if
    it is not a BERT or takes fewer tokens than the inputs have.
    """
    tokens = input_shape[0] - COUNTS
    encoder = _load(pretrained)
    if tokens > encoder.config.max_position_embeddings:
        raise ConfigError(
            f"model.pretrained '{pretrained}' takes at most {encoder.config.max_position_embeddings} tokens, but the dataset was prepared "
            f"with {tokens}; lower image_size or name another encoder."
        )
    return Bert(encoder, num_classes)


def tokenizer(pretrained: str, vocabulary: str) -> Tokenizer:
    """Return the encoder's tokenizer, from the same folder or name as its weights.

    Raises DataError if there is none, ConfigError if its vocabulary does not have the fingerprint ``vocabulary``, that of the dataset,
    whose token ids would then stand for other words.
    """
    found = sequences.load(pretrained)
    if sequences.fingerprint(found) != vocabulary:
        raise ConfigError(
            f"model.pretrained '{pretrained}' has a different vocabulary from the tokenizer that the dataset was prepared with; place the "
            "encoder's tokenizer.json in the dataset's folder 'tokenizer' and prepare the dataset again, or name another encoder."
        )
    return found


def _load(pretrained: str) -> BertModel:
    """Return the encoder in float32, with every weight from ``pretrained``."""
    logging.set_verbosity_error()  # transformers would report unused heads of other tasks; what matters is checked below
    logging.disable_progress_bar()
    is_local = Path(pretrained).is_dir()
    if is_local:
        require_regular_in(Path(pretrained))
    options: dict[str, Any] = {"local_files_only": is_local, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(pretrained, **options)
        if config.model_type != "bert":
            raise ConfigError(f"model.pretrained '{pretrained}' is of type {config.model_type}; name an encoder of type bert.")
        options |= {"config": config, "dtype": torch.float32, "weights_only": True}
        loaded: Any = BertModel.from_pretrained(pretrained, ignore_mismatched_sizes=True, output_loading_info=True, **options)
    except ConfigError:
        raise
    except Exception as error:  # a damaged config.json or weights raise errors of many kinds
        raise DataError(
            f"model.pretrained '{pretrained}' could not be loaded ({first_sentence(error)}); give a folder with config.json and "
            "model.safetensors, or the name of an encoder on Hugging Face's hub, which needs a connection to it."
        ) from error
    encoder, report = loaded
    # transformers would initialise weights that are missing or have another shape at random.
    unfit = sorted([*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])])
    if unfit:
        raise DataError(f"model.pretrained '{pretrained}' lacks '{unfit[0]}' in the shape given by its config.json; use another encoder.")
    assert isinstance(encoder, BertModel)
    return encoder
