#!/bin/bash
# Makes the disk that carries a job into the guest: the script that it runs there, the files of the tree that it may need, and
# built programs, each below the place that the tree has here, which built programs know.
#
#   job-disk.sh DISK SCRIPT MADE [PROGRAM...]     made: what lies in target/tmp there, with its owners; programs: files below the tree
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: $0 DISK SCRIPT MADE [PROGRAM...]" >&2; exit 2; }
disk=$1 script=$2 made=$3
shift 3
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# The size of the disk that the saved machine has.
size=$(sed -n 's/^JOB_MIB = \([0-9]*\)$/\1/p' "$here/scripts/vm/machine.py")
tree=$(mktemp -d "$disk.tree-XXXXXX")
trap 'rm -rf --one-file-system -- "$tree"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$tree"

cd "$here"
cp -a Makefile scripts examples man completions "$tree"
for program in "$@"; do
    inside=${program#"$here/"}
    mkdir -p "$tree/$(dirname -- "$inside")"
    cp -- "$program" "$tree/$inside"
done
mkdir -p "$tree/target/tmp" "$tree/.job"
pwd >"$tree/.job/where"
cp -- "$script" "$tree/.job/run"
chown -Rh 0:0 "$tree"
cp -a -- "$made/." "$tree/target/tmp"
truncate -s "${size}M" "$disk"
/usr/sbin/mke2fs -q -F -t ext4 -O ^resize_inode,^has_journal -E lazy_itable_init=1,root_owner=0:0 -m 0 -d "$tree" "$disk"
