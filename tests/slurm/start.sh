#!/usr/bin/env bash
# Start a SLURM of one node with made-up GPUs for tests; root, Debian's slurm-wlm and munge.
#
#   bash tests/slurm/start.sh        # again is harmless
#   bash tests/slurm/stop.sh
#
# Jobs look for /etc/slurm/slurm.conf, so that is where the configuration goes; one that somebody
# else wrote is left alone. Devices are /dev/emc-fake-gpu*, twins of /dev/null. Memory limits are
# not enforced. A requeued job waits until its credential has expired, hence the short time.
set -euo pipefail
conf=/etc/slurm/slurm.conf
folder=/tmp/emc-slurm
gpus=4
if [ -e "$conf" ] && ! grep -q "^ClusterName=emc-tests$" "$conf"; then
    echo "$conf is another cluster's" >&2
    exit 1
fi
host=$(hostname -s)

within() { # seconds, command: repeat the command until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "not in time: $*" >&2; return 1; }
        sleep 0.3
    done
}

mkdir -p "$folder/state" "$folder/spool" /run/munge /etc/slurm
chown munge: /run/munge
if ! munge -n >/dev/null 2>&1; then
    if [ ! -s /etc/munge/munge.key ]; then
        head -c 128 /dev/urandom >/etc/munge/munge.key
        chown munge: /etc/munge/munge.key
        chmod 400 /etc/munge/munge.key
    fi
    runuser -u munge -- /usr/sbin/munged
fi
within 10 munge -n

for gpu in $(seq 0 $((gpus - 1))); do
    [ -e "/dev/emc-fake-gpu$gpu" ] || mknod -m 666 "/dev/emc-fake-gpu$gpu" c 1 3
done

cat >"$conf" <<CONF
ClusterName=emc-tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=10
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=3,sched_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
MinJobAge=3600
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:fake:$gpus
PartitionName=main Nodes=$host Default=YES PriorityTier=10 PreemptMode=OFF
PartitionName=low Nodes=$host PriorityTier=1 PreemptMode=REQUEUE
CONF
echo "NodeName=$host Name=gpu Type=fake File=/dev/emc-fake-gpu[0-$((gpus - 1))]" >/etc/slurm/gres.conf

running() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
running "$folder/slurmctld.pid" || slurmctld
within 20 scontrol ping
running "$folder/slurmd.pid" || slurmd
ready() { sinfo --noheader --format %T | grep -Eq '^(idle|mixed|allocated)$'; }
within 20 ready
