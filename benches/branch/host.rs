//! The machine: its programs, its facts, and room for a pool.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// The built binary.
pub const ENVCLONE: &str = env!("CARGO_BIN_EXE_envclone");

/// A program, with nothing on standard input.
pub fn program(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new(path.as_ref());
    command.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
    command
}

/// Runs a program to its end; what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    if !output.status.success() {
        let name = command.get_program().to_owned();
        bail!(
            "{} ended with {}: {}",
            name.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How long something took.
pub fn timed<T>(act: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let clock = Instant::now();
    let done = act()?;
    Ok((clock.elapsed().as_secs_f64(), done))
}

/// The directory of the newest PostgreSQL server.
pub fn server_programs() -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql").context("looking for PostgreSQL")? {
        let path = entry?.path();
        let version = path.file_name().and_then(|name| name.to_str());
        let version: Option<u32> = version.and_then(|name| name.parse().ok());
        found.extend(
            version
                .filter(|_| path.join("bin/postgres").is_file())
                .map(|version| (version, path.join("bin"))),
        );
    }
    let newest = found.into_iter().max();
    newest
        .map(|(_, path)| path)
        .context("no PostgreSQL server below /usr/lib/postgresql")
}

/// A PostgreSQL server; killed when dropped.
pub struct Server(Child);

impl Server {
    /// Starts `postgres` as its account and waits for the line that says that it takes connections.
    pub fn start(programs: &Path, data: &Path, settings: &[String]) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let (uid, gid) = account()?;
        let mut command = program(programs.join("postgres"));
        command.arg("-D").arg(data).current_dir("/").uid(uid).gid(gid);
        for setting in settings {
            command.args(["-c", setting]);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = child.stderr.take().context("the server's log")?;
        let server = Self(child);
        let (ready, waits) = mpsc::channel();
        std::thread::spawn(move || {
            let mut log = String::new();
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                let is_ready = line.contains("ready to accept connections");
                log = log + &line + "\n";
                if is_ready {
                    // Nobody waits for a second time.
                    let _ = ready.send(Ok(()));
                    log.clear();
                }
            }
            let _ = ready.send(Err(log));
        });
        match waits.recv_timeout(Duration::from_secs(600)) {
            Ok(Ok(())) => Ok(server),
            Ok(Err(log)) => bail!("the server does not start: {log}"),
            Err(_) => bail!("the server is not ready after 10 minutes"),
        }
    }

    /// Stops it cleanly.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::INT);
        self.0.wait()?;
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::QUIT);
        let _ = self.0.wait();
    }
}

/// User and group of PostgreSQL's account.
pub fn account() -> Result<(u32, u32)> {
    let user = nix::unistd::User::from_name("postgres")?.context("there is no user postgres")?;
    Ok((user.uid.as_raw(), user.gid.as_raw()))
}

/// What the results depend on, on Btrfs.
pub fn facts(programs: &Path) -> Result<Vec<(&'static str, String)>> {
    let mut facts = common(programs)?;
    facts.push(("Btrfs", version(Path::new("/usr/bin/btrfs"))?));
    facts.push(("Pool", "Btrfs on a sparse loop file".to_owned()));
    Ok(facts)
}

/// What the results depend on, on ZFS.
pub fn facts_on_zfs(programs: &Path) -> Result<Vec<(&'static str, String)>> {
    let mut facts = common(programs)?;
    let module = std::fs::read_to_string("/sys/module/zfs/version").unwrap_or_default();
    facts.push(("ZFS", module.trim().to_owned()));
    facts.push(("Pool", "a zpool on a virtual disk".to_owned()));
    Ok(facts)
}

/// The first line of what a program says of its version.
fn version(path: &Path) -> Result<String> {
    let text = run(program(path).arg("--version"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// What all results depend on; nothing by which a machine is known.
fn common(programs: &Path) -> Result<Vec<(&'static str, String)>> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_once(':')
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let memory: u64 = field(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = field(&read("/proc/cpuinfo"), "model name");
    Ok(vec![
        ("Processor", format!("{cores} cores, {model}")),
        ("Memory", format!("{} GiB", (memory + (1 << 19)) >> 20)),
        ("Kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("PostgreSQL", version(&programs.join("postgres"))?),
        ("bubblewrap", version(Path::new("/usr/bin/bwrap"))?),
        ("envclone", version(Path::new(ENVCLONE))?),
    ])
}

/// How much other programs keep the machine busy, from `/proc/loadavg`.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
