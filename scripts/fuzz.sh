#!/bin/sh
# Fuzzes the parsers of what rows hold, guided by coverage, with the compiler that builds the rest: libFuzzer needs only the
# counters, which LLVM puts in also outside of a nightly toolchain. Ends with the first failure; its input lies in target/fuzz.
#
#   fuzz.sh [SECONDS [TARGET…]]    60 seconds each, all targets
set -eu

PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- php json rules
command -v c++ >/dev/null 2>&1 || { echo "missing: a C++ compiler (c++), which builds libFuzzer
   get it: apt-get install g++" >&2; exit 1; }

host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-$root/target}/fuzz
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
# Line breaks are not taken as spaces everywhere.
RUSTFLAGS=$(printf '%s' "$RUSTFLAGS" | tr '\n' ' ')
export RUSTFLAGS
# A target of its own keeps these flags from build scripts and macros.
cargo build --release --manifest-path "$root/fuzz/Cargo.toml" --target "$host" --target-dir "$target"
for name in "$@"; do
    mkdir -p "$target/corpus/$name"
    echo "fuzzing $name for $seconds seconds"
    "$target/$host/release/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -verbosity=0 \
        -artifact_prefix="$target/$name-" "$target/corpus/$name"
done
