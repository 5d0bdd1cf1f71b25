//! The system calls that nothing in a sandbox may make.
//!
//! Everything is allowed but what is listed: servers of many kinds run unchanged, and what would make new
//! walls, tear down ours, or open rarely used parts of the kernel is refused. One program for everything:
//! bwrap's `--seccomp` reads it late, which the supervisor uses as a gate (see `supervisor::sandbox`).

use std::collections::BTreeMap;
use std::io;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// Refused whatever the arguments. Numbers from 424 on are the same on every architecture; some are newer than
/// the constants of the `libc` crate.
#[rustfmt::skip]
const REFUSED: &[i64] = &[
    // New walls, or holes in ours.
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, FSPICK, MOUNT_SETATTR, OPEN_TREE_ATTR,
    libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at,
    // Other processes' memory and descriptors.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, PIDFD_GETFD, libc::SYS_kcmp,
    // Parts of the kernel that no server needs and that were broken often.
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_bpf, libc::SYS_perf_event_open,
    IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER, libc::SYS_userfaultfd,
    // The host itself. These need capabilities that nothing inside has: a second wall.
    libc::SYS_kexec_load, libc::SYS_kexec_file_load, libc::SYS_init_module, libc::SYS_finit_module,
    libc::SYS_delete_module, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_reboot, libc::SYS_acct,
    libc::SYS_quotactl, QUOTACTL_FD, libc::SYS_syslog, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_clock_adjtime, libc::SYS_adjtimex, libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

const IO_URING_SETUP: i64 = 425;
const IO_URING_ENTER: i64 = 426;
const IO_URING_REGISTER: i64 = 427;
const OPEN_TREE: i64 = 428;
const MOVE_MOUNT: i64 = 429;
const FSOPEN: i64 = 430;
const FSCONFIG: i64 = 431;
const FSMOUNT: i64 = 432;
const FSPICK: i64 = 433;
const CLONE3: i64 = 435;
const PIDFD_GETFD: i64 = 438;
const MOUNT_SETATTR: i64 = 442;
const QUOTACTL_FD: i64 = 443;
const OPEN_TREE_ATTR: i64 = 467;

/// Flags of `clone` that make a namespace: mount, cgroup, UTS, IPC, user, PID, network.
const NEW_NAMESPACE: [u64; 7] = [
    0x0002_0000,
    0x0200_0000,
    0x0400_0000,
    0x0800_0000,
    0x1000_0000,
    0x2000_0000,
    0x4000_0000,
];

/// `ioctl` numbers whose type byte is Btrfs's, and that are file operations all the same: reflinks.
const REFLINKS: [u64; 3] = [0x4004_9409, 0x4020_940d, 0xc018_9436];
/// `ioctl` numbers that put text into a terminal's input.
const TERMINAL_INPUT: [u64; 2] = [0x5412, 0x541c];

/// The mode of `fallocate` that gives room back (`FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE`).
const PUNCH_HOLE: u32 = 3;

/// x32 system calls carry this bit, and would pass by every rule of their 64-bit twins.
#[cfg(target_arch = "x86_64")]
const X32_BIT: u32 = 0x4000_0000;

/// Compiles the program for this machine's architecture.
///
/// # Errors
/// On an architecture other than `x86_64` and `aarch64`.
pub(crate) fn program() -> io::Result<BpfProgram> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => TargetArch::x86_64,
        "aarch64" => TargetArch::aarch64,
        other => return Err(io::Error::other(format!("no system call filter for {other}"))),
    };
    let filter = SeccompFilter::new(
        rules()?,
        SeccompAction::Allow,
        SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1)),
        architecture,
    );
    let compiled: BpfProgram = filter.and_then(BpfProgram::try_from).map_err(io::Error::other)?;
    let mut program = prologue();
    program.extend(compiled);
    Ok(program)
}

