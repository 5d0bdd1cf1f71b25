#!/bin/sh
# Prints where this host gets Debian from, as its own apt sources say.
set -eu

# shellcheck disable=SC1091
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
# apt writes its own $(...) here.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $codename" 'Component: main' | head -n 1)
if [ -z "$mirror" ]; then
    echo "error: the apt sources of this host name no mirror for Debian's $codename main" >&2
    exit 1
fi
echo "$mirror"
