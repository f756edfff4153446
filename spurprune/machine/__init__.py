"""The machine: devices, node-local copies, logs."""
