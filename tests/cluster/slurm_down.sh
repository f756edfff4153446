#!/usr/bin/env bash
# Stops the Slurm that slurm_up.sh started in a folder, with all its jobs, and removes the folder.
# Usage: slurm_down.sh FOLDER
set -uo pipefail
PATH=/usr/bin:/usr/sbin:$PATH

folder=$1
export SLURM_CONF=$folder/slurm.conf
[ -e "$SLURM_CONF" ] || exit 0

timeout 15 scancel --user="$(id -un)" 2> /dev/null
for ((i = 0; i < 75; i++)); do
    [ -z "$(timeout 5 squeue --noheader 2> /dev/null)" ] && break
    sleep 0.2
done

running() { [ -e "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2> /dev/null; } # a zombie has ended
for file in "$folder"/run/slurmd.*.pid "$folder"/run/slurmctld.pid "$folder"/run/munged.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2> /dev/null
    for ((i = 0; i < 50; i++)); do
        running "$pid" || break
        sleep 0.1
    done
    running "$pid" && kill -9 "$pid"
done
rm -rf "$folder"
