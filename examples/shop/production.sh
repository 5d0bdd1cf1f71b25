#!/bin/sh
# The quickstart's production: a shop with PostgreSQL and an uploads folder on a Btrfs subvolume.
#
#   production.sh up POOL        make it (or start it again), load it
#   production.sh down POOL      stop it and remove it, and nothing else
#   production.sh psql POOL ...  psql in it, as the database's superuser
#   production.sh socket POOL    its socket directory and port, for envclone.toml
#
# POOL is a mounted Btrfs file system. The server is an ordinary one, started with pg_ctl as the user postgres from
# POOL/shop/db/data; it does not touch the clusters that Debian's pg_ctlcluster knows.
#
# SHOP_CUSTOMERS (16000) sets the size: about 13 rows per customer. SHOP_RUN (/run/envclone-shop) is where its socket lies,
# SHOP_PORT (55432) the first port to try.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
run=${SHOP_RUN:-/run/envclone-shop}
customers=${SHOP_CUSTOMERS:-16000}

say() { printf '%s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as the server's user, with nothing of root's environment.
as_postgres() {
    setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all --no-new-privs \
        env -i PATH="$bin:/usr/bin:/bin" LC_ALL=C.UTF-8 HOME=/nonexistent PGHOST="$run" PGUSER=postgres "$@"
}

# The directory of the server binaries: the version that made the data, else the newest that is installed.
find_binaries() {
    if [ -f "$pgdata/PG_VERSION" ]; then
        bin=/usr/lib/postgresql/$(cat "$pgdata/PG_VERSION")/bin
    else
        bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    fi
    [ -x "${bin:-/nonexistent}/postgres" ] || die "no PostgreSQL server found below /usr/lib/postgresql; run scripts/install-packages.sh"
}

is_running() { [ -f "$pgdata/postmaster.pid" ] && as_postgres pg_ctl status -D "$pgdata" >/dev/null 2>&1; }

port_of() { sed -n 's/^port = \([0-9]*\).*/\1/p' "$pgdata/conf.d/shop.conf"; }

# The first port from SHOP_PORT on that nothing listens on.
free_port() {
    port=${SHOP_PORT:-55432}
    last=$((port + 50))
    while [ -n "$(ss -Hltn "sport = :$port")" ]; do
        port=$((port + 1))
        [ "$port" -le "$last" ] || die "no free port from ${SHOP_PORT:-55432} to $last; set SHOP_PORT"
    done
    echo "$port"
}

make_cluster() {
    say "production: initdb in $pgdata"
    rm -rf -- "$root/db/data.new"
    as_postgres initdb -D "$root/db/data.new" --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-sync \
        --auth-local=peer --auth-host=scram-sha-256 >/dev/null
    # A production has roles with passwords, a log with values in it, and settings of its own.
    as_postgres mkdir -m 0700 "$root/db/data.new/conf.d"
    as_postgres tee "$root/db/data.new/conf.d/shop.conf" >/dev/null <<EOF
port = $(free_port)
listen_addresses = '127.0.0.1'
unix_socket_directories = '$run'
shared_buffers = 128MB
max_wal_size = 2GB
password_encryption = scram-sha-256
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql.log'
log_min_duration_statement = 500
log_line_prefix = '%m [%p] %u@%d '
EOF
    echo "include_dir = 'conf.d'" | as_postgres tee -a "$root/db/data.new/postgresql.conf" >/dev/null
    mv -- "$root/db/data.new" "$pgdata"
}

start() {
    is_running && return
    install -d -o postgres -g postgres -m 0755 "$run"
    [ -d "$pgdata" ] || make_cluster
    # Another server may have taken the port since the last time.
    [ -z "$(ss -Hltn "sport = :$(port_of)")" ] || as_postgres sed -i "s/^port = .*/port = $(free_port)/" "$pgdata/conf.d/shop.conf"
    as_postgres pg_ctl start -D "$pgdata" -w -t 120 -l "$root/db/start.log" >/dev/null \
        || die "the shop's server did not start: see $root/db/start.log and $pgdata/log"
    say "production: PostgreSQL $(cat "$pgdata/PG_VERSION") on port $(port_of), socket in $run"
}

psql_in() { as_postgres psql -X -q -v ON_ERROR_STOP=1 -p "$(port_of)" "$@"; }

load() {
    if [ -z "$(psql_in -d postgres -Atc "SELECT 1 FROM pg_roles WHERE rolname = 'shop'")" ]; then
        # The passwords are nobody's: drawn here, kept nowhere but as verifiers in the catalog.
        {
            echo "CREATE ROLE shop LOGIN PASSWORD '$(secret)';"
            echo "CREATE ROLE shop_report LOGIN PASSWORD '$(secret)';"
        } | psql_in -d postgres -1 -f -
    fi
    if [ -z "$(psql_in -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'shop'")" ]; then
        psql_in -d postgres -c 'CREATE DATABASE shop OWNER shop'
    fi
    [ -z "$(psql_in -d shop -Atc "SELECT 1 FROM pg_namespace WHERE nspname = 'shop'")" ] || return 0
    say "production: loading $customers customers and what belongs to them"
    {
        echo 'SET ROLE shop; SET synchronous_commit = off;'
        cat "$here/sql/schema.sql" "$here/sql/data.sql"
        echo 'GRANT USAGE ON SCHEMA shop TO shop_report; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_report;'
    } | psql_in -d shop -1 -v customers="$customers" -f -
    # A rejected duplicate: the server's log now holds an e-mail address, as logs do.
    psql_in -d shop -c "INSERT INTO shop.customers (email, first_name, last_name, full_name, segment, referral_code, password_hash, created_at, updated_at)
        SELECT email, first_name, last_name, full_name, segment, 'X', 'X', now(), now() FROM shop.customers WHERE id = 42" >/dev/null 2>&1 || :
    psql_in -d shop -c 'ANALYZE' -c 'CHECKPOINT'
}

secret() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

# One small picture per product and one invoice per delivered order of the last months, as an upload folder holds them.
make_files() {
    [ -d "$root/uploads" ] && return
    say "production: uploads"
    new=$root/uploads.new
    rm -rf -- "$new"
    mkdir -p "$new/products" "$new/private/invoices"
    psql_in -d shop -AtF '	' -c 'SELECT sku, name, id FROM shop.products ORDER BY id' | awk -F '\t' -v dir="$new/products" '{
        file = dir "/" $1 ".svg"
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"320\" height=\"240\"><title>%s</title><rect width=\"320\" height=\"240\" fill=\"hsl(%d,60%%,80%%)\"/><circle cx=\"160\" cy=\"120\" r=\"%d\" fill=\"hsl(%d,50%%,45%%)\"/></svg>\n", $2, ($3 * 47) % 360, 30 + ($3 * 13) % 70, ($3 * 101) % 360 > file
        close(file) }'
    psql_in -d shop -AtF '	' -c "SELECT o.number, c.full_name, a.line1, a.postal_code || ' ' || a.city, c.email, coalesce(p.iban, 'card ' || p.card_last4), p.amount
        FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id JOIN shop.addresses a ON a.id = o.shipping_address_id
        JOIN shop.payments p ON p.order_id = o.id WHERE o.status = 'delivered' ORDER BY o.id DESC LIMIT 500" | awk -F '\t' -v dir="$new/private/invoices" '{
        file = dir "/" $1 ".txt"
        printf "INVOICE %s\n\n%s\n%s\n%s\n%s\n\nPaid by %s\nTotal EUR %s\n", $1, $2, $3, $4, $5, $6, $7 > file
        close(file) }'
    # The owner of uploaded files is the web server: www-data, 33 on Debian.
    chown -R 33:33 "$new"
    chmod -R u=rwX,go=rX "$new"
    chmod 0750 "$new/private"
    mv -- "$new" "$root/uploads"
}

