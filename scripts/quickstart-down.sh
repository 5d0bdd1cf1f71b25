#!/usr/bin/env bash
# Removes what quickstart.sh made, and nothing else. Packages stay installed. Running it again is harmless.
#
#   quickstart-down.sh [ENVCLONE]     the binary; default: target/release/envclone
set -euo pipefail

repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
envclone=$(realpath -m -- "${1:-$repository/target/release/envclone}")
# shellcheck source=scripts/quickstart-places.sh
. "$repository/scripts/quickstart-places.sh"

# Branches go by envclone itself: it alone knows their processes, namespaces and marks. A branch that has branches of its
# own is refused until they are gone, so: as long as a round removes something, another round.
destroy_branches() {
    [ -n "$(find "$home/state/shop/environments" -name '*.json' -print -quit 2>/dev/null)" ] || return 0
    if [ ! -x "$envclone" ] || [ ! -f "$config" ]; then
        die "there are branches, and it takes $envclone and $config to destroy them; run: make build"
    fi
    is_mounted || "$envclone" --config "$config" start --all >/dev/null || :
    local names left
    names=$(environments)
    while [ -n "$names" ]; do
        for name in $names; do
            "$envclone" --config "$config" --quiet destroy "$name" || :
        done
        left=$(environments)
        [ "$left" != "$names" ] || die "these branches cannot be destroyed: $(tr '\n' ' ' <<<"$names")"
        names=$left
    done
}

# The image lies in our home, so a loop device that it backs is ours.
remove_pool() {
    if is_mounted; then
        "$shop/production.sh" down "$pool"
        umount -- "$pool"
    fi
    losetup --list --noheadings --output NAME,BACK-FILE | while read -r device file; do
        case $file in "$home"/*) losetup --detach "$device" ;; esac
    done
    if findmnt --list --noheadings --output TARGET | grep -q "^$home/"; then die "something is still mounted below $home"; fi
}

remove_config() {
    local directory=${config%/*}
    rm -f -- "$config" "$directory/sanitize/shop.toml" "$directory/sql/after.sql"
    for directory in "$directory/sanitize" "$directory/sql" "$directory" "${directory%/*}"; do
        if [ -d "$directory" ]; then rmdir --ignore-fail-on-non-empty -- "$directory"; fi
    done
}

[ "$(id -u)" = 0 ] || die "run this as root"
if [ -e "$home" ] && [ ! -f "$home/$marker" ]; then die "$home was not made by the quickstart: left alone"; fi
if [ -e "$home" ]; then
    destroy_branches
    remove_pool
    rm -rf --one-file-system -- "$home"
fi
remove_config
rm -rf --one-file-system -- /run/envclone-quickstart
if [ -d /run/envclone-shop ]; then rmdir -- /run/envclone-shop; fi
echo "the quickstart is gone"
