//! A host of a test's own: configuration, state and sockets below one directory of root's, removed at the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Directories of one test. What root obeys must not lie below `/tmp`, where anybody can make a name.
pub struct Host {
    dir: PathBuf,
}

/// How a command ended. In its texts the host's directory reads `[DIR]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// What a command is expected to come to.
pub fn ended(code: i32, stdout: &str, stderr: &str) -> Ended {
    Ended {
        code,
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
    }
}

impl Host {
    /// Needs root.
    pub fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/var/lib/envclone-test-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    /// A path below the host's directory.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    /// Writes a file, root's and 0644, and the directories above it.
    pub fn write(&self, relative: &str, text: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// Writes a configuration with one production at `root` and a pool.
    pub fn configure(&self, pool: &Path, root: &Path) {
        let text = format!(
            "[project]\nname = \"shop\"\n\n[storage]\npool = {pool:?}\nstate = {:?}\nrun = {:?}\n\n\
             [environments.prod]\ntype = \"production\"\nroot = {root:?}\n\n\
             [services.uploads]\nengine = \"files\"\nvolume = \"uploads\"\n",
            self.path("state"),
            self.path("run"),
        );
        self.write("etc/envclone.toml", &text);
    }

    /// The command, in an environment of its own.
    pub fn command(&self, args: &[&str]) -> Command {
        #[allow(
            clippy::disallowed_methods,
            reason = "exit code and both streams of the binary are what is tested"
        )]
        let mut command = Command::new(env!("CARGO_BIN_EXE_envclone"));
        command
            .args(args)
            .env_clear()
            .env("ENVCLONE_CONFIG", self.path("etc/envclone.toml"))
            .env("PATH", "/nonexistent")
            .stdin(Stdio::null());
        command
    }

    /// Runs `envclone` with these arguments to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        let output = self.command(args).output().unwrap();
        self.ended(&output)
    }

    /// How a command ended, with the host's directory replaced.
    pub fn ended(&self, output: &Output) -> Ended {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.replace(self.dir.to_str().unwrap(), "[DIR]")
        };
        Ended {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Names in a directory, sorted.
    pub fn names(&self, relative: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(relative))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        #[allow(clippy::disallowed_methods, reason = "the directory is the test's own")]
        let removed = fs::remove_dir_all(&self.dir);
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}
