#!/bin/bash
# Runs the tests of the guest: builds them here, carries them in on a disk, and prints what they say there as its own.
#
#   test.sh [FILTER]     only tests whose name contains FILTER, of every suite
#
# Suites that need no boot share a machine that resumes its saved state. Beside it, one after the other, each test that reboots has
# a machine of its own, in which it is started again after each boot, until it has ended. Nothing of a machine stays. The
# seconds at which each test ended are in target/vm/*/times.log.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd -- "$here/../.." && pwd)
filter=${1:-}
logs=$repository/target/vm
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

# The test that makes the data directory of the tests' productions.
template=smoke::the_productions_of_the_tests_begin_with_a_cluster_of_the_guests_own_server

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

# The data directory that every production of the tests begins with, made here by the guest's own server from the guest's own
# files: in emulation that takes half a minute, and each machine would do it again.
make_template() {
    local guest=$work/guest
    mkdir -p "$guest" "$work/made" "$work/tree"
    cp -a --parents -- "$(realpath --relative-to="$repository" "$(executable vm)")" "$work/tree"
    # What is mounted ends with the command, also when it is killed.
    # shellcheck disable=SC2016 # the inner shell expands it
    unshare --mount -- bash -euc '
        mount -o loop,ro "$1/image/root.img" "$2"
        exec bwrap --die-with-parent --unshare-pid --unshare-net --dev /dev --proc /proc --perms 0755 --tmpfs /var/lib --perms 1777 --tmpfs /tmp \
            --ro-bind "$2/usr" /usr --ro-bind "$2/etc" /etc --symlink usr/bin /bin --symlink usr/sbin /sbin \
            --symlink usr/lib /lib --symlink usr/lib64 /lib64 --bind "$3" "$5" --dir "$5/target/tmp" --bind "$4" "$5/target/tmp" \
            --chdir "$5" -- "${@:6}"
    ' - "$state" "$guest" "$work/tree" "$work/made" "$repository" "$(executable vm)" --quiet --exact "$template" >"$work/template.log" 2>&1 ||
        { cat "$work/template.log" >&2; return 1; }
    if [ -z "$(find "$work/made" -name PG_VERSION -print -quit)" ]; then
        echo "error: the test $template made no data directory" >&2
        return 1
    fi
}

# run_in_guest LOGS PROGRAMS [OPTION...]: runs the script on stdin there, with these built tests.
run_in_guest() {
    local place=$1 rc=0 programs name disk
    disk=$work/$(basename -- "$place")
    programs=("$repository/target/debug/envclone")
    for name in $2; do programs+=("$(executable "$name")"); done
    shift 2
    rm -rf -- "$place"
    mkdir -p "$place"
    cat >"$disk.run"
    "$here/job-disk.sh" "$disk.img" "$disk.run" "$work/made" "${programs[@]}"
    "$here/machine.py" run "$@" --scratch "$work" "$state" "$disk.img" "$place" || rc=$?
    rm -- "$disk.img"
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

# Each test that reboots, one after the other.
reboot() {
    local test place failed=0
    while read -r test; do
        printf '\n     Rebooting the guest: vm_reboot %s\n' "$test"
        place=$logs/${test//:/-}
        # The journal of all boots is wanted when it fails.
        run_in_guest "$place" vm_reboot --reboots <<JOB || failed=1
export RUST_BACKTRACE=1
if [ ! -d /var/log/journal ]; then mkdir /var/log/journal; journalctl --flush; fi
exec $(executable vm_reboot) --exact ${test@Q}
JOB
        check_counts "$place" 1 || failed=1
    done <"$work/reboots"
    return "$failed"
}

# The script for the machine that is resumed.
suites_that_need_no_boot() {
    echo "export RUST_BACKTRACE=1 failed=0"
    # shellcheck disable=SC2016,SC2028 # the guest's shell reads it
    echo 'run() { printf "\n     Running in the guest: %s %s\n" "$1" "${*:3}"; shift; "$@" || failed=1; }'
    if [ -n "$(list vm "$filter")" ]; then echo "run vm $(executable vm) ${filter@Q}"; fi
    if [ -n "$(list live "${live[@]}")" ]; then echo "run live $(executable live) ${live[*]@Q}"; fi
    # shellcheck disable=SC2016
    echo 'exit $failed'
}

"$here/../install-packages.sh" vm
# A directory for the logs that no other run writes to.
mkdir -p "$repository/target"
slot=1
while exec 8>"$logs.lock" && ! flock -n 8; do
    slot=$((slot + 1))
    logs=$repository/target/vm-$slot
done
rm -rf -- "$logs"
# What mmdebstrap mounts ends with it, also when it is killed.
state=$(unshare --mount -- "$here/image.sh")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/envclone-vm-XXXXXX")
rebooting=
# shellcheck disable=SC2317,SC2329 # called by the trap
clean_up() {
    # With its machine: it is a group of its own.
    if [ -n "$rebooting" ]; then kill -- "-$rebooting" 2>/dev/null || :; fi
    rm -rf --one-file-system -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd "$repository"
build >"$work/executables"
make_template

failed=0
if [ -n "$filter" ]; then live=("$filter"); fi
suites_that_need_no_boot >"$work/resumed"
suites=$(grep -c '^run ' "$work/resumed" || :)
list vm_reboot "$filter" >"$work/reboots"
if [ "$suites" = 0 ] && [ ! -s "$work/reboots" ]; then
    echo "error: no test is named like that: $filter" >&2
    exit 1
fi
# Beside the suites, since a boot leaves most of a processor idle; what it says comes after theirs.
: >"$work/rebooting"
set -m
reboot >"$work/rebooting" 2>&1 &
rebooting=$!
set +m
if [ "$suites" != 0 ]; then
    run_in_guest "$logs/resumed" "vm live" <"$work/resumed" || failed=1
    check_counts "$logs/resumed" "$suites" || failed=1
fi
tail --pid="$rebooting" -n +1 -f "$work/rebooting"
wait "$rebooting" || failed=1
rebooting=
exit "$failed"
