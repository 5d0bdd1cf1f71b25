#!/bin/bash
# Builds ZFS's kernel modules for the guest's kernel, in a throw-away chroot: about 6 minutes on two cores. Called by image.sh.
#
#   modules.sh KERNEL ZFS_VERSION SOURCES OUT     writes OUT/spl.ko and OUT/zfs.ko; needs OUT to be an empty directory
#
# Not by DKMS, which also builds for the kernel of the host and with debug information: twice the time.
set -euo pipefail

[ $# = 4 ] || { echo "usage: $0 KERNEL ZFS_VERSION SOURCES OUT" >&2; exit 2; }
kernel=$1 zfs=$2 sources=$3 out=$4
chroot_dir=$out/chroot
# Nothing stays mounted, however this ends: the mounts are in a namespace that ends with the command.
inside() { unshare --mount --pid --fork --kill-child --mount-proc="$chroot_dir/proc" chroot "$chroot_dir" "$@"; }

# libc6-dev: without it configure says that the compiler cannot create executables.
mmdebstrap --quiet --mode=root --variant=minbase --skip=cleanup/apt/lists --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --hook-dir=/usr/share/mmdebstrap/hooks/eatmydata \
    --include="linux-headers-$kernel,gcc,libc6-dev,make,kmod,file" trixie "$chroot_dir" "$sources"

# Unpacked, not installed: installing would build for every kernel that it finds.
chroot "$chroot_dir" sh -ec "cd /root; apt-get -q download zfs-dkms=$zfs; dpkg-deb -x zfs-dkms_*.deb /"
# No debug information and no BTF. autoconf.h stays as it is: the modules must fit the kernel as Debian built it.
sed -i '/^CONFIG_DEBUG_INFO/d' "$chroot_dir/usr/src/linux-headers-$kernel/include/config/auto.conf"
headers=/lib/modules/$kernel
inside sh -ec "cp -a /usr/src/zfs-[0-9]* /build; cd /build
    ./configure --disable-dependency-tracking --prefix=/usr --with-config=kernel \
        --with-linux=$headers/source --with-linux-obj=$headers/build >configure.out
    make -j$(nproc) >make.out"

# Without the tables for ftrace a module loads in a second; with them, in emulation, in eight.
for module in spl zfs; do
    objcopy -g -R __mcount_loc -R .rela__mcount_loc -R .orc_unwind -R .orc_unwind_ip -R .rela.orc_unwind_ip -R .orc_header \
        "$chroot_dir/build/module/$module.ko" "$out/$module.ko"
done
rm -rf --one-file-system -- "$chroot_dir"
