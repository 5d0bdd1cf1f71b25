#!/usr/bin/env bash
# What `make quickstart` does after building: a pool in a file, a production in it, a branch of that, both side by side.
#
#   quickstart.sh [ENVCLONE]     the binary; default: target/release/envclone
#
# QUICKSTART_GIB (8) is the size of the pool, SHOP_CUSTOMERS (16000) that of the shop.
#
# Everything it makes lies in /var/lib/envclone-quickstart, /etc/envclone/shop, /run/envclone-quickstart and
# /run/envclone-shop. Running it again uses what is there and makes the branch anew. quickstart-down.sh removes it all.
set -euo pipefail

repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
envclone=$(realpath -- "${1:-$repository/target/release/envclone}")
# shellcheck source=scripts/quickstart-places.sh
. "$repository/scripts/quickstart-places.sh"
customer=42
gib=${QUICKSTART_GIB:-8}
branch=fix-42

say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }
# Every further path in here is one of the places above: nothing of a real installation is read or written.
run_envclone() { "$envclone" --config "$config" "$@"; }

make_home() {
    if [ -e "$home" ] && [ ! -f "$home/$marker" ]; then
        die "$home exists and was not made by the quickstart: move it away"
    fi
    install -d -m 0755 "$home"
    echo "Made by envclone's quickstart; make quickstart-down removes this directory." >"$home/$marker"
}

# The image is reserved in full, so that production never meets a full disk below it.
make_pool() {
    if is_mounted; then return; fi
    if [ -e "$pool.img" ]; then
        run_envclone start --all
    else
        free=$(df --output=avail -B1M -- "$home" | tail -n 1)
        wanted=$(((gib + 1) * 1024))
        [ "$free" -ge "$wanted" ] || die "$home has ${free} MB left; the quickstart wants $wanted"
        run_envclone pool create "$pool" --size "${gib}G"
    fi
    is_mounted || die "no Btrfs is mounted on $pool"
}

# Files stay as they are when they are there: they may have been edited to play with.
install_config() {
    install -d -m 0755 "${config%/*}" "${config%/*}/sanitize" "${config%/*}/sql"
    for file in envclone.toml sanitize/shop.toml sql/after.sql; do
        if [ ! -e "${config%/*}/$file" ]; then install -m 0644 "$shop/$file" "${config%/*}/$file"; fi
    done
}

start_production() {
    "$shop/production.sh" up "$pool"
    # It may have moved to another port, where one was taken.
    read -r socket port < <("$shop/production.sh" socket "$pool")
    sed -i "s|^source = .*|source = \"postgres:///shop?host=$socket\&port=$port\"|" "$config"
}

make_key() {
    key=$home/state/shop/key
    if [ -e "$key" ]; then return; fi
    install -d -m 0700 "$home/state" "$home/state/shop"
    (umask 077 && head -c 32 /dev/urandom >"$key.new" && mv -- "$key.new" "$key")
}

make_branch() {
    if environments | grep -qx -- "$branch"; then
        echo "$branch is there already: destroying it first" >&2
        run_envclone destroy "$branch"
    fi
    # The document holds the URL with its password: it is kept in memory only.
    document=$(run_envclone --json branch prod "$branch")
}

# One line per fact about the customer: name, tab, value.
facts() {
    cat <<SQL
SELECT f.name, coalesce(f.value, '(null)') FROM shop.customers c
JOIN LATERAL (SELECT * FROM shop.addresses a WHERE a.customer_id = c.id ORDER BY a.id LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT p.* FROM shop.payments p JOIN shop.orders o ON o.id = p.order_id
                   WHERE o.customer_id = c.id ORDER BY p.id LIMIT 1) p ON true
CROSS JOIN LATERAL (VALUES (1, 'id', c.id::text), (2, 'name', c.full_name), (3, 'e-mail', c.email), (4, 'phone', c.phone),
    (5, 'street', a.line1), (6, 'city', a.city), (7, 'card token', p.card_token), (8, 'preferences', c.preferences::text),
    (9, 'segment', c.segment),
    (10, 'orders', (SELECT count(*)::text FROM shop.orders o WHERE o.customer_id = c.id)),
    (11, 'paid', (SELECT sum(q.amount)::text FROM shop.payments q JOIN shop.orders o ON o.id = q.order_id WHERE o.customer_id = c.id)),
    (12, 'e-mail in the materialized view', (SELECT r.email FROM shop.customer_revenue r WHERE r.customer_id = c.id)),
    (13, 'lines in the audit log', (SELECT count(*)::text FROM shop.audit_log)),
    (14, 'open sessions', (SELECT count(*)::text FROM shop.sessions))) AS f (n, name, value)
WHERE c.id = $customer ORDER BY f.n
SQL
}

