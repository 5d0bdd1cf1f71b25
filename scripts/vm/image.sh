#!/bin/bash
# Builds the guest of `make test-vm`, or finds it in the cache; prints the directory of its saved machine on stdout.
#
# In the cache (ENVCLONE_VM_CACHE, default /var/cache/envclone-tests/vm), each in a directory of its own that appears only when it is whole:
#   modules-*    ZFS's kernel modules, 6 minutes; of a kernel, a version of ZFS, and modules.sh
#   image-*      the root file system, the kernel, the first process, 1 minute; of this recipe and those modules
#   state-*      a machine that has booted and waits for a job, 20 seconds; of an image, machine.py and the version of QEMU
# Everything comes from the mirror that this host's apt uses.
set -eEuo pipefail
trap 'echo "error: $BASH_SOURCE failed at line $LINENO" >&2' ERR

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cache=${ENVCLONE_VM_CACHE:-/var/cache/envclone-tests/vm}
suite=trixie
[ "$(id -u)" = 0 ] || { echo "error: run this as root: it makes a root file system" >&2; exit 1; }
umask 022
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
hash_of() { sha256sum | cut -c 1-16; }

# What apt in the guest's suite would install now: "KERNEL ZFS". Read once, so that image and modules are of one piece.
versions() {
    local lists=$work/lists options kernel zfs
    mkdir -p "$lists/partial"
    options=(-o "Dir::Etc::SourceList=$sources" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$lists"
        -o Dir::State::status=/dev/null -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get "${options[@]}" -qq update >&2
    kernel=$(apt-cache "${options[@]}" depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: linux-image-\([0-9].*\)$/\1/p')
    zfs=$(apt-cache "${options[@]}" policy zfs-dkms | sed -n 's/^ *Candidate: \([0-9].*\)$/\1/p')
    if [ -z "$kernel" ] || [ -z "$zfs" ]; then
        say "error: $mirror has no linux-image-cloud-amd64 or no zfs-dkms in $suite main and contrib"
        return 1
    fi
    echo "$kernel $zfs"
}

# Makes the directory $1 by the command after it, which gets a directory to fill: whole, or not at all.
make_whole() {
    local place=$1 new
    shift
    new=$(mktemp -d "$work/new-XXXXXX")
    chmod 755 "$new"
    "$@" "$new"
    sync -f "$new"
    mv -T -- "$new" "$place"
}

make_modules() {
    say "building ZFS $zfs for Linux $kernel (once; about 6 minutes)"
    "$here/modules.sh" "$kernel" "$zfs" "$sources" "$1" >"$work/modules.log" 2>&1 || { tail -n 30 "$work/modules.log" >&2; return 1; }
}

# Documents and translations, and LLVM, without which PostgreSQL loses nothing but its JIT.
excluded() {
    local path
    for path in /usr/share/{man,locale,doc,info}/\* /usr/lib/llvm-19/\* /usr/lib/x86_64-linux-gnu/libLLVM\* \
        /usr/lib/postgresql/17/lib/llvmjit\* /usr/lib/postgresql/17/lib/bitcode/\*; do
        printf -- '--dpkgopt=path-exclude=%s\n' "$path"
    done
}

packages=systemd-sysv,udev,dbus,kmod,iproute2,procps,e2fsprogs,btrfs-progs,zfsutils-linux=ZFS,python3-minimal,postgresql-17,mariadb-server,
packages+=bubblewrap,uidmap,jq,openssl,zstd,xz-utils,make,ca-certificates
# Nothing of this is needed by a test, and each costs time at every boot.
masked=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty.target
    serial-getty@ttyS0.service postgresql.service mariadb.service tmp.mount
    zfs-{import-cache,import-scan,mount,share,zed,volume-wait,load-module}.service
    ldconfig.service systemd-{pstore,hwdb-update,update-done,firstboot,sysusers,boot-random-seed,modules-load,networkd}.service
    modprobe@{configfs,fuse,drm,efi_pstore,dm_mod,loop}.service sys-kernel-{config,debug,tracing}.mount dev-hugepages.mount
    proc-sys-fs-binfmt_misc.automount)

make_image() {
    local out=$1 root=$work/root modules=$2 unit options
    say "building the guest's image (about a minute)"
    readarray -t options < <(excluded)
    # shellcheck disable=SC2016 # mmdebstrap's shell expands it
    mmdebstrap --quiet --mode=root --variant=minbase --skip=cleanup/apt/lists --aptopt='APT::Install-Recommends "false"' "${options[@]}" \
        --hook-dir=/usr/share/mmdebstrap/hooks/eatmydata --include="${packages/=ZFS/=$zfs}" \
        --essential-hook='mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
        "$suite" "$root" "$sources" >"$work/image.log" 2>&1 || { tail -n 30 "$work/image.log" >&2; return 1; }

    # Unpacked, not installed: the kernel's package wants a generator of initramfs, the shell's is wanted for that only.
    chroot "$root" sh -ec "cd /root; apt-get -q download linux-image-$kernel busybox-static" >>"$work/image.log" 2>&1
    dpkg-deb -x "$root"/root/linux-image-*.deb "$root"
    dpkg-deb -x "$root"/root/busybox-static_*.deb "$work/busybox"
    rm -- "$root"/root/*.deb

    install -D -m 644 -t "$root/lib/modules/$kernel/extra" "$modules"/*.ko
    find "$root/lib/modules" -name '*.ko.xz' -exec unxz -T2 {} +
    find "$root/lib/modules/$kernel/kernel" -name '*.ko' -exec objcopy -R __mcount_loc -R .rela__mcount_loc {} \;
    chroot "$root" depmod "$kernel"

    for unit in "${masked[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
    : >"$root/etc/fstab"
    echo guest >"$root/etc/hostname"
    # Made up; the same in every guest.
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    install -D -m 644 /dev/stdin "$root/etc/systemd/journald.conf.d/vm.conf" <<<$'[Journal]\nStorage=auto\nRateLimitBurst=0'
    install -D -m 644 /dev/stdin "$root/etc/systemd/system/systemd-udev-trigger.service.d/vm.conf" <<'UNIT'
[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=block --subsystem-match=virtio-ports --subsystem-match=misc
UNIT
    install -D -m 755 "$here/guest/job.sh" "$root/usr/local/lib/envclone-vm/job.sh"
    install -D -m 644 "$here/guest/job.service" "$root/etc/systemd/system/envclone-vm-job.service"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../envclone-vm-job.service "$root/etc/systemd/system/multi-user.target.wants/"
    rm -rf -- "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/lib/mysql/* "$root"/var/log/journal

    first_process "$root" "$out/initrd.cpio"
    uncompressed "$root/boot/vmlinuz-$kernel" "$out/vmlinux"
    find "$root/boot" -mindepth 1 -delete
    # With its journal: without one a hard reset of the guest destroys it.
    truncate -s 8G "$out/root.img"
    mke2fs -q -F -t ext4 -O ^resize_inode -J size=32 -E lazy_itable_init=1,root_owner=0:0 -m 0 -d "$root" "$out/root.img"
    rm -rf --one-file-system -- "$root"
}

first_process() {
    local root=$1 out=$2 tree=$work/first busybox=$work/busybox/bin/busybox
    if [ ! -x "$busybox" ]; then busybox=$work/busybox/usr/bin/busybox; fi
    install -D -m 755 "$busybox" "$tree/bin/busybox"
    install -m 755 "$here/guest/init" "$tree/init"
    mkdir -p "$tree/dev" "$tree/root"
    cp "$root/lib/modules/$kernel/kernel/drivers/block/virtio_blk.ko" "$tree/virtio_blk.ko"
    (cd "$tree" && find . | "$busybox" cpio -o -H newc) >"$out" 2>/dev/null
}

# QEMU starts the kernel's ELF file two seconds faster than the compressed one. Where it lies: Documentation/arch/x86/boot.rst of
# Linux (setup_sects, payload_offset, payload_length); the last 4 bytes of the payload are its length.
uncompressed() {
    local image=$1 out=$2 sects offset length
    sects=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
    read -r offset length < <(od -An -tu4 -j $((0x248)) -N 8 "$image")
    dd if="$image" of="$work/vmlinux.zst" bs=1M iflag=skip_bytes,count_bytes status=none \
        skip=$(((sects + 1) * 512 + offset)) count=$((length - 4))
    zstd -dcqf "$work/vmlinux.zst" >"$out"
}

make_state() {
    say "booting it once, to save the machine (about 20 seconds)"
    "$here/machine.py" save "$1" "$2"
}

# The newest three of each kind stay.
forget_old() {
    local kind old
    for kind in modules image state; do
        # shellcheck disable=SC2012 # names of our own
        ls -1dt "$cache/$kind"-* 2>/dev/null | tail -n +4 | while read -r old; do rm -rf --one-file-system -- "$old"; done
    done
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
# What a run that was killed left.
rm -rf --one-file-system -- "$cache"/.building-*

recipe=$(cat "$here/image.sh" "$here/modules.sh" "$here"/guest/* | hash_of)
machine=$(cat "$here/machine.py" <(qemu-system-x86_64 --version) | hash_of)
image=$cache/image-$recipe
state=$cache/state-$recipe-$machine
if [ ! -d "$image" ] || [ ! -d "$state" ]; then
    work=$(mktemp -d "$cache/.building-XXXXXX")
    chmod 755 "$work"
    trap 'rm -rf --one-file-system -- "$work"' EXIT
    trap 'exit 130' INT TERM
fi
if [ ! -d "$image" ]; then
    mirror=$("$here/../debian-mirror.sh")
    sources=$work/sources.list
    echo "deb $mirror $suite main contrib" >"$sources"
    read -r kernel zfs < <(versions)
    modules=$cache/modules-$kernel-$zfs-$(hash_of <"$here/modules.sh")
    if [ ! -d "$modules" ]; then make_whole "$modules" make_modules; fi
    make_with_modules() { make_image "$1" "$modules"; }
    make_whole "$image" make_with_modules
fi
if [ ! -d "$state" ]; then
    make_state_of_image() { make_state "$image" "$1"; }
    make_whole "$state" make_state_of_image
fi
touch -c "$image" "$state"
forget_old
echo "$state"
