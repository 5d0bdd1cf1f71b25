//! What a command in a branch gets of the caller: a terminal or pipes of its own, handed on for as long as it runs, and
//! nothing that the caller has.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::branch::url_of;
use crate::kill::until;
use crate::production::{Ended, MINUTE, Production, as_postgres, ask, program};
use crate::walls::{shell, with_superuser};

/// A terminal with a program on it, and somebody who looks and types.
struct Terminal {
    keyboard: fs::File,
    /// The program's side, to look at its modes.
    line: OwnedFd,
    screen: Arc<(Mutex<Vec<u8>>, Condvar)>,
    child: Child,
}

impl Terminal {
    /// `command` as the leader of a session on a new terminal.
    fn with(command: &Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        unlockpt(&ours).unwrap();
        let line = ioctl_tiocgptpeer(&ours, flags).unwrap();
        tcsetwinsize(&ours, size(30, 100)).unwrap();
        let side = || Stdio::from(line.try_clone().unwrap());
        let mut leader = program("/usr/bin/setsid");
        leader
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        leader
            .env("TERM", "vt100")
            .stdin(side())
            .stdout(side())
            .stderr(side());
        let keyboard = fs::File::from(ours);
        let screen = Arc::new((Mutex::default(), Condvar::new()));
        let (mut seen, shown) = (keyboard.try_clone().unwrap(), Arc::clone(&screen));
        let child = leader.spawn().unwrap();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = seen.read(&mut piece) {
                let (bytes, changed): &(Mutex<Vec<u8>>, Condvar) = &shown;
                bytes.lock().unwrap().extend_from_slice(&piece[..read]);
                changed.notify_all();
            }
        });
        Self {
            keyboard,
            line,
            screen,
            child,
        }
    }

    /// envclone, with `command` in the branch `fix-42`.
    fn exec(production: &Production, command: &[&str]) -> Self {
        Self::with(&production.command(&[&["exec", "fix-42", "db", "--"], command].concat()))
    }

    fn types(&self, text: &str) {
        (&self.keyboard).write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is to be seen.
    #[track_caller]
    fn shows(&self, text: &str) -> String {
        let (bytes, changed) = &*self.screen;
        let end = Instant::now() + MINUTE;
        let mut bytes = bytes.lock().unwrap();
        loop {
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            if shown.contains(text) {
                return shown;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} is not in {shown:?}");
            bytes = changed.wait_timeout(bytes, left).unwrap().0;
        }
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.line).unwrap()
    }

    fn takes_lines(&self) -> bool {
        self.modes()
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.id()), signal).unwrap();
    }

    fn code(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let mut status = None;
        until("its end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed()).unwrap()
}

/// A word that is in no other command line.
fn token() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    format!("token{:016x}", u64::from_ne_bytes(bytes))
}

/// Processes in a sandbox whose command line has this word.
fn inside(token: &str) -> Vec<u32> {
    let of = |number: &u32| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
        let numbers = read("status").lines().find_map(|line| {
            line.strip_prefix("NSpid:")
                .map(|numbers| numbers.split_whitespace().count())
        });
        read("cmdline").contains(token) && numbers.is_some_and(|numbers| numbers > 1)
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(of).collect()
}

/// A number of `/proc/<pid>/stat`, counted as proc(5) does.
fn stat(number: u32, field: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(field - 3).unwrap().to_owned()
}

fn data_on_host(production: &Production) -> PathBuf {
    production.pool().join(".envclone/env/shop/fix-42/clone/db/data")
}

/// Does what is typed, line by line, until it is told to exit.
const OBEY: &str = "while :; do read -r line && eval \"$line\"; done";

