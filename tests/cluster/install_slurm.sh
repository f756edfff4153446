#!/bin/sh
# Installs Debian's Slurm where that is possible without a question; exit status 1 and one sentence where it is not.
set -u
PATH=/usr/bin:/usr/sbin:$PATH

installed() { for program in munged slurmctld slurmd sbatch; do command -v "$program" > /dev/null || return 1; done; }

installed && exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get > /dev/null && $as_root true 2> /dev/null; then
    $as_root apt-get update -qq > /dev/null 2>&1
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge > /dev/null 2>&1
    installed && exit 0
fi
echo "Slurm is not installed, and cannot be by this user with apt-get."
exit 1
