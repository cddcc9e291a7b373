#!/usr/bin/env bash
# Stop what start.sh started, by the process ids it left, and forget it; munge stays.
set -uo pipefail
conf=/etc/slurm/slurm.conf
folder=/tmp/emc-slurm
grep -q "^ClusterName=emc-tests$" "$conf" 2>/dev/null || exit 0
timeout 10 scancel --user "$(id -un)" 2>/dev/null
for name in slurmd slurmctld; do
    [ -s "$folder/$name.pid" ] || continue
    pid=$(cat "$folder/$name.pid")
    kill "$pid" 2>/dev/null
    for _ in $(seq 40); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.25
    done
done
rm -rf "$conf" /etc/slurm/gres.conf "$folder" /dev/emc-fake-gpu*
