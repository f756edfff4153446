#!/bin/sh
# Everything that is to happen on a machine with a GPU, as one command: see benchmarks/README.md, or `benchmarks/gpu.sh --help`.
# PYTHON names the interpreter; otherwise the project's environment is used, or python3.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${PYTHON:-}" ]; then
    if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; else PYTHON=python3; fi
fi
export PYTHONUNBUFFERED=1
exec "$PYTHON" -m benchmarks.gpu "$@"
