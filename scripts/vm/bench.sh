#!/bin/bash
# Measures the time to URL on ZFS in the guest, and puts that chapter into docs/benchmarks.md.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd -- "$here/../.." && pwd)
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

"$here/../install-packages.sh" vm
# What mmdebstrap mounts ends with it, also when it is killed.
state=$(unshare --mount -- "$here/image.sh")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/envclone-vm-XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
trap 'exit 130' INT TERM
cd "$repository"
cargo bench --locked --no-run --message-format=json-render-diagnostics --bench branch >"$work/built.json"
bench=$(python3 -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    message = json.loads(line)
    if message["reason"] == "compiler-artifact" and message["executable"] and message["target"]["name"] == "branch":
        print(message["executable"])' "$work/built.json")
printf 'exec %q zfs\n' "$bench" >"$work/run"
mkdir "$work/logs" "$work/made"
"$here/job-disk.sh" "$work/job.img" "$work/run" "$work/made" "$repository/target/release/envclone" "$bench"
rc=0
"$here/machine.py" run --limit 3600 --scratch "$work" "$state" "$work/job.img" "$work/logs" || rc=$?
if [ "$rc" != 0 ]; then
    tail -n 40 "$work/logs/journal.log" "$work/logs/console.log" >&2
    exit "$rc"
fi
"$bench" keep-zfs "$work/logs/out.log"
