#!/bin/sh
# Submits one job and prints its id.    submit.sh THREADS MEGABYTES MINUTES SCRIPT
set -eu
threads=$1 megabytes=$2 minutes=$3 script=$4
name=$("${0%/*}/job_name.sh")

# Snakemake writes a job's properties into its script, as one line of JSON; training jobs request "gpu": 1, other jobs do not mention it.
# Escapes and strings are emptied first, since they may hold braces and quotes. The last "resources" are the job's: params come before them.
gpus=$(sed -n '/^# properties = /{
    s/\\.//g
    s/: "[^"]*"/: ""/g
    s/.*"resources": {\([^}]*\)}.*/\1/
    s/.*"gpu": \([0-9][0-9]*\).*/\1/p
}' "$script")

# ---- Edit here: add --account and --partition, and a GPU model as in --gpus=a100:1 ----
case $gpus in
"" | 0) set -- ;;
*) set -- "--gpus=$gpus" ;;
esac
mkdir -p logs/cluster
exec sbatch --parsable --requeue --job-name="$name" --output=logs/cluster/%j.log \
    --nodes=1 --ntasks=1 --cpus-per-task="$threads" --mem="$megabytes" --time="$minutes" "$@" "$script"
