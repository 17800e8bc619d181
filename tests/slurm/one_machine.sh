#!/usr/bin/env bash
# A real Slurm on this machine alone, with two pretended GPUs: to try `xstilts run STUDY --profile slurm` without a cluster.
#   sudo tests/slurm/one_machine.sh start     installs slurm-wlm and munge (Debian, Ubuntu), writes /etc/slurm, starts the daemons
#   sudo tests/slurm/one_machine.sh stop      ends the daemons, removes what start wrote (the packages stay)
# For trials and tests only: no accounting, no cgroups, every daemon as root. It never touches a Slurm that it did not set up.
set -eu

mark="# one-machine Slurm of xstilts"
etc=/etc/slurm # not a folder of our own: with SLURM_CONF alone, srun inside a job does not find it
state=/var/lib/xstilts-slurm
action="${1:-}"

refuse() {
    echo "one_machine.sh: $1" >&2
    exit 2
}

case "$action" in start | stop) ;; *) refuse "unknown action '$action': say start or stop" ;; esac
[ "$(id -u)" -eq 0 ] || refuse "this needs root: it writes $etc and starts daemons"
for file in slurm.conf gres.conf; do
    if [ -e "$etc/$file" ] && ! head -n 1 "$etc/$file" | grep -qxF "$mark"; then
        refuse "$etc/$file is not from this script: this machine has a Slurm of its own, which stays as it is"
    fi
done

stop() {
    for daemon in slurmd slurmctld munged; do
        if [ -s "$state/$daemon.pid" ]; then
            kill "$(cat "$state/$daemon.pid")" 2>/dev/null || true
            for _ in $(seq 50); do
                kill -0 "$(cat "$state/$daemon.pid" 2>/dev/null)" 2>/dev/null || break
                sleep 0.2
            done
        fi
    done
    rm -rf "$state" "$etc/slurm.conf" "$etc/gres.conf"
}

if [ "$action" = stop ]; then
    if [ -e "$etc/slurm.conf" ]; then timeout 10 scancel --user root || true; fi
    stop
    exit 0
fi

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    command -v apt-get >/dev/null || refuse "no Slurm here, and no apt-get to install it"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
fi

stop # an earlier start of this script
name="$(hostname -s)"
install -d "$etc" "$state" "$state/ctld" "$state/node"
for number in 0 1; do # Slurm wants character devices: two more names of /dev/null do, nothing ever opens them
    mknod "$state/gpu$number" c 1 3
done
cat >"$etc/slurm.conf" <<CONF
$mark
ClusterName=xstilts
SlurmctldHost=$name(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/node
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
MinJobAge=3600
GresTypes=gpu
$(slurmd -C | head -n 1) NodeAddr=127.0.0.1 Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
cat >"$etc/gres.conf" <<CONF
$mark
NodeName=$name Name=gpu File=$state/gpu[0-1]
CONF

if ! timeout 10 munge -n >/dev/null 2>&1; then
    install -d -o munge -g munge -m 755 /run/munge
    touch "$state/munged.pid" && chown munge: "$state/munged.pid"
    runuser -u munge -- /usr/sbin/munged --pid-file="$state/munged.pid"
fi
slurmctld -c
slurmd
for _ in $(seq 60); do
    if sinfo --noheader --format=%t 2>/dev/null | grep -qx idle; then
        sinfo --noheader --format="%N: %t, %c CPUs, %m MB, %G"
        exit 0
    fi
    sleep 0.5
done
tail -n 20 "$state/slurmctld.log" "$state/slurmd.log" >&2
refuse "the node did not become idle within 30 seconds: the ends of its logs stand above"
