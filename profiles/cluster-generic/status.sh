#!/bin/sh
# Prints what became of a job: running (or waiting), success or failed.    status.sh ID
set -u

# A scheduler that does not answer says nothing about the job: it is asked again at the next check. sacct pads and cuts what it prints
# unless it is told to be parsable.
answer=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1) || case $answer in
*"Invalid job id"*) # long ago
    answer=$(sacct --noheader --parsable2 --allocations --format=State --jobs="$1" 2> /dev/null) || answer=UNKNOWN
    ;;
*) answer=UNREACHABLE ;;
esac

# PREEMPTED is an end: a preempted job that Slurm starts again is PENDING.
case $answer in
COMPLETED*) echo success ;;
BOOT_FAIL* | CANCELLED* | DEADLINE* | FAILED* | NODE_FAIL* | OUT_OF_MEMORY* | PREEMPTED* | REVOKED* | TIMEOUT* | UNKNOWN | "") echo failed ;;
*) echo running ;;
esac
