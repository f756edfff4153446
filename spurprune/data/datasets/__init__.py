"""Dataset readers: one module a dataset, each with ``read(source, image_size) -> RawDataset``."""
