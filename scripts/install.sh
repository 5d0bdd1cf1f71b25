#!/bin/sh
# Called by `make install`; the counterpart of uninstall.sh, which must name the same files.
set -eu

[ $# = 7 ] || { echo "usage: $0 BINARY DESTDIR BINDIR MANDIR SHAREDIR UNITDIR CRONDIR; called by make install" >&2; exit 2; }
binary=$1 dest=$2 bin=$3 man=$4 share=$5 unit=$6 cron=$7
cd "$(dirname -- "$0")/.."

# The files that start branches at boot name the binary where it really is.
install_with_bin() {
    temporary=$(mktemp)
    sed "s|/usr/local/bin/envclone|$bin/envclone|g" "$1" >"$temporary"
    install -D -m 0644 "$temporary" "$2"
    rm -f "$temporary"
}

install -D -m 0755 "$binary" "$dest$bin/envclone"
for page in man/*.1; do
    if [ -e "$page" ]; then install -D -m 0644 "$page" "$dest$man/$(basename "$page")"; fi
done
if [ -e completions/envclone.bash ]; then install -D -m 0644 completions/envclone.bash "$dest$share/bash-completion/completions/envclone"; fi
if [ -e completions/_envclone ]; then install -D -m 0644 completions/_envclone "$dest$share/zsh/site-functions/_envclone"; fi
if [ -e completions/envclone.fish ]; then install -D -m 0644 completions/envclone.fish "$dest$share/fish/vendor_completions.d/envclone.fish"; fi
install_with_bin examples/cron/envclone.service "$dest$unit/envclone.service"
install_with_bin examples/cron/envclone.cron "$dest$cron/envclone"

if [ -z "$dest" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet envclone.service
fi
echo "installed $dest$bin/envclone; next: envclone init"
