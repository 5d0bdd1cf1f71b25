#!/bin/sh
# Lints every shell script of the repository.
set -eu

cd "$(dirname -- "$0")/.."
find scripts examples .ci -type f \( -name '*.sh' -o -path .ci/run \) -print0 | sort -z | xargs -0 shellcheck