/// The bytes that bwrap reads: `struct sock_filter[]` of this machine.
pub(crate) fn bytes(program: &[sock_filter]) -> Vec<u8> {
    let instruction = |one: &sock_filter| {
        let [code0, code1] = one.code.to_ne_bytes();
        let [k0, k1, k2, k3] = one.k.to_ne_bytes();
        [code0, code1, one.jt, one.jf, k0, k1, k2, k3]
    };
    program.iter().flat_map(instruction).collect()
}

/// Before the compiled rules: `fallocate` takes no room, and `clone3` and x32 numbers do not exist (ENOSYS). The flags of `clone3` lie in memory,
/// where a filter cannot look; without it the C library falls back to `clone`. `fallocate` would take a whole pool in an
/// instant, unseen by who counts what is written; where a filesystem does not know it the C library writes instead.
fn prologue() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS, offset 0 of struct seccomp_data
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const RETURN_ERRNO: u32 = 0x0005_0000;
    let one = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let no_such_call = RETURN_ERRNO | u32::try_from(libc::ENOSYS).unwrap_or(38);
    let mut program = vec![one(LOAD_NUMBER, 0, 0, 0)];
    #[cfg(target_arch = "x86_64")]
    {
        const JUMP_GREATER_EQUAL: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
        program.push(one(JUMP_GREATER_EQUAL, 0, 1, X32_BIT));
        program.push(one(RETURN, 0, 0, no_such_call));
    }
    program.push(one(JUMP_EQUAL, 0, 1, u32::try_from(CLONE3).unwrap_or(435)));
    program.push(one(RETURN, 0, 0, no_such_call));
    let fallocate = u32::try_from(libc::SYS_fallocate).unwrap_or(u32::MAX);
    let not_supported = RETURN_ERRNO | u32::try_from(libc::EOPNOTSUPP).unwrap_or(95);
    program.push(one(JUMP_EQUAL, 0, 3, fallocate));
    // The mode is the second argument: offset 24 of struct seccomp_data, on machines that put the low half first.
    program.push(one(LOAD_NUMBER, 0, 0, 24));
    program.push(one(JUMP_EQUAL, 1, 0, PUNCH_HOLE));
    program.push(one(RETURN, 0, 0, not_supported));
    program
}

fn rules() -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    let new_namespace = NEW_NAMESPACE
        .iter()
        .map(|bit| all(&[(0, SeccompCmpOp::MaskedEq(*bit), *bit)]));
    rules.insert(libc::SYS_clone, new_namespace.collect::<io::Result<_>>()?);
    rules.insert(libc::SYS_ioctl, ioctl_rules()?);
    rules.insert(libc::SYS_socket, socket_rules()?);
    // Only the default personality, and asking for the present one.
    let personality = all(&[(0, SeccompCmpOp::Ne, 0), (0, SeccompCmpOp::Ne, 0xffff_ffff)])?;
    rules.insert(libc::SYS_personality, vec![personality]);
    Ok(rules)
}

/// No Btrfs operation (a subvolume made inside would be in no snapshot, and would block `destroy`), but reflinks.
fn ioctl_rules() -> io::Result<Vec<SeccompRule>> {
    let mut btrfs = vec![(1, SeccompCmpOp::MaskedEq(0xff00), 0x9400)];
    btrfs.extend(REFLINKS.map(|number| (1, SeccompCmpOp::Ne, number)));
    let mut rules = vec![all(&btrfs)?];
    for number in TERMINAL_INPUT {
        rules.push(all(&[(1, SeccompCmpOp::Eq, number)])?);
    }
    Ok(rules)
}

/// Unix, IPv4 and IPv6 sockets, and of netlink what lists interfaces (`getifaddrs`, `getaddrinfo`).
fn socket_rules() -> io::Result<Vec<SeccompRule>> {
    let known = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let number = |value: i32| u64::try_from(value).map_err(io::Error::other);
    let mut other_family = Vec::new();
    for family in known {
        other_family.push((0, SeccompCmpOp::Ne, number(family)?));
    }
    let other_netlink = [
        (0, SeccompCmpOp::Eq, number(libc::AF_NETLINK)?),
        (2, SeccompCmpOp::Ne, number(libc::NETLINK_ROUTE)?),
    ];
    Ok(vec![all(&other_family)?, all(&other_netlink)?])
}

