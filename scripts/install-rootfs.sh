#!/bin/sh
# Unpacks the root file system that the tests run a server from, Debian 13 with PostgreSQL 17, and with what they try in a
# branch and must be refused, into /var/cache/envclone-tests/rootfs-HASH: 250 MB, a minute, from the mirror that this host's apt
# uses. With everything there it does nothing. Prints where it is.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=/var/cache/envclone-tests
suite=trixie
# Of this script without its comments.
recipe=$(grep -v '^ *#' "$0" | sha256sum | cut -c 1-16)
place=$cache/rootfs-$recipe
if [ -d "$place" ]; then
    echo "$place"
    exit 0
fi
[ "$(id -u)" = 0 ] || { echo "error: run this as root: it makes a root file system" >&2; exit 1; }
umask 022
PATH=$PATH:/usr/sbin:/sbin
# What it mounts in there goes with it, also when it is killed.
if [ "${1:-}" != --apart ]; then exec unshare --mount -- "$0" --apart; fi

mkdir -p "$cache"
exec 9>"$cache/rootfs.lock"
flock 9
if [ -d "$place" ]; then
    echo "$place"
    exit 0
fi
# What a run that was killed left, and what older recipes made: the newest two stay, since another tree may use one.
rm -rf --one-file-system -- "$cache"/.unpacking-*
# shellcheck disable=SC2012 # names of our own
ls -1dt "$cache"/rootfs-*/ 2>/dev/null | tail -n +3 | while read -r old; do rm -rf --one-file-system -- "$old"; done
mirror=$("$here/debian-mirror.sh")
work=$(mktemp -d "$cache/.unpacking-XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"
echo "unpacking a root file system of Debian's $suite with PostgreSQL 17 for the tests (once; about a minute)" >&2

# Without documents, translations, and LLVM, without which PostgreSQL loses nothing but its JIT.
set --
for path in '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/doc/*' '/usr/share/info/*' '/usr/lib/llvm-19/*' \
    '/usr/lib/x86_64-linux-gnu/libLLVM*' '/usr/lib/postgresql/17/lib/llvmjit*' '/usr/lib/postgresql/17/lib/bitcode/*'; do
    set -- "$@" "--dpkgopt=path-exclude=$path"
done
# shellcheck disable=SC2016 # mmdebstrap's shell expands it
if ! mmdebstrap --quiet --mode=root --variant=essential --aptopt='APT::Install-Recommends "false"' "$@" \
    --hook-dir=/usr/share/mmdebstrap/hooks/eatmydata --include=postgresql-17,btrfs-progs,mount \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
    "$suite" "$work/root" "deb $mirror $suite main" >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    echo "error: mmdebstrap could not unpack Debian's $suite with postgresql-17 from $mirror, the mirror of this host's apt;" \
        "its last words are above" >&2
    exit 1
fi
said=$(chroot "$work/root" /usr/lib/postgresql/17/bin/postgres --version)
case $said in
    "postgres (PostgreSQL) 17."*) ;;
    *) echo "error: the server of the root file system from $mirror is another one: $said" >&2; exit 1 ;;
esac
mv -T -- "$work/root" "$place"
echo "$place"
