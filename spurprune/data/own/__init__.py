"""What the readers of users' own data share: columns, splits, texts, images, duplicates."""
