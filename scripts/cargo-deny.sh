#!/bin/sh
# `cargo deny check bans licenses sources` with a pinned cargo-deny, built once below target/tools: without optimizing, since
# building takes longer than the checking ever will (a minute on two cores).
# Without advisories: their database is a download that a test must not depend on.
set -eu

version=0.20.2
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tools=$root/target/tools
cd "$root"
if [ "$("$tools/bin/cargo-deny" --version 2>/dev/null || :)" != "cargo-deny $version" ]; then
    cargo install --locked --quiet --debug --force --root "$tools" --version "$version" cargo-deny
fi
exec "$tools/bin/cargo-deny" --locked --log-level error check --hide-inclusion-graph bans licenses sources
