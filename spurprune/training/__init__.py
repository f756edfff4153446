"""The training engine: device-resident batches, optimisers and schedules, and the loop itself."""
