#!/bin/sh
# Called by `make uninstall`; removes exactly what install.sh puts there. Branches keep running until they are stopped.
set -eu

[ $# = 6 ] || { echo "usage: $0 DESTDIR BINDIR MANDIR SHAREDIR UNITDIR CRONDIR; called by make uninstall" >&2; exit 2; }
dest=$1 bin=$2 man=$3 share=$4 unit=$5 cron=$6
cd "$(dirname -- "$0")/.."

if [ -z "$dest" ] && [ -d /run/systemd/system ] && [ -e "$unit/envclone.service" ]; then
    systemctl disable --quiet envclone.service || :
fi
rm -f -- "$dest$bin/envclone" "$dest$unit/envclone.service" "$dest$cron/envclone" \
    "$dest$share/bash-completion/completions/envclone" "$dest$share/zsh/site-functions/_envclone" \
    "$dest$share/fish/vendor_completions.d/envclone.fish"
for page in man/*.1; do
    rm -f -- "$dest$man/$(basename "$page")"
done
if [ -z "$dest" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
echo "uninstalled; left alone: /etc/envclone, /var/lib/envclone, pools, branches"
