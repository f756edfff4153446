"""Readers of a user's own data: one module per kind of source, chosen by ``reader`` in a block of ``datasets``.

A reader has ``OPTIONS``, the JSON schema of its options; ``check(options, where)``, which raises ConfigError for what a schema cannot say;
``kind(options)``, "images" or "vectors"; ``files(options)``, those of its files that exist and whose edits make the data stale; and
``read(options, image_size) -> RawDataset``. All but ``read`` touch no data and start light, since the workflow calls them to be parsed.
"""
