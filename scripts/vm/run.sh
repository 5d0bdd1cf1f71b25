#!/bin/bash
# Runs one command in the guest, with its output and its exit code: a disposable machine that has ZFS, systemd and PostgreSQL 17.
#
#   run.sh [--boot] -- COMMAND [ARG...]      --boot: boots instead of resuming the saved machine
#
# It runs as root in the tree, which has the place that it has here, with the binary as last built (target/debug/envclone).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
options=()
if [ "${1:-}" = --boot ]; then
    options+=(--boot)
    shift
fi
if [ "${1:-}" != -- ] || [ $# -lt 2 ]; then
    echo "usage: $0 [--boot] -- COMMAND [ARG...]" >&2
    exit 2
fi
shift

"$here/../install-packages.sh" vm
# What mmdebstrap mounts ends with it, also when it is killed.
state=$(unshare --mount -- "$here/image.sh")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/envclone-vm-XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
trap 'exit 130' INT TERM
printf 'exec %s\n' "${*@Q}" >"$work/run"
binary=$here/../../target/debug/envclone
programs=()
if [ -x "$binary" ]; then programs+=("$(realpath -- "$binary")"); fi
mkdir "$work/logs" "$work/made"
"$here/job-disk.sh" "$work/job.img" "$work/run" "$work/made" "${programs[@]}"
rc=0
"$here/machine.py" run "${options[@]}" --scratch "$work" "$state" "$work/job.img" "$work/logs" || rc=$?
if [ "$rc" = 125 ]; then cat "$work/logs/console.log" >&2; fi
exit "$rc"
