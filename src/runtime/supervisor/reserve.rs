//! The reserve of the pool: production shares it and must never see it full, so branches that eat into it are stopped.
//!
//! Each supervisor looks by itself, and there is no one above them. The one that finds the reserve reached takes a lock of
//! that filesystem below `/run/envclone`; while it has it no other acts. It asks every supervisor how much its branch wrote
//! lately, has all of them hold their branches still, tells the one that wrote most to stop its, and lets the others
//! go on. How much was free then stays in the lock's file, so that whoever is next to look knows of it. One that dies
//! in between lets go of everything: lock and branches.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::{fstatvfs, syncfs};

use super::super::branch_dir::{BranchDir, make_dir, try_lock};
use super::super::protocol::{Failure, Load, Reply, Request, Verdict, receive, send};
use super::super::{StoppedForRoom, Watch};
use super::{Supervisor, locked, named};
use crate::model::BranchId;
use crate::state::pause;

/// How often is looked. Free space is no event that the kernel would tell of.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// And when it is getting scarce: less than twice the reserve.
const LOOK_CLOSER: Duration = Duration::from_secs(1);
/// Who wrote less than this within a minute does not fill the pool: a server that nobody uses writes a little, too.
const WRITES: u64 = 4 << 20;
/// After a branch was stopped for it, this part of the reserve may go before the next one is.
const PATIENCE: u64 = 16;
/// How long another supervisor may take to answer, holding its branch still included.
const ANSWER: Duration = Duration::from_secs(10);
/// How long services may take to stop: others are held still for as long.
const STOP: Duration = Duration::from_secs(10);
/// How long a branch is held still for the one that decides, and how long that one is waited for in the end.
const AT_MOST: Duration = Duration::from_secs(60);

/// What is watched, and which filesystem that is.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    watch: Watch,
    filesystem: String,
}

/// A pool at one moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    free: u64,
    reserve: u64,
}

impl Room {
    fn of(pool: &File, reserve: u64) -> io::Result<Self> {
        let stat = fstatvfs(pool)?;
        Ok(Self {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            reserve,
        })
    }

    /// With what waits in memory to be written somewhere, perhaps here: Btrfs counts it only when it is.
    fn after_writing(self, waiting: u64) -> Self {
        Self {
            free: self.free.saturating_sub(waiting),
            ..self
        }
    }

    fn is_scarce(self) -> bool {
        self.free < self.reserve.saturating_mul(2)
    }

    fn is_short(self) -> bool {
        self.free < self.reserve
    }

    fn is_urgent(self) -> bool {
        self.free < self.reserve / 2
    }
}

/// Which of these branches, by what each wrote lately, is to be stopped. `last`: what was free when one was stopped before.
///
/// Who does not write is left alone, but for when half of the reserve is gone and goes on going: then the measure
/// is deceived.
fn choose(room: Room, last: Option<u64>, written: &[u64]) -> Option<usize> {
    let (most, bytes) = written
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(_, bytes)| *bytes)?;
    let waits = last.is_some_and(|last| room.free.saturating_add(room.reserve / PATIENCE) > last);
    let writes = bytes >= WRITES;
    let stops = room.is_short()
        && match (room.is_urgent(), writes) {
            (true, true) => true,
            (false, true) => !waits,
            (true, false) => !waits && last.is_some(),
            (false, false) => false,
        };
    stops.then_some(most)
}

/// The right to decide for a filesystem; nobody else's while this exists.
struct Turn {
    file: File,
}

impl Turn {
    /// `None` while somebody else has it.
    fn take(run_dir: &Path, filesystem: &str) -> io::Result<Option<Self>> {
        let locks = run_dir.join("locks");
        make_dir(&locks, 0o700)?;
        let file = try_lock(&locks.join(format!("reserve.{filesystem}.lock")))?;
        Ok(file.map(|file| Self { file }))
    }

