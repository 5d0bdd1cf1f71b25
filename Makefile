# `make` or `make help` lists what there is.

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR   = $(PREFIX)/bin
MANDIR   = $(PREFIX)/share/man/man1
UNITDIR  = $(PREFIX)/lib/systemd/system
CRONDIR  = /etc/cron.d

BINARY   = target/release/envclone
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help build test fuzz vm-image test-vm bench bench-vm quickstart quickstart-down install uninstall

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

build: ## The release binary, target/release/envclone
	@scripts/check-toolchain.sh build
	cargo build --release --locked

test: ## Everything that is checked before a commit; as root, since branches are made for real
	@scripts/install-packages.sh test
	@scripts/install-postgresql.sh
	@scripts/install-rootfs.sh >/dev/null
	@scripts/check-toolchain.sh test
	cargo fmt --check
	scripts/check-scripts.sh
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test vm --test vm_reboot -- -D warnings
	cargo test --locked --no-fail-fast
	scripts/cargo-deny.sh

fuzz: ## Fuzz the parsers of what rows hold, SECONDS (60) each
	@scripts/check-toolchain.sh build
	scripts/fuzz.sh $(or $(SECONDS),60)

vm-image: ## The guest of test-vm, Debian 13 with ZFS, built once and kept in /var/cache/envclone-tests/vm
	@scripts/install-packages.sh vm
	@unshare --mount -- scripts/vm/image.sh

test-vm: ## The tests that need ZFS, systemd or PostgreSQL 17, in an emulated guest; T=FILTER runs some of them
	@scripts/check-toolchain.sh test
	@scripts/vm/test.sh '$(T)'

bench: ## Time to URL and masking throughput beside the bare floor; writes docs/benchmarks.md; GREENMASK=PROGRAM measures that as well
	@scripts/install-packages.sh test
	@scripts/check-toolchain.sh build
	@ENVCLONE_BENCH_GREENMASK='$(GREENMASK)' cargo bench --locked --bench branch
	@scripts/vm/bench.sh

bench-vm: ## The part of it on ZFS, in the guest of test-vm: fills its own section
	@scripts/check-toolchain.sh build
	@scripts/vm/bench.sh

quickstart: ## A production to play with and a branch of it, on this machine; as root
	@scripts/install-packages.sh run
	@scripts/check-toolchain.sh build
	cargo build --release --locked
	@scripts/quickstart.sh $(BINARY)

quickstart-down: ## Remove all that the quickstart made
	@scripts/quickstart-down.sh $(BINARY)

install: ## Binary, man pages, completions and the start at boot, below PREFIX (/usr/local)
	@test -x $(BINARY) || { echo "error: no $(BINARY); run: make build" >&2; exit 1; }
	scripts/install.sh "$(BINARY)" "$(DESTDIR)" "$(BINDIR)" "$(MANDIR)" "$(PREFIX)/share" "$(UNITDIR)" "$(CRONDIR)"

uninstall: ## Remove what install put there; leaves production, pools, branches, configuration and state alone
	scripts/uninstall.sh "$(DESTDIR)" "$(BINDIR)" "$(MANDIR)" "$(PREFIX)/share" "$(UNITDIR)" "$(CRONDIR)"
