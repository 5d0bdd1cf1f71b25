#!/bin/sh
# Installs the Debian packages that are missing, and only those: with everything there it does nothing and needs no root.
#
#   install-packages.sh [run|test|vm]   what envclone needs to run (default), what its tests need on top, and what the guest of
#                                      `make test-vm` needs
#
# Looks for tools, not for package names: a PostgreSQL from another repository is as good as Debian's.
set -eu

group=${1:-run}
case $group in run | test | vm) ;; *) echo "usage: $0 [run|test|vm]" >&2; exit 2 ;; esac
PATH=$PATH:/usr/sbin:/sbin

missing=
need() { command -v "$1" >/dev/null 2>&1 || case " $missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac; }

# The newest server that is installed, as "15"; empty where there is none.
server() {
    for postgres in /usr/lib/postgresql/*/bin/postgres; do
        if [ -x "$postgres" ]; then basename "${postgres%/bin/postgres}"; fi
    done | sort -n | tail -n 1
}

# QEMU 7 crashes the guest.
oldest_qemu=10
qemu_is_new_enough() {
    found=$(qemu-system-x86_64 --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p')
    [ "${found:-0}" -ge "$oldest_qemu" ] && command -v qemu-img >/dev/null 2>&1
}

needs_to_run() {
    need btrfs btrfs-progs
    need mkfs.btrfs btrfs-progs
    need bwrap bubblewrap
    need ip iproute2
    need ss iproute2
    for tool in setpriv nsenter findmnt ionice; do need "$tool" util-linux; done
    for tool in mount umount losetup; do need "$tool" mount; done
    need psql postgresql-client
    version=$(server)
    if [ -z "$version" ] || [ "$version" -lt 14 ]; then missing="$missing postgresql"; fi
}

needs_to_test() {
    need pgbench postgresql-client
    need shellcheck shellcheck
    need pip3 python3-pip
    need openssl openssl
    need mmdebstrap mmdebstrap
    for tool in unshare flock; do need "$tool" util-linux; done
    # MariaDB, as far as a branch needs it: neither its service nor its account.
    need mariadbd mariadb-server-core
    need mariadb mariadb-client-core
    # The server of the tests, and a scheduler that their branches must not run.
    if [ ! -e /usr/share/postgresql/15/extension/pg_cron.control ]; then missing="$missing postgresql-15-cron"; fi
}

needs_for_vm() {
    need mmdebstrap mmdebstrap
    need mke2fs e2fsprogs
    need zstd zstd
    need unxz xz-utils
    need objcopy binutils
    need python3 python3-minimal
    for tool in flock setpriv unshare; do need "$tool" util-linux; done
    qemu_is_new_enough || missing="$missing qemu-system-x86 qemu-utils"
}

case $group in
    run) needs_to_run ;;
    test) needs_to_run; needs_to_test ;;
    vm) needs_for_vm ;;
esac

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: missing, and there is no apt-get here to install it:$missing (names of Debian packages)" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "error: missing packages; as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -q --no-install-recommends "$@" >/dev/null; }
apt-get update -q >/dev/null

# Debian makes and starts a cluster "main" on the first installation of a server. Nobody asked for one: say no while
# installing, and leave the file as it was.
case " $missing " in
    *" postgresql "*)
        install postgresql-common
        conf=/etc/postgresql-common/createcluster.conf
        saved=$(mktemp)
        cp -p "$conf" "$saved"
        trap 'cp -p "$saved" "$conf"; rm -f "$saved"' EXIT
        trap 'exit 130' INT TERM
        pg_conftool "$conf" set create_main_cluster off
        ;;
esac

# Debian 12 has QEMU 10 in its backports only. Read with lists of their own: the sources of this host stay as they are.
case " $missing " in
    *" qemu-system-x86 "*)
        candidate=$(apt-cache policy qemu-system-x86 | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9]*\)\..*/\2/p')
        if [ "${candidate:-0}" -lt "$oldest_qemu" ]; then
            # shellcheck disable=SC1091
            codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
            mirror=$("$(dirname -- "$0")/debian-mirror.sh")
            own=$(mktemp -d)
            trap 'rm -rf "$own"' EXIT
            trap 'exit 130' INT TERM
            mkdir -p "$own/lists/partial"
            chmod -R 755 "$own"
            printf 'deb %s %s main\n' "$mirror" "$codename" "$mirror" "$codename-updates" "$mirror" "$codename-backports" >"$own/sources.list"
            with_backports() {
                # The name of the file and the stroke after the directory's matter to apt.
                apt-get -o "Dir::Etc::SourceList=$own/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$own/lists/" \
                    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
            }
            with_backports update -q >/dev/null
            with_backports install -y -q --no-install-recommends -t "$codename-backports" qemu-system-x86 qemu-utils >/dev/null
            missing=$(echo " $missing " | sed 's/ qemu-system-x86 qemu-utils / /')
        fi
        ;;
esac
# shellcheck disable=SC2086 # a list of package names
[ -z "${missing# }" ] || install $missing