    /// What was free when a branch was stopped last, since when there was never enough.
    fn last(&mut self) -> io::Result<Option<u64>> {
        let mut text = String::new();
        self.file.rewind()?;
        (&self.file).take(40).read_to_string(&mut text)?;
        Ok(text.trim().parse().ok())
    }

    fn remember(&mut self, free: Option<u64>) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        free.map_or(Ok(()), |free| writeln!(self.file, "{free}"))
    }
}

/// The supervisor of a branch of the same filesystem.
struct Peer {
    connection: UnixStream,
    load: Load,
}

impl Supervisor {
    /// Begins to watch, or watches something else from now on.
    pub(super) fn watch(self: &Arc<Self>, watch: &Watch) -> Result<(), Failure> {
        let pool = File::open(&watch.pool).map_err(Failure::io("opening the pool"))?;
        let filesystem = filesystem(&pool).map_err(Failure::io("looking at the pool"))?;
        let watched = Watched {
            watch: watch.clone(),
            filesystem,
        };
        if locked(&self.watched).replace(watched).is_some() {
            return Ok(());
        }
        let supervisor = Arc::clone(self);
        let begun = named("reserve", move || {
            loop {
                // What cannot be looked at now (a pool that is being unmounted) can be the next time.
                let scarce = supervisor.look_at_pool().unwrap_or(false);
                pause(if scarce { LOOK_CLOSER } else { LOOK_EVERY });
            }
        });
        begun.map_err(Failure::io("starting a thread"))
    }

    /// Looks once, and acts where it must; whether room is scarce.
    fn look_at_pool(&self) -> io::Result<bool> {
        let Some(Watched { watch, filesystem }) = locked(&self.watched).clone() else {
            return Ok(false);
        };
        let pool = File::open(&watch.pool)?;
        let room = Room::of(&pool, watch.reserve)?.after_writing(waiting_in_memory());
        if !room.is_scarce() {
            locked(&self.written).forget();
            return Ok(false);
        }
        self.look_at_writers();
        if room.is_short()
            && let Some(mut turn) = Turn::take(&self.dir.run_dir(), &filesystem)?
        {
            syncfs(&pool)?;
            let measure = || Room::of(&pool, watch.reserve);
            if measure()?.is_short() {
                make_room(&self.dir.run_dir(), &filesystem, &mut turn, &watch.pool, &measure)?;
            } else {
                turn.remember(None)?;
            }
        }
        Ok(true)
    }

    fn look_at_writers(&self) {
        // Where the sandboxes cannot be listed now, the last look counts.
        if let Ok(inside) = Self::sandboxes() {
            locked(&self.written).look(&inside);
        }
    }

    /// What is told to another supervisor; `None` where nothing is watched.
    pub(super) fn load(&self) -> Option<Load> {
        let filesystem = locked(&self.watched).as_ref()?.filesystem.clone();
        self.look_at_writers();
        Some(Load {
            filesystem,
            written: locked(&self.written).lately(),
        })
    }

    /// Holds the branch still for the supervisor that asks, and does what that one decides.
    pub(super) fn hear_verdict(&self, caller: &UnixStream) {
        // One that evades being held is stopped all the same.
        let held = self.freeze().is_ok();
        let asked = send(caller, &Reply::Load(self.load()))
            .and_then(|()| caller.set_read_timeout(Some(AT_MOST)))
            .and_then(|()| receive::<Verdict>(caller));
        if held {
            self.thaw();
        }
        if let Ok(Some(Verdict::GiveWay(why))) = asked {
            self.give_way(why);
            let _ = send(caller, &Reply::Done);
            // It may be a thread of this very process, and has to let the others go on.
            let _ = (&mut &*caller).read(&mut [0]);
            self.end();
        }
    }