#[test]
fn making_a_branch_is_to_be_watched_on_a_terminal_and_silent_elsewhere() {
    let production = Production::new();
    let mut terminal = Terminal::with(&production.command(&["branch", "prod", "fix-42"]));
    // The steps that take longest, each in the line that changes, and then what came of them.
    for shown in [
        "seal",
        "sanitize",
        "start",
        "fix-42 is ready.",
        "postgres://shop:",
    ] {
        terminal.shows(shown);
    }
    assert_eq!(terminal.code(), 0);
    for args in [
        &["branch", "prod", "other"][..],
        &["stop", "other"],
        &["start", "--all"],
        &["destroy", "other", "fix-42"],
    ] {
        let ended = production.envclone(args);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn what_a_command_leaves_behind_is_ended_and_hears_nothing_that_is_typed_later() {
    let production = Production::new();
    production.branch("fix-42");
    let (token, heard) = (token(), production.data().join("heard"));
    let listens = format!(
        "exec 3<&0; (trap '' HUP INT TERM; setsid sh -c 'cat <&3 >>{0}' {token}; cat <&3 >>{0}) & \
         (trap '' HUP; exec sh -c 'cat <&3 >>{0}; :' {token}) & until test -e {0}; do :; done; echo left",
        heard.display()
    );
    let envclone = production.command(&["exec", "fix-42", "db", "--", "sh", "-c", &listens]);
    let mut root = program("/bin/sh");
    root.args([
        "-c",
        "\"$@\"; echo \"ended $?\"; IFS= read -r line; echo \"root was told: $line.\"",
    ]);
    root.arg("sh")
        .arg(envclone.get_program())
        .args(envclone.get_args());
    let mut terminal = Terminal::with(&root);
    terminal.shows("ended 0");
    assert!(inside(&token).is_empty(), "left behind");
    terminal.types("the-password\n");
    terminal.shows("root was told: the-password.");
    assert_eq!(terminal.code(), 0);
    assert_eq!(
        fs::read_to_string(data_on_host(&production).join("heard")).unwrap(),
        ""
    );

    // Without a terminal, too: it had the caller's pipe, and would keep who reads it waiting.
    let ended = production.envclone(&[
        "exec",
        "fix-42",
        "db",
        "--",
        "sh",
        "-c",
        "tail -f /dev/null & echo said",
    ]);
    assert_eq!(ended.ok(), "said\n");
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_command_on_a_terminal_has_one_of_its_own_in_a_session_of_its_own() {
    let production = Production::new();
    production.branch("fix-42");
    let token = token();
    let script = format!(
        "trap 'echo resized to $(stty size)' WINCH; trap 'echo in\"\"terrupted' INT; tty; stty size; echo $TERM; \
         test -t 0 && test -t 1 && test -t 2 && echo all th\"\"ree; {OBEY}"
    );
    let mut terminal = Terminal::exec(&production, &["sh", "-c", &script, &token]);
    let shown = terminal.shows("all three");
    for line in ["/dev/pts/0\r\n", "\r\n30 100\r\n", "\r\nvt100\r\n"] {
        assert!(shown.contains(line), "{line:?} in {shown:?}");
    }
    assert!(!terminal.takes_lines(), "every key goes in as it is");
    // Neither session nor terminal are the caller's, by the kernel's word.
    let processes = inside(&token);
    assert_eq!(processes.len(), 1);
    let (inner, outer) = (processes[0], terminal.child.id());
    assert_ne!(stat(inner, 6), stat(outer, 6), "sessions");
    // Both may be number 0, of other file systems.
    let device = |number: u32| fs::metadata(format!("/proc/{number}/fd/0")).unwrap().dev();
    assert_ne!(device(inner), device(outer), "terminals");
    terminal.types("echo wr\"\"itten >/dev/tty; echo ag\"\"ain >/dev/stdout\n");
    terminal.shows("written");
    terminal.shows("again");

    tcsetwinsize(&terminal.keyboard, size(50, 132)).unwrap();
    terminal.shows("resized to 50 132");
    terminal.types("\x03");
    terminal.shows("interrupted");
    terminal.types("exit 7\n");
    assert_eq!(terminal.code(), 7);
    assert!(terminal.takes_lines());

    // A shell has its jobs, and a program that makes terminals makes them.
    let mut terminal = Terminal::exec(&production, &["bash", "--norc", "-i"]);
    let job = "sh -c 'trap \"echo con\"tinued CONT; echo ru\"n\"s; while :; do read -r x; done'\n";
    terminal.types(job);
    assert!(
        !terminal.shows("runs").contains("job control"),
        "{}",
        terminal.shows("")
    );
    terminal.types("\x1a");
    terminal.shows("Stopped");
    terminal.types("fg\n");
    terminal.shows("continued");
    terminal.types("\x03");
    let has_prompt = || {
        let shown = terminal.shows("");
        shown
            .rsplit("continued")
            .next()
            .is_some_and(|after| after.contains("bash-"))
    };
    until("the prompt", has_prompt);
    terminal.types("echo \"it gave $?\"\n");
    terminal.shows("it gave 130");
    terminal.types("script -qc tty /dev/null; exit 3\n");
    terminal.shows("/dev/pts/1");
    assert_eq!(terminal.code(), 3);
    // What is ended by a key.
    let mut terminal = Terminal::exec(
        &production,
        &["sh", "-c", "echo re\"\"ady; exec tail -f /dev/null", &token],
    );
    terminal.shows("ready");
    terminal.types("\x1c");
    assert_eq!(terminal.code(), 128 + 3);
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn the_terminal_gets_its_modes_back_and_nothing_runs_on_however_it_ends() {
    let production = Production::new();
    production.branch("fix-42");
    let token = token();
    let script = "trap '' HUP INT TERM; stty -echo; setsid tail -f /dev/null TOKEN & echo re\"\"ady; tail -f /dev/null TOKEN";
    let script = script.replace("TOKEN", "--retry /TOKEN").replace("TOKEN", &token);
    let begin = || {
        let terminal = Terminal::exec(&production, &["sh", "-c", &script]);
        terminal.shows("ready");
        until("three processes of it", || inside(&token).len() == 3);
        assert!(!terminal.takes_lines());
        terminal
    };
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut terminal = begin();
        terminal.signal(signal);
        assert_eq!(terminal.code(), code);
        assert!(terminal.takes_lines());
        assert!(inside(&token).is_empty());
    }
    // The instance ends.
    let mut terminal = begin();
    production.envclone(&["stop", "fix-42"]).ok();
    assert!(inside(&token).is_empty());
    assert_eq!(terminal.code(), 137);
    assert!(terminal.takes_lines());
    production.envclone(&["start", "fix-42"]).ok();
    // It cannot do anything any more; the kernel does it.
    let mut terminal = begin();
    terminal.signal(Signal::KILL);
    assert_eq!(terminal.code(), 137);
    until("the end of what it began", || inside(&token).is_empty());
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn the_client_is_interactive_on_a_terminal_and_keeps_no_history() {
    let production = Production::new();
    production.branch("fix-42");
    let mut terminal = Terminal::with(&production.command(&["connect", "fix-42", "db"]));
    terminal.shows("shop=");
    terminal.types("SELECT 'the answer is ' || 6 * 7 AS said;\n");
    terminal.shows("the answer is 42");
    terminal.types("\\q\n");
    assert_eq!(terminal.code(), 0, "{}", terminal.shows(""));
    let shown = terminal.shows("");
    assert!(
        !shown.contains("history") && !shown.contains("not fully functional"),
        "{shown}"
    );
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn pipes_are_handed_on_byte_by_byte_with_their_ends() {
    let production = Production::new();
    production.branch("fix-42");
    let exec = |command: &[&str]| production.command(&[&["exec", "fix-42", "db", "--"], command].concat());
    // More than a pipe holds, and every byte there is.
    let sent: Vec<u8> = (0..3_000_001u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let mut cat = exec(&["sh", "-c", "cat; echo end >&2"]);
    let mut cat = cat
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, text) = (cat.stdin.take().unwrap(), sent.clone());
    let writes = std::thread::spawn(move || stdin.write_all(&text));
    let ended = cat.wait_with_output().unwrap();
    writes.join().unwrap().unwrap();
    assert!(
        ended.stdout == sent,
        "{} of {} bytes",
        ended.stdout.len(),
        sent.len()
    );
    assert_eq!(ended.stderr, b"end\n");
    // Into a file, and out of one.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut wc = exec(&["wc", "-c"]);
    fs::write(file.path(), &sent).unwrap();
    wc.stdin(fs::File::open(file.path()).unwrap());
    assert_eq!(
        Ended::of(wc.output().unwrap()).ok().trim(),
        sent.len().to_string()
    );
    let mut seq = exec(&["seq", "200000"]);
    let status = seq
        .stdout(fs::File::create(file.path()).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(
        fs::read_to_string(file.path()).unwrap().lines().last(),
        Some("200000")
    );
    // One after the other, where both go to the same place.
    let script = "for n in $(seq 500); do echo out $n; echo err $n >&2; done";
    let both = fs::File::create(file.path()).unwrap();
    let mut order = exec(&["sh", "-c", script]);
    order.stdout(both.try_clone().unwrap()).stderr(both);
    assert!(order.status().unwrap().success());
    let expected: Vec<String> = (1..=500).map(|n| format!("out {n}\nerr {n}\n")).collect();
    assert_eq!(fs::read_to_string(file.path()).unwrap(), expected.concat());
    // A reader that has enough ends who writes.
    let mut yes = exec(&["sh", "-c", "yes; exit $?"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 2];
    yes.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(yes.wait().unwrap().code(), Some(128 + 13));
    // A disk that is full is told.
    let full = exec(&["seq", "20000"])
        .stdout(fs::File::create("/dev/full").unwrap())
        .output()
        .unwrap();
    let full = Ended::of(full);
    full.refused(1, &["No space left on device"]);
    // Signals that come are the command's.
    let waits = "trap 'echo told; exit 5' INT; echo ready; while :; do tail -f /dev/null & wait; done";
    let mut waits = exec(&["sh", "-c", waits]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = waits.stdout.take().unwrap();
    let mut ready = [0; 6];
    said.read_exact(&mut ready).unwrap();
    kill_process(pid(waits.id()), Signal::INT).unwrap();
    let mut told = String::new();
    said.read_to_string(&mut told).unwrap();
    assert_eq!((told.as_str(), waits.wait().unwrap().code()), ("told\n", Some(5)));
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_command_whose_output_is_piped_has_no_terminal_at_all_and_leaves_the_keys_to_the_pager() {
    let production = Production::new();
    production.branch("fix-42");
    let on_terminal = |script: &str, command: &[&str]| {
        let envclone = production.command(&[&["exec", "fix-42", "db", "--"], command].concat());
        let mut shell = program("/bin/sh");
        shell
            .args(["-c", script, "sh"])
            .arg(envclone.get_program())
            .args(envclone.get_args());
        Terminal::with(&shell)
    };
    // The control: outside, such a process does open it.
    let opens = "(echo opened >/dev/tty) 2>/dev/null && echo it has one || echo it has none";
    let terminal = on_terminal(&format!("{{ {opens}; }} | cat"), &[]);
    terminal.shows("it has one");
    let terminal = on_terminal("\"$@\" | cat", &["sh", "-c", opens]);
    let shown = terminal.shows("it has none");
    assert!(!shown.contains("opened"), "{shown}");
    let mut terminal = on_terminal(
        "echo from a pipe | \"$@\"",
        &["sh", "-c", &format!("cat; {opens}")],
    );
    terminal.shows("it has none");
    terminal.shows("from a pipe");
    assert_eq!(terminal.code(), 0);
    assert!(terminal.takes_lines());
    // A line that is typed for it arrives, and so does the end.
    let mut terminal = on_terminal(
        "\"$@\" | cat",
        &[
            "sh",
            "-c",
            "echo re\"\"ady; while read -r line; do echo \"so: $line\"; done",
        ],
    );
    terminal.shows("ready");
    terminal.types("typed\n");
    terminal.shows("so: typed");
    terminal.types("\x04");
    assert_eq!(terminal.code(), 0);
    // One that takes single keys has them all.
    let pager = "stty -icanon -echo min 1 </dev/tty; echo rea\"\"dy; head -c 40 </dev/tty | tr a-z A-Z; stty icanon echo </dev/tty";
    let mut terminal = on_terminal(&format!("\"$@\" | {{ {pager}; }}"), &["sh", "-c", "cat; :"]);
    terminal.shows("ready");
    for key in "0123456789abcdefghijklmnopqrst0123456789".chars() {
        terminal.types(&key.to_string());
    }
    terminal.shows("0123456789ABCDEFGHIJKLMNOPQRST0123456789");
    until("the end of the pager", || terminal.takes_lines());
    terminal.types("\x04");
    assert_eq!(terminal.code(), 0);
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn the_branchs_processes_and_the_command_see_nothing_of_each_other() {
    let production = with_superuser();
    let url = url_of(&production.branch("fix-42"));
    let token = token();
    let (_, rest) = url.split_once("://").unwrap();
    let password = rest.split(['@', ':']).nth(1).unwrap();
    let script = "tr '\\000' '\\n' </proc/self/environ; echo numbers; ls /proc | grep '^[0-9]'; echo names; cat /proc/[0-9]*/comm; \
                  kill -9 1 2>&1; cat /proc/1/environ 2>&1; echo ready; read x";
    let mut client = production.command(&["exec", "fix-42", "db", "--", "sh", "-c", script, &token]);
    let mut client = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut output = client.stdout.take().unwrap();
    while !said.contains("ready") {
        let mut piece = [0; 4096];
        let read = output.read(&mut piece).unwrap();
        assert!(read > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    // The control: it has the password, and on the host the account can read it.
    assert!(said.contains(&format!("PGPASSWORD={password}\n")), "{said}");
    let process = inside(&token)[0];
    let read = |file: &str| {
        let mut cat = as_postgres("/bin/cat".as_ref());
        cat.arg(format!("/proc/{process}/{file}")).output().unwrap()
    };
    assert!(
        String::from_utf8_lossy(&read("environ").stdout).contains(password),
        "the control"
    );
    // The branch's processes find neither word; a pattern does not find itself.
    let pattern = |word: &str| format!("-e '[{}]{}'", &word[..1], &word[1..]);
    let (of_token, of_password) = (pattern(&token), pattern(password));
    let look = |words: &str| {
        let files = "exec 2>/dev/null; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ; ls -l /proc/[0-9]*/fd";
        shell(
            &url,
            &format!("{{ {files}; }} | tr '\\000' '\\n' | grep -a -c {words}"),
        )
    };
    assert_ne!(look("-e postgres"), "0", "the control");
    assert_eq!(look(&format!("{of_token} {of_password} -e '/pts[/]'")), "0");
    assert_eq!(shell(&url, "ls /dev/pts"), "ptmx");
    // Nor the other way round.
    let (_, numbers) = said.split_once("numbers\n").unwrap();
    let (numbers, names) = numbers.split_once("names\n").unwrap();
    assert!(numbers.lines().count() <= 4, "{said}");
    assert!(
        !names.contains("postgres") && !names.contains("bwrap") && !names.contains("envclone"),
        "{said}"
    );
    drop(client.stdin.take());
    // `read` found no line.
    assert_eq!(client.wait().unwrap().code(), Some(1));
    production.envclone(&["destroy", "fix-42"]).ok();
}

#[test]
fn a_command_stands_still_with_its_branch() {
    use envclone::runtime::{Runtime, Sandboxed};
    let production = Production::new();
    let url = url_of(&production.branch("fix-42"));
    let id = fs::read_dir(production.run_dir())
        .unwrap()
        .flatten()
        .find_map(|entry| entry.file_name().to_str()?.parse().ok());
    let branch: envclone::model::BranchId = id.unwrap();
    let runtime = Sandboxed::new(
        production.run_dir(),
        production.base().join("log"),
        env!("CARGO_BIN_EXE_envclone").into(),
    );
    let count = data_on_host(&production).join("count");
    let script = format!(
        "while :; do echo >>{}; done",
        production.data().join("count").display()
    );
    let mut writes = production
        .command(&["exec", "fix-42", "db", "--", "sh", "-c", &script])
        .spawn()
        .unwrap();
    let written = || fs::metadata(&count).map_or(0, |metadata| metadata.len());
    until("the first lines", || written() > 100);
    let still = runtime.freeze(&branch).unwrap();
    let before = written();
    // Long enough for thousands of them.
    let pause = program("/bin/sleep").arg("0.3").status().unwrap();
    assert!(pause.success());
    assert_eq!(written(), before);
    still.thaw().unwrap();
    until("more lines", || written() > before);
    // Whoever held it still dies, and with it the instance: the command ends all the same.
    let still = runtime.freeze(&branch).unwrap();
    let supervisor = runtime.status(&branch).unwrap().unwrap().supervisor;
    kill_process(pid(supervisor), Signal::KILL).unwrap();
    let mut ended = None;
    until("the end of the command", || {
        ended = writes.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(137));
    still.thaw().unwrap_err();
    production.envclone(&["start", "fix-42"]).ok();
    assert_eq!(ask(&url, "SELECT 42").unwrap(), "42");
    production.envclone(&["destroy", "fix-42"]).ok();
}
