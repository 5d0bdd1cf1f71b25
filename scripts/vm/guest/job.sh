#!/bin/sh
# Runs in the guest after each boot: says that it is ready, waits for the host's word, runs the job on the job disk, and
# reports. The other end is machine.py.
#
# Ports: vm.ctl carries "ready" and "rc N" out, and "go EPOCH" in; vm.out what the job says; vm.journal the journal of a job that failed.
# The machine may have been saved while it waited for that word: whatever differs from run to run is done after it.
set -eu

port() {
    for port in /sys/class/virtio-ports/*; do
        if [ "$(cat "$port/name")" = "$1" ]; then echo "/dev/${port##*/}"; fi
    done
}
disk() { grep -l "^$1\$" /sys/block/vd?/serial | cut -d / -f 4; }

modprobe -a zfs btrfs loop fuse
# Too early it says "starting", and a job wants a system that has started. Degraded is the job's to find.
systemctl is-system-running --wait >/dev/null || :
sync

exec 3<>"$(port vm.ctl)" 4>"$(port vm.out)"
echo ready >&3
read -r word epoch <&3
[ "$word" = go ]
date -s "@$epoch" >/dev/null

# Pages that were read before the machine was saved belong to another disk.
job=/dev/$(disk job)
blockdev --flushbufs "$job"
mkdir -p /job
mount -t ext4 "$job" /job
# Built programs know the place of the tree they were built in.
where=$(cat /job/.job/where)
mkdir -p "$where"
mount --bind /job "$where"
cd "$where"

rc=0
# One that hangs fails in time for its journal.
timeout --kill-after=10 1500 bash /job/.job/run >&4 2>&1 </dev/null || rc=$?
sync
if [ "$rc" != 0 ]; then journalctl --no-pager --output=short-monotonic >"$(port vm.journal)" || :; fi
echo "rc $rc" >&3
# The host switches the machine off.
read -r word <&3
