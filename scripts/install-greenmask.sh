#!/bin/sh
# Builds Greenmask, which the bench compares with where it is asked to, into /var/cache/envclone-tests/greenmask-VERSION, by Go from
# the module proxy that it is set to. With everything there it does nothing. Prints where its program is.
set -eu

version=0.2.22
place=/var/cache/envclone-tests/greenmask-$version
if [ ! -x "$place/greenmask" ]; then
    if ! command -v go >/dev/null 2>&1; then
        echo "error: Greenmask is a Go program, and there is no go here to build it with" >&2
        exit 1
    fi
    echo "building Greenmask $version for the bench (once)" >&2
    mkdir -p "$(dirname -- "$place")"
    work=$(mktemp -d "$place.XXXXXX")
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    # As a requirement at that version: `go install` would ask for the list of all versions first.
    printf 'module bench\n\ngo 1.21\n\nrequire github.com/greenmaskio/greenmask v%s\n' "$version" >"$work/go.mod"
    if ! (cd "$work" && GOPATH=$work/go GOCACHE=$work/cache go build -mod=mod -o "$work/greenmask" github.com/greenmaskio/greenmask/cmd/greenmask) \
        >"$work/log" 2>&1; then
        tail -n 20 "$work/log" >&2
        echo "error: Greenmask $version could not be built by go; its last words are above" >&2
        exit 1
    fi
    mkdir -p "$place"
    mv -- "$work/greenmask" "$place/greenmask"
fi
echo "$place/greenmask"
