#!/bin/sh
# Prints what became of a job: running (or waiting), success or failed.    status.sh ID
set -u

# A scheduler that does not answer says nothing about the job: it is asked again at the next check.
answer=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1) || case $answer in
*"Invalid job id"*) answer=$(sacct --noheader --allocations --format=State --jobs="$1" 2> /dev/null) || answer=UNKNOWN ;; # long ago
*) answer=UNREACHABLE ;;
esac

case $answer in
COMPLETED*) echo success ;;
BOOT_FAIL* | CANCELLED* | DEADLINE* | FAILED* | NODE_FAIL* | OUT_OF_MEMORY* | REVOKED* | TIMEOUT* | UNKNOWN | "") echo failed ;;
*) echo running ;;
esac
