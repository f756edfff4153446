"""Errors that a user can act on: one clear sentence that names the key, file or sample and the way out."""


class SpurpruneError(Exception):
    """Base of every error that a user can fix; its text is one complete sentence."""


class ConfigError(SpurpruneError):
    """The configuration is wrong; the text names the key, its value and what is allowed."""


class DataError(SpurpruneError):
    """An input or intermediate file is missing, damaged, not what the workflow wrote, or violates an invariant."""


class DownloadError(DataError):
    """A file could not be downloaded from any of its URLs; the text names each and what went wrong."""


class PlanError(SpurpruneError):
    """A pruning plan cannot be carried out, for instance because it would empty a class."""


class TrainingError(SpurpruneError):
    """Training cannot continue, for instance because the loss became NaN."""


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of another library's message without its full stop, to quote it within another sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")
