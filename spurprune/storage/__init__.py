"""Storage between the stages: tables and their schemas, atomically written files, tensor files."""
