#!/bin/sh
# Prints the state of a job: running (or waiting), success or failed.    status.sh ID
set -u

# No answer says nothing about the job: the next check asks again. Without --parsable2, sacct pads and truncates what it prints.
answer=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1) || case $answer in
*"Invalid job id"*) # ended long ago
    answer=$(sacct --noheader --parsable2 --allocations --format=State --jobs="$1" 2> /dev/null) || answer=UNKNOWN
    ;;
*) answer=UNREACHABLE ;;
esac

# PREEMPTED is final: a preempted job that Slurm will restart is PENDING.
case $answer in
COMPLETED*) echo success ;;
BOOT_FAIL* | CANCELLED* | DEADLINE* | FAILED* | NODE_FAIL* | OUT_OF_MEMORY* | PREEMPTED* | REVOKED* | TIMEOUT* | UNKNOWN | "") echo failed ;;
*) echo running ;;
esac