up() {
    [ "$(stat -f -c %T -- "$pool")" = btrfs ] || die "$pool is not on Btrfs; make a pool with: envclone pool create $pool --size 8G"
    getent passwd postgres >/dev/null || die "there is no user postgres; run scripts/install-packages.sh"
    [ -d "$root" ] || btrfs -q subvolume create "$root"
    chmod 0755 "$root"
    [ -d "$root/db" ] || install -d -o postgres -g postgres -m 0750 "$root/db"
    find_binaries
    start
    load
    make_files
    sync -f "$root"
}

down() {
    if [ -d "$root" ]; then
        [ "$(stat -c %i -- "$root")" = 256 ] || die "$root is not a subvolume: not ours, not removed"
        if [ -f "$pgdata/PG_VERSION" ]; then
            find_binaries
            if is_running; then
                as_postgres pg_ctl stop -D "$pgdata" -m fast -w -t 120 >/dev/null
                say "production: stopped"
            fi
        fi
        btrfs -q subvolume delete -c "$root"
        say "production: removed $root"
    fi
    if [ -d "$run" ]; then rmdir -- "$run"; fi
}

[ $# -ge 2 ] || { sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || die "run this as root"
command=$1
pool=$2
shift 2
root=$pool/shop
pgdata=$root/db/data
case $command in
    up) up ;;
    down) down ;;
    psql) find_binaries; psql_in -d shop "$@" ;;
    socket) printf '%s %s\n' "$run" "$(port_of)" ;;
    *) die "unknown command $command: up, down, psql or socket" ;;
esac
