#!/bin/sh
# Installs the Debian packages that are missing, and only those: with everything there it does nothing and needs no root.
#
#   install-packages.sh [run|test]     what envclone needs to run (default), and what its tests need on top
#
# Looks for tools, not for package names: a PostgreSQL from another repository is as good as Debian's.
set -eu

group=${1:-run}
case $group in run | test) ;; *) echo "usage: $0 [run|test]" >&2; exit 2 ;; esac
PATH=$PATH:/usr/sbin:/sbin

missing=
need() { command -v "$1" >/dev/null 2>&1 || case " $missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac; }

# The newest server that is installed, as "15"; empty where there is none.
server() {
    for postgres in /usr/lib/postgresql/*/bin/postgres; do
        if [ -x "$postgres" ]; then basename "${postgres%/bin/postgres}"; fi
    done | sort -n | tail -n 1
}

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
if [ "$group" = test ]; then
    need pgbench postgresql-client
    need shellcheck shellcheck
    need pip3 python3-pip
    need openssl openssl
    # The server of the tests, and a scheduler that their branches must not run.
    if [ ! -e /usr/share/postgresql/15/extension/pg_cron.control ]; then missing="$missing postgresql-15-cron"; fi
fi

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
# shellcheck disable=SC2086 # a list of package names
install $missing
