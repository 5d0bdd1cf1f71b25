#!/bin/bash
# Runs the tests of the guest: builds them here, carries them in on a disk, and prints what they say there as its own.
#
#   test.sh [FILTER]     only tests whose name contains FILTER, of every suite
#
# Suites that need no boot share a machine that resumes its saved state. Each test that reboots has a machine of its own, in
# which it is started again after each boot, until it has ended. Nothing of a machine stays.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd -- "$here/../.." && pwd)
filter=${1:-}
logs=$repository/target/vm
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# Modules of tests/live.rs that run in the guest as well. The others need servers that are not there (PostgreSQL 15 with
# pg_cron, and 14, 16 and 18), or have nothing to do with what is different in the guest.
live=(storage::)

# Builds the tests; prints "NAME EXECUTABLE" of each.
build() {
    cargo test --locked --no-run --message-format=json-render-diagnostics --test vm --test vm_reboot --test live >"$work/built.json"
    python3 - "$work/built.json" <<'PYTHON'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    message = json.loads(line)
    if message["reason"] == "compiler-artifact" and message["executable"] and message["profile"]["test"]:
        print(message["target"]["name"], message["executable"])
PYTHON
}

executable() { awk -v name="$1" '$1 == name { print $2 }' "$work/executables"; }

# run_in_guest LOGS [OPTION...]: runs the script on stdin there.
run_in_guest() {
    local place=$1 rc=0 programs
    shift
    rm -rf -- "$place"
    mkdir -p "$place"
    cat >"$work/run"
    readarray -t programs < <(cut -d ' ' -f 2- "$work/executables")
    "$here/job-disk.sh" "$work/job.img" "$work/run" "$repository/target/debug/envclone" "${programs[@]}"
    "$here/machine.py" run "$@" --scratch "$work" "$state" "$work/job.img" "$place" || rc=$?
    if [ "$rc" != 0 ]; then echo "error: the guest's console, output and journal are in $place" >&2; fi
    return "$rc"
}

# The tests of a suite whose names contain a filter; lists only, nothing of it runs here.
list() { "$(executable "$1")" --list --format terse "${@:2}" | sed -n 's/: test$//p'; }

# check_counts LOGS SUITES: nothing may be skipped, and each of so many suites ends with tests that passed.
check_counts() {
    awk -v suites="$2" '
        /^test result: / { results++; ignored += $8; if ($4 == 0) empty = 1 }
        END {
            if (ignored) problem = "tests were skipped in the guest"
            else if (empty) problem = "no test of a suite passed in the guest"
            else if (results != suites) problem = "a suite did not end in the guest"
            if (problem) { print "error: " problem > "/dev/stderr"; exit 1 }
        }' "$1/out.log"
}

"$here/../install-packages.sh" vm
# What mmdebstrap mounts ends with it, also when it is killed.
state=$(unshare --mount -- "$here/image.sh")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/envclone-vm-XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
trap 'exit 130' INT TERM
cd "$repository"
build >"$work/executables"

failed=0
if [ -n "$filter" ]; then live=("$filter"); fi
suites=0
{
    echo "export RUST_BACKTRACE=1 failed=0"
    # shellcheck disable=SC2016,SC2028 # the guest's shell reads it
    echo 'run() { printf "\n     Running in the guest: %s %s\n" "$1" "${*:3}"; shift; "$@" || failed=1; }'
    if [ -n "$(list vm "$filter")" ]; then
        echo "run vm $(executable vm) ${filter@Q}"
        suites=$((suites + 1))
    fi
    if [ -n "$(list live "${live[@]}")" ]; then
        echo "run live $(executable live) ${live[*]@Q}"
        suites=$((suites + 1))
    fi
    # shellcheck disable=SC2016
    echo 'exit $failed'
} >"$work/resumed"
if [ "$suites" != 0 ]; then
    run_in_guest "$logs/resumed" <"$work/resumed" || failed=1
    check_counts "$logs/resumed" "$suites" || failed=1
fi

list vm_reboot "$filter" >"$work/reboots"
while read -r test <&3; do
    printf '\n     Rebooting the guest: vm_reboot %s\n' "$test"
    place=$logs/${test//:/-}
    # The journal of all boots is wanted when it fails.
    run_in_guest "$place" --reboots <<JOB || failed=1
export RUST_BACKTRACE=1
if [ ! -d /var/log/journal ]; then mkdir /var/log/journal; journalctl --flush; fi
exec $(executable vm_reboot) --exact ${test@Q}
JOB
    check_counts "$place" 1 || failed=1
done 3<"$work/reboots"
if [ "$suites" = 0 ] && [ ! -s "$work/reboots" ]; then
    echo "error: no test is named like that: $filter" >&2
    failed=1
fi
exit "$failed"
