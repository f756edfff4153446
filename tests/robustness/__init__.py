"""Attacks on what the stages read, on configurations and on the machine: everything must end in the same result or a clear sentence."""
