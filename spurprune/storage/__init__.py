"""What lies between the stages: tables and their schemas, files written whole, tensors in files."""
