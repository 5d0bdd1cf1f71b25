# shellcheck shell=bash disable=SC2034,SC2154 # shared with the scripts that read this
# Where the quickstart keeps what; read by quickstart.sh and quickstart-down.sh, which set `repository` and `envclone`.

home=/var/lib/envclone-quickstart
marker=.made-by-envclone-quickstart
pool=$home/pool
config=/etc/envclone/shop/envclone.toml
shop=$repository/examples/shop

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

is_mounted() { [ "$(findmnt -n -o FSTYPE --mountpoint "$pool" 2>/dev/null)" = btrfs ]; }

# The names of the branches that envclone knows here; production has no parent and is not among them.
environments() {
    "$envclone" --config "$config" --json list | tr -d ' \n' \
        | { grep -o '"name":"[a-z0-9-]*","parent":"[a-z0-9-]*"' || :; } | cut -d '"' -f 4
}
