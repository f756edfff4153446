#!/bin/sh
# Installs Debian's Slurm if that needs no password; otherwise prints one sentence and exits with status 1.
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
echo "Slurm is not installed, and this user cannot install it with apt-get."
exit 1
