#!/bin/sh
# Submits one job and prints its id.    submit.sh THREADS MEGABYTES MINUTES SCRIPT
set -eu
threads=$1 megabytes=$2 minutes=$3 script=$4

# Snakemake writes a job's properties into its script; trainings ask for "gpu": 1, other jobs do not name it.
gpus=$(sed -n 's/^# properties = .*"resources": {[^}]*"gpu": \([0-9]*\).*/\1/p' "$script")

# ---- Edit here: add --account and --partition, and a GPU model as in --gpus=a100:1 ----
if [ -n "$gpus" ]; then set -- "--gpus=$gpus"; else set --; fi
mkdir -p logs/cluster
exec sbatch --parsable --requeue --job-name="${PWD##*/}" --output=logs/cluster/%j.log \
    --nodes=1 --ntasks=1 --cpus-per-task="$threads" --mem="$megabytes" --time="$minutes" "$@" "$script"
