"""Dataset readers: one module per dataset, each with ``read(source, image_size) -> RawDataset``."""