in_production() { "$shop/production.sh" psql "$pool" -AtF $'\t' -c "$1"; }

# psql by the branch's URL, as any application would; its password goes by the environment, not by argv.
in_branch() (
    url=$(run_envclone url "$branch")
    [[ $url =~ ^postgres(ql)?://([^:@]+):([^@]+)@([^:/]+):([0-9]+)/([^?]+) ]] || die "the URL of $branch has an unexpected form"
    export PGUSER=${BASH_REMATCH[2]} PGPASSWORD=${BASH_REMATCH[3]} PGHOST=${BASH_REMATCH[4]} PGPORT=${BASH_REMATCH[5]} PGDATABASE=${BASH_REMATCH[6]}
    psql -X -q -v ON_ERROR_STOP=1 -AtF $'\t' -c "$1"
)

# Bash counts a string's characters in this locale, and printf its bytes: hence the padding by hand.
pad() { printf '%s%*s' "${1:0:$2}" $(($2 > ${#1} ? $2 - ${#1} : 0)) ''; }

show_side_by_side() {
    local LC_ALL=C.UTF-8 name original masked
    local -a left right
    mapfile -t left <<<"$1"
    mapfile -t right <<<"$2"
    printf '%s  %s  %s\n' "$(pad '' 31)" "$(pad production 40)" "$branch"
    for i in "${!left[@]}"; do
        IFS=$'\t' read -r name original <<<"${left[$i]}"
        IFS=$'\t' read -r _ masked <<<"${right[$i]:-}"
        printf '%s  %s  %s\n' "$(pad "$name" 31)" "$(pad "$original" 40)" "${masked:0:40}"
    done
}

# "timings_ms" of the branch's document, one step per line.
show_timings() {
    tr -d ' \n' <<<"$document" | sed -n 's/.*"timings_ms":{\([^}]*\)}.*/\1/p' | tr -d '"' | tr ',' '\n' \
        | awk -F: '{ printf "%-12s %8d ms\n", $1, $2 }'
}

[ "$(id -u)" = 0 ] || die "run this as root: it makes a file system, namespaces and snapshots"
[ -x "$envclone" ] || die "no $envclone; run: make build"

make_home
install_config
make_key
say "Production"
make_pool
start_production

say "envclone branch prod $branch"
make_branch
show_timings

say "Customer $customer"
before=$(in_production "$(facts)")
after=$(in_branch "$(facts)")
show_side_by_side "$before" "$after"

say "Both are up. What to try next"
cat <<TEXT
  export ENVCLONE_CONFIG=$config PATH=\$PATH:${envclone%/*}

  psql "\$(envclone url $branch)"                  the branch, as an application sees it
  $shop/production.sh psql $pool    the production beside it

  envclone list                                  environments as a tree
  envclone show $branch                           everything on one, with the proof and what tried to leave
  envclone exec $branch db -- ps aux              a command inside: there is nothing of the host in there
  envclone branch prod another --dry-run         what a branch would do
  envclone destroy $branch                        gone

  The rules are in ${config%/*}/sanitize/shop.toml: delete the line of "phone" and branch again.
  The shop's staff can log in to the branch as admin@shop.test, password admin.

  make quickstart-down                           removes all of this
TEXT