    /// Stops the services, and says why where it is found later.
    fn give_way(&self, mut why: StoppedForRoom) {
        let note = StoppedForRoom::path(&self.log_dir, &self.branch);
        // Before anybody notices that it stops. Where it cannot be written down, it is stopped nevertheless.
        let _ = why.write(&note);
        self.say_in_logs(&format!("envclone stops this: {why}"));
        let ended = self.stop_all(STOP);
        // Its servers do not sync their writes themselves.
        let synced = File::open(&why.pool).is_ok_and(|pool| syncfs(&pool).is_ok());
        why.cleanly = ended && synced;
        let _ = why.write(&note);
    }
}

/// Has the branch stopped that wrote most, if one is to be.
fn make_room(
    run_dir: &Path,
    filesystem: &str,
    turn: &mut Turn,
    pool: &Path,
    measure: &dyn Fn() -> io::Result<Room>,
) -> io::Result<()> {
    let last = turn.last()?;
    let room = measure()?;
    let of = |peers: &[Peer]| peers.iter().map(|peer| peer.load.written).collect::<Vec<_>>();
    // First without holding anybody: most often there is nothing to do.
    if choose(room, last, &of(&ask_all(run_dir, filesystem, &Request::Load))).is_none() {
        // With half of the reserve gone is counted how much goes on going, though nobody is seen to write.
        if room.is_urgent() && last.is_none() {
            turn.remember(Some(room.free))?;
        }
        return Ok(());
    }
    let mut peers = ask_all(run_dir, filesystem, &Request::AwaitVerdict);
    let Some(chosen) = choose(room, last, &of(&peers)) else {
        return Ok(());
    };
    let peer = peers.swap_remove(chosen);
    let why = StoppedForRoom {
        at: jiff::Timestamp::now(),
        pool: pool.to_owned(),
        free: room.free,
        reserve: room.reserve,
        written: peer.load.written,
        cleanly: false,
    };
    let connection = peer.connection;
    send(&connection, &Verdict::GiveWay(why))?;
    connection.set_read_timeout(Some(AT_MOST))?;
    let stopped = receive::<Reply>(&connection);
    turn.remember(Some(measure()?.free))?;
    for peer in peers {
        // One that is gone needs no telling.
        let _ = send(&peer.connection, &Verdict::GoOn);
    }
    stopped.map(drop)
}

/// Asks all supervisors at once; those answer that watch this filesystem.
fn ask_all(run_dir: &Path, filesystem: &str, request: &Request) -> Vec<Peer> {
    let entries = std::fs::read_dir(run_dir).into_iter().flatten().flatten();
    let branches: Vec<BranchId> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut peers = Vec::new();
    thread::scope(|scope| {
        let asked: Vec<_> = branches
            .iter()
            .map(|branch| scope.spawn(|| ask(&BranchDir::new(run_dir, branch), request).ok().flatten()))
            .collect();
        peers.extend(asked.into_iter().filter_map(|asked| asked.join().ok().flatten()));
    });
    peers.retain(|peer| peer.load.filesystem == filesystem);
    peers
}

fn ask(dir: &BranchDir, request: &Request) -> io::Result<Option<Peer>> {
    let connection = UnixStream::connect(dir.control())?;
    connection.set_read_timeout(Some(ANSWER))?;
    send(&connection, request)?;
    Ok(match receive::<Reply>(&connection)? {
        Some(Reply::Load(Some(load))) => Some(Peer { connection, load }),
        _ => None,
    })
}

/// Which filesystem a directory is on: the number of its superblock, which all of its subvolumes and mounts share.
fn filesystem(directory: &File) -> io::Result<String> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", directory.as_raw_fd()))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    superblock(&info, &mounts)
        .ok_or_else(|| io::Error::other("the kernel does not say what is mounted there"))
}

fn superblock(info: &str, mounts: &str) -> Option<String> {
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    let line = mounts
        .lines()
        .find(|line| line.split(' ').next() == Some(mount))?;
    let (major, minor) = line.split(' ').nth(2)?.split_once(':')?;
    let number = |text: &str| text.parse::<u32>().ok();
    Some(format!("{}-{}", number(major)?, number(minor)?))
}