/// One rule: all conditions hold, on the lower 32 bits of the arguments (the kernel takes each of them as an `int`).
fn all(conditions: &[(u8, SeccompCmpOp, u64)]) -> io::Result<SeccompRule> {
    let one = |(index, operator, value): &(u8, SeccompCmpOp, u64)| {
        SeccompCondition::new(*index, SeccompCmpArgLen::Dword, operator.clone(), *value)
    };
    let conditions: Result<Vec<_>, _> = conditions.iter().map(one).collect();
    conditions.and_then(SeccompRule::new).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would, on a call of this architecture.
    fn verdict(number: i64, arguments: [u64; 3]) -> u32 {
        let audit = if cfg!(target_arch = "x86_64") {
            0xc000_003e
        } else {
            0xc000_00b7
        };
        let mut data = [0u8; 64];
        data[0..4].copy_from_slice(&u32::try_from(number).unwrap().to_ne_bytes());
        data[4..8].copy_from_slice(&u32::to_ne_bytes(audit));
        for (index, argument) in arguments.iter().enumerate() {
            data[16 + 8 * index..24 + 8 * index].copy_from_slice(&argument.to_ne_bytes());
        }
        let program = program().unwrap();
        let (mut at, mut accumulator) = (0usize, 0u32);
        loop {
            let one = &program[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { one.jt } else { one.jf });
            match one.code {
                0x20 => {
                    let offset = one.k as usize;
                    accumulator = u32::from_ne_bytes(data[offset..offset + 4].try_into().unwrap());
                }
                0x54 => accumulator &= one.k,
                0x05 => at += one.k as usize,
                0x15 => at += jump(accumulator == one.k),
                0x25 => at += jump(accumulator > one.k),
                0x35 => at += jump(accumulator >= one.k),
                0x06 => return one.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    const ALLOWED: u32 = 0x7fff_0000;
    const NOT_PERMITTED: u32 = 0x0005_0001;
    const NO_SUCH_CALL: u32 = 0x0005_0026;

    #[test]
    fn processes_and_threads_can_be_made_but_no_namespaces() {
        assert_eq!(verdict(libc::SYS_clone, [0x11, 0, 0]), ALLOWED);
        assert_eq!(verdict(libc::SYS_clone, [0x3d_0f00, 0, 0]), ALLOWED);
        for bit in NEW_NAMESPACE {
            assert_eq!(
                verdict(libc::SYS_clone, [bit | 0x11, 0, 0]),
                NOT_PERMITTED,
                "{bit:#x}"
            );
        }
        assert_eq!(verdict(CLONE3, [0, 0, 0]), NO_SUCH_CALL);
        assert_eq!(verdict(libc::SYS_unshare, [0, 0, 0]), NOT_PERMITTED);
    }

    #[test]
    fn room_is_given_back_but_not_taken_without_writing() {
        for mode in [0, 1, 0x10, 0x11, 0x40] {
            assert_eq!(
                verdict(libc::SYS_fallocate, [3, mode, 0]),
                0x0005_005f,
                "{mode:#x}"
            );
        }
        assert_eq!(verdict(libc::SYS_fallocate, [3, 3, 0]), ALLOWED);
    }

    #[test]
    fn btrfs_operations_are_refused_but_reflinks_and_other_ioctls_are_not() {
        // BTRFS_IOC_SUBVOL_CREATE, _SNAP_CREATE_V2, _SNAP_DESTROY, _TREE_SEARCH
        for number in [0x5000_940e, 0x5000_9417, 0x5000_940f, 0xd000_9411] {
            assert_eq!(
                verdict(libc::SYS_ioctl, [3, number, 0]),
                NOT_PERMITTED,
                "{number:#x}"
            );
        }
        for number in REFLINKS {
            assert_eq!(verdict(libc::SYS_ioctl, [3, number, 0]), ALLOWED, "{number:#x}");
        }
        assert_eq!(verdict(libc::SYS_ioctl, [0, 0x5401, 0]), ALLOWED);
        assert_eq!(verdict(libc::SYS_ioctl, [0, 0x5412, 0]), NOT_PERMITTED);
        // The kernel looks at 32 bits of the number only, and so does the rule.
        assert_eq!(verdict(libc::SYS_ioctl, [0, 0x1_0000_5412, 0]), NOT_PERMITTED);
    }

    #[test]
    fn sockets_are_unix_or_internet_and_netlink_only_lists_interfaces() {
        for family in [1, 2, 10] {
            assert_eq!(verdict(libc::SYS_socket, [family, 1, 0]), ALLOWED, "{family}");
        }
        assert_eq!(verdict(libc::SYS_socket, [16, 3, 0]), ALLOWED);
        assert_eq!(verdict(libc::SYS_socket, [16, 3, 12]), NOT_PERMITTED);
        for family in [17, 38, 40, 0] {
            assert_eq!(
                verdict(libc::SYS_socket, [family, 1, 0]),
                NOT_PERMITTED,
                "{family}"
            );
        }
    }

    #[test]
    fn reading_and_writing_are_allowed_and_the_personality_may_be_asked_for() {
        assert_eq!(verdict(libc::SYS_read, [0, 0, 0]), ALLOWED);
        assert_eq!(verdict(libc::SYS_personality, [0xffff_ffff, 0, 0]), ALLOWED);
        assert_eq!(verdict(libc::SYS_personality, [0x4_0000, 0, 0]), NOT_PERMITTED);
    }

    /// From the kernel's own table (`arch/x86/entry/syscalls/syscall_64.tbl`), not from what the filter is made of.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn what_makes_walls_or_opens_the_kernel_is_refused_by_its_number() {
        let refused = [
            ("ptrace", 101),
            ("pivot_root", 155),
            ("chroot", 161),
            ("mount", 165),
            ("umount2", 166),
            ("init_module", 175),
            ("add_key", 248),
            ("request_key", 249),
            ("keyctl", 250),
            ("unshare", 272),
            ("perf_event_open", 298),
            ("name_to_handle_at", 303),
            ("open_by_handle_at", 304),
            ("setns", 308),
            ("process_vm_readv", 310),
            ("process_vm_writev", 311),
            ("finit_module", 313),
            ("bpf", 321),
            ("userfaultfd", 323),
            ("io_uring_setup", 425),
            ("io_uring_enter", 426),
            ("io_uring_register", 427),
            ("open_tree", 428),
            ("move_mount", 429),
            ("fsopen", 430),
            ("fsconfig", 431),
            ("fsmount", 432),
            ("fspick", 433),
            ("pidfd_getfd", 438),
            ("mount_setattr", 442),
            ("open_tree_attr", 467),
        ];
        for (name, number) in refused {
            assert_eq!(verdict(number, [0, 0, 0]), NOT_PERMITTED, "{name}");
        }
        for (name, number) in [
            ("read", 0),
            ("open", 2),
            ("openat", 257),
            ("clone", 56),
            ("shmget", 29),
        ] {
            assert_eq!(verdict(number, [0, 0, 0]), ALLOWED, "{name}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn x32_calls_do_not_exist() {
        assert_eq!(verdict(libc::SYS_unshare | 0x4000_0000, [0, 0, 0]), NO_SUCH_CALL);
        assert_eq!(verdict(0x4000_0000, [0, 0, 0]), NO_SUCH_CALL);
    }

    #[test]
    fn bytes_are_eight_for_each_instruction() {
        let program = program().unwrap();
        assert_eq!(bytes(&program).len(), program.len() * 8);
    }
}
