#!/bin/bash
# Runs the tests of the guest: builds them here, carries them in on a disk, and prints what they say there as its own.
#
#   test.sh [FILTER]     only tests whose name contains FILTER, of every suite
#
# Each suite has a machine that resumes its saved state, and so has each test that reboots, which is started again after each boot,
# until it has ended. Two machines run at a time. Nothing of a machine stays. When each test ended is in target/vm/*/times.log, by
# the clock and in seconds of the host's processors.
# shellcheck disable=SC2317,SC2329 # functions are called by in_turn and by a trap
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
# The tests of tests/vm.rs that share a machine, by how their names begin: a test is of the first one that fits. Each of these takes
# three to five minutes, so that two machines at a time end together.
parts=(zfs_conformance:: zfs_ kill:: '')

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
        exec bwrap --die-with-parent --setenv ENVCLONE_TEST_WAL_SEGMENT_MIB 1 --unshare-pid --unshare-net --dev /dev --proc /proc --perms 0755 --tmpfs /var/lib --perms 1777 --tmpfs /tmp \
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
    "$here/machine.py" run --limit 1700 "$@" --scratch "$work" "$state" "$disk.img" "$place" || rc=$?
    rm -- "$disk.img"
    if [ "$rc" != 0 ]; then echo "error: the guest's console, output and journal are in $place" >&2; fi
    return "$rc"
}

# The tests of a suite whose names contain a filter; lists only, nothing of it runs here.
list() { "$(executable "$1")" --list --format terse "${@:2}" | sed -n 's/: test$//p'; }

# check_counts LOGS: nothing may be skipped, and the suite ends with tests that passed.
check_counts() {
    awk '
        /^test result: / { results++; ignored += $8; if ($4 == 0) empty = 1 }
        END {
            if (ignored) problem = "tests were skipped in the guest"
            else if (empty) problem = "no test of a suite passed in the guest"
            else if (results != 1) problem = "a suite did not end in the guest"
            if (problem) { print "error: " problem > "/dev/stderr"; exit 1 }
        }' "$1/out.log"
}

# machine NAME SUITE [ARG...]: the tests of a suite, with these words for it, in a machine that is resumed.
machine() {
    local place=$logs/$1 failed=0
    printf '\n     Running in the guest: %s\n' "${*:2}"
    # Two of them: while one waits for a server or for the disk, the other goes on.
    run_in_guest "$place" "$2" <<JOB || failed=1
export RUST_BACKTRACE=1
exec $(executable "$2") --test-threads=2 ${*:3}
JOB
    check_counts "$place" || failed=1
    return "$failed"
}

# machine_that_reboots TEST
machine_that_reboots() {
    local place=$logs/${1//:/-} failed=0
    printf '\n     Rebooting the guest: vm_reboot %s\n' "$1"
    # The journal of all boots is wanted when it fails.
    run_in_guest "$place" vm_reboot --reboots <<JOB || failed=1
export RUST_BACKTRACE=1
if [ ! -d /var/log/journal ]; then mkdir /var/log/journal; journalctl --flush; fi
exec $(executable vm_reboot) --exact ${1@Q}
JOB
    check_counts "$place" || failed=1
    return "$failed"
}

# in_turn COMMAND...: runs it beside the others, two at a time in the order of the calls; what it says is kept for later.
in_turn() {
    local said=$work/said-${#running[@]}
    : >"$said"
    # With its machine it is a group of its own.
    set -m
    {
        read -r -n 1 -u 7
        failed=0
        "$@" || failed=1
        printf x >&7
        exit "$failed"
    } >"$said" 2>&1 &
    set +m
    running+=("$!")
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
running=()
clean_up() {
    local group
    for group in "${running[@]}"; do kill -- "-$group" 2>/dev/null || :; done
    rm -rf --one-file-system -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd "$repository"
build >"$work/executables"
make_template

mkfifo "$work/turns"
exec 7<>"$work/turns"
printf xx >&7
list vm "$filter" >"$work/left"
list vm_reboot "$filter" >"$work/reboots"
# The longest machines first, and one that reboots before the last two parts, so that two machines at a time end together.
for number in "${!parts[@]}"; do
    part=${parts[number]}
    mapfile -t tests < <(grep "^$part" "$work/left" || :)
    grep -v "^$part" "$work/left" >"$work/others" || :
    mv -- "$work/others" "$work/left"
    name=vm-${part%%::*}
    if [ "${#tests[@]}" != 0 ]; then in_turn machine "${name%[-_]}" vm --exact "${tests[@]}"; fi
    case $number in
    0) mapfile -t tests < <(grep '::on_zfs_' "$work/reboots" || :) ;;
    2) mapfile -t tests < <(grep -v '::on_zfs_' "$work/reboots" || :) ;;
    *) tests=() ;;
    esac
    for test in "${tests[@]}"; do in_turn machine_that_reboots "$test"; done
done
list live "${live[@]}" >"$work/live"
mapfile -t tests < <(grep -F -- "$filter" "$work/live" || :)
if [ "${#tests[@]}" != 0 ]; then in_turn machine live live --exact "${tests[@]}"; fi
if [ "${#running[@]}" = 0 ]; then
    echo "error: no test is named like that: $filter" >&2
    exit 1
fi
failed=0
for number in "${!running[@]}"; do
    # Waited for, so that a signal is heard meanwhile.
    tail --pid="${running[$number]}" -n +1 -f "$work/said-$number" &
    wait "$!"
    wait "${running[$number]}" || failed=1
done
running=()
exit "$failed"
