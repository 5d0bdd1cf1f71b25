#!/bin/sh
# Checks that there is a C linker and a Rust new enough, and says how to get what is missing. Installs nothing.
#
#   check-toolchain.sh [build|test]    test also wants rustfmt and clippy
set -eu

PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
bad=0
complain() { bad=1; printf 'missing: %s\n   get it: %s\n' "$1" "$2" >&2; }

rustup_hint="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt -c clippy"

command -v cc >/dev/null 2>&1 || complain "a C compiler (cc), which links Rust programs" "apt-get install gcc libc6-dev"
if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
    complain "Rust $wanted or newer (cargo, rustc); Debian 12's own is older" "$rustup_hint"
else
    found=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)
    [ "$oldest" = "$wanted" ] || complain "Rust $wanted or newer; $(command -v rustc) is $found" "rustup update stable, or: $rustup_hint"
    if [ "${1:-build}" = test ]; then
        cargo fmt --version >/dev/null 2>&1 || complain "cargo fmt" "rustup component add rustfmt"
        cargo clippy --version >/dev/null 2>&1 || complain "cargo clippy" "rustup component add clippy"
    fi
fi
exit "$bad"
