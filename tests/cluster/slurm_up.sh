#!/usr/bin/env bash
# Starts a throw-away Slurm of two nodes on the loopback interface, as the current user; it writes only below one folder.
# Usage: slurm_up.sh FOLDER        then: source FOLDER/environment; stop it with slurm_down.sh FOLDER
# Needs Debian's packages slurmctld, slurmd, slurm-client and munge (`install_slurm.sh` installs them).
set -euo pipefail
PATH=/usr/bin:/usr/sbin:$PATH
umask 022

folder=$1
cpus=8 memory_mb=20000 gpus=2 # per node; Slurm does not check that they exist
host=$(hostname -s)
user=$(id -un)
mkdir "$folder" "$folder"/{munge,state,spool,spool/n1,spool/n2,log,run,dev,bin}

(umask 077 && head -c 1024 /dev/urandom > "$folder/munge/key")

# A GPU's file must be a character device.
for ((i = 0; i < gpus; i++)); do ln -s /dev/null "$folder/dev/gpu$i"; done
echo "Name=gpu File=$folder/dev/gpu[0-$((gpus - 1))]" > "$folder/gres.conf"

# Slurm listens on the loopback interface only if the host's name resolves to it; otherwise munge still keeps strangers out.
communication=
case "$(getent ahostsv4 "$host" | head -n 1)" in
127.*) communication="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" ;;
esac

cat > "$folder/slurm.conf" << END
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16917
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until its credential expires, two minutes by default.
AuthInfo=socket=$folder/munge/socket,cred_expire=15
$communication
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
# Kill jobs that exceed their memory, as control groups would.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=50000,bf_interval=5
GresTypes=gpu
# Finished jobs are kept for a day, since the tests query them.
MinJobAge=86400
KillWait=5
# A node that does not answer for twenty seconds is down until it answers again.
SlurmdTimeout=20
ReturnToService=2
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=16921-16922 CPUs=$cpus RealMemory=$memory_mb Gres=gpu:$gpus
PartitionName=main Nodes=ALL Default=YES State=UP
END
export SLURM_CONF=$folder/slurm.conf

# Inside a job, the executor plugin drops all variables that begin with SLURM_ before it calls srun, including SLURM_CONF.
cat > "$folder/bin/srun" << END
#!/bin/sh
export SLURM_CONF=$SLURM_CONF
exec /usr/bin/srun "\$@"
END
chmod +x "$folder/bin/srun"
echo "export SLURM_CONF=$SLURM_CONF PATH=$folder/bin:\$PATH" > "$folder/environment"

munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --seed-file="$folder/munge/seed" \
    --pid-file="$folder/run/munged.pid" --log-file="$folder/log/munged.log"
slurmctld
slurmd -N n1
slurmd -N n2

for ((end = SECONDS + 30; SECONDS < end; )); do
    if [ "$(timeout 5 sinfo --noheader --Node --format=%T 2> /dev/null | grep -c '^idle$')" = 2 ]; then exit 0; fi
    sleep 0.2
done
echo "Slurm did not start within 30 seconds; its logs are in $folder/log." >&2
tail -n 5 "$folder"/log/*.log >&2
exit 1