/// Bytes in memory that wait to be written, on whatever filesystem.
fn waiting_in_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    ["Dirty:", "Writeback:"]
        .iter()
        .filter_map(|name| kilobytes(&text, name))
        .sum::<u64>()
        << 10
}

fn kilobytes(meminfo: &str, name: &str) -> Option<u64> {
    let value = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn room(free: u64) -> Room {
        Room {
            free: free * MIB,
            reserve: 160 * MIB,
        }
    }

    #[test]
    fn who_wrote_most_is_stopped_and_nobody_while_there_is_room() {
        let written = [0, 50 * MIB, 700 * MIB, 20 * MIB];
        assert_eq!(choose(room(160), None, &written), None);
        assert_eq!(choose(room(159), None, &written), Some(2));
        assert_eq!(choose(room(159), None, &[]), None);
        assert_eq!(choose(room(0), Some(0), &written), Some(2));
    }

    #[test]
    fn the_others_may_go_on_for_a_while_after_one_was_stopped() {
        let (last, written) = (Some(150 * MIB), [5 * MIB]);
        assert_eq!(choose(room(150), last, &written), None);
        assert_eq!(choose(room(141), last, &written), None);
        assert_eq!(choose(room(140), last, &written), Some(0));
        // Not any more when half of the reserve is gone.
        assert_eq!(choose(room(79), Some(79 * MIB), &written), Some(0));
    }

    #[test]
    fn branches_that_write_nothing_pay_for_production_only_when_the_measure_is_deceived() {
        let idle = [4 * MIB - 1, 0];
        assert_eq!(choose(room(100), None, &idle), None);
        assert_eq!(choose(room(100), Some(155 * MIB), &idle), None);
        assert_eq!(choose(room(79), None, &idle), None);
        assert_eq!(choose(room(79), Some(79 * MIB), &idle), None);
        assert_eq!(choose(room(60), Some(79 * MIB), &idle), Some(0));
    }

    #[test]
    fn a_turn_is_one_supervisors_and_remembers_what_was_free() {
        let dir = tempfile::tempdir().unwrap();
        let mut turn = Turn::take(dir.path(), "0-45").unwrap().unwrap();
        assert!(Turn::take(dir.path(), "0-45").unwrap().is_none());
        assert!(Turn::take(dir.path(), "0-46").unwrap().is_some());
        assert_eq!(turn.last().unwrap(), None);
        turn.remember(Some(123_456)).unwrap();
        turn.remember(Some(99)).unwrap();
        drop(turn);
        let mut turn = Turn::take(dir.path(), "0-45").unwrap().unwrap();
        assert_eq!(turn.last().unwrap(), Some(99));
        turn.remember(None).unwrap();
        assert_eq!(turn.last().unwrap(), None);
    }

    #[test]
    fn a_filesystem_is_known_by_its_superblock() {
        let info = "pos:\t0\nflags:\t02100000\nmnt_id:\t31\nino:\t256\n";
        let mounts = "30 29 0:26 / /sys rw - sysfs sysfs rw\n31 28 0:45 /pool /srv/pool rw,noatime - btrfs /dev/loop0 rw\n";
        assert_eq!(superblock(info, mounts).unwrap(), "0-45");
        assert_eq!(superblock("pos:\t0\n", mounts), None);
        assert_eq!(superblock(info, "31 28 ../x:0 / / rw\n"), None);
        let (root, proc) = (File::open("/").unwrap(), File::open("/proc").unwrap());
        assert_ne!(filesystem(&root).unwrap(), filesystem(&proc).unwrap());
    }

    #[test]
    fn what_waits_in_memory_is_read() {
        let text =
            "MemFree:  1 kB\nDirty:               116 kB\nWriteback:            4 kB\nWritebackTmp:  9 kB\n";
        assert_eq!(kilobytes(text, "Dirty:"), Some(116));
        assert_eq!(kilobytes(text, "Writeback:"), Some(4));
        assert_eq!(kilobytes(text, "Unknown:"), None);
    }
}
