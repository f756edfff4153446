"""Readers of a user's own data: one module per kind of source, chosen by ``reader`` in a block of ``datasets``.

A reader has ``OPTIONS``, the JSON schema of its options; ``check(options, where)``, which raises ConfigError for what the schema cannot
express; ``kind(options)``, "images", "sentences" or "vectors"; ``validated(options)`` and ``tested(options)``,
whether there may be a validation and a test split; ``files(options)``, its existing files whose edits make the data stale; and
``read(options, image_size) -> RawDataset``. All but ``read`` need no data and import little, since they are called while the workflow is
parsed.
"""
