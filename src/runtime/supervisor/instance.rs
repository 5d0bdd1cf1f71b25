//! A server in its sandbox: started, watched, stopped.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::InstanceSpec;
use super::super::descriptors::pipe;
use super::super::process;
use super::super::protocol::Failure;
use super::output::{Log, Seen, Signs, follow, keep_fatal};
use super::sandbox::{Processes, Sandbox};
use super::stall::{LOOK_EVERY, Stall};
use super::{Supervisor, locked, named};
use crate::exec::Streams;
use crate::model::ServiceName;

/// How long a killed instance may take to go.
const DEATH: Duration = Duration::from_secs(40);

/// An instance that was started, and what is known of it.
pub(super) struct Instance {
    service: ServiceName,
    stop_signal: Signal,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// While its processes can be signalled.
    processes: Option<Arc<Processes>>,
    ready: bool,
    log: Option<Arc<Mutex<Log>>>,
    fatal: Vec<String>,
    /// How it ended.
    ended: Option<String>,
}

impl Supervisor {
    /// Starts an instance and waits until it is ready, has ended, or time is up.
    pub(super) fn start(self: &Arc<Self>, spec: &InstanceSpec) -> Result<(), Failure> {
        let service = spec.sandbox.service.clone();
        let signal = Signal::from_named_raw(spec.stop_signal);
        let instance = Arc::new(Instance {
            service: service.clone(),
            stop_signal: signal
                .ok_or_else(|| Failure::other(format!("{} is no signal", spec.stop_signal)))?,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        {
            let mut instances = locked(&self.instances);
            if instances
                .get(&service)
                .is_some_and(|instance| !instance.has_ended())
            {
                return Err(Failure::other(format!("service {service} runs already")));
            }
            instances.insert(service, Arc::clone(&instance));
        }
        let launched = self.launch(spec, &instance);
        if let Err(failure) = launched {
            return Err(instance.did_not_start(failure));
        }
        instance.wait_until_ready(spec.ready_within)
    }

    fn launch(self: &Arc<Self>, spec: &InstanceSpec, instance: &Arc<Instance>) -> Result<(), Failure> {
        let service = &spec.sandbox.service;
        let log = if spec.sealed {
            Log::sealed(self.dir.sealed_log(service))
        } else {
            Log::rotated(self.log_path(service))
        };
        let log = Arc::new(Mutex::new(log.map_err(Failure::io("opening the log"))?));
        locked(&instance.state).log = Some(Arc::clone(&log));
        let (read, write) = pipe().map_err(Failure::io("making a pipe"))?;
        let signs = Signs {
            ready_line: spec.ready_line.clone(),
            severities: spec.severities.clone(),
        };
        let watched = Arc::clone(instance);
        let reader = thread::Builder::new().name("output".to_owned()).spawn(move || {
            follow(File::from(read), &log, &signs, |seen| watched.saw(seen));
        });
        let reader = reader.map_err(Failure::io("starting a thread"))?;
        let streams = Streams {
            output: Some(File::from(write)),
            ..Streams::default()
        };
        let sandbox = match Sandbox::start(self, &spec.sandbox, &spec.program, &spec.args, streams) {
            Ok(sandbox) => sandbox,
            Err(failure) => {
                // The pipe is closed by now, so the reader has seen all that there is.
                let _ = reader.join();
                return Err(failure);
            }
        };
        locked(&instance.state).processes = Some(Arc::clone(&sandbox.processes));
        let processes = Arc::clone(&sandbox.processes);
        let supervisor = Arc::clone(self);
        let watched = Arc::clone(instance);
        let waiter = named("wait", move || {
            let status = sandbox.wait(&supervisor);
            let _ = reader.join();
            watched.has_gone(&status);
        });
        waiter.map_err(|error| {
            processes.kill();
            Failure::io("starting a thread")(error)
        })
    }

    fn log_path(&self, service: &ServiceName) -> PathBuf {
        self.log_dir.join(format!("{}-{service}.log", self.branch))
    }

    /// Removes the output of sealed instances. What one that still runs says from now on goes into its ordinary log:
    /// it is published as it is.
    pub(super) fn forget_sealed_logs(&self) -> Result<(), Failure> {
        let instances: Vec<_> = locked(&self.instances).values().map(Arc::clone).collect();
        for instance in instances {
            let Some(log) = locked(&instance.state).log.as_ref().map(Arc::clone) else {
                continue;
            };
            let mut log = locked(&log);
            if log.is_sealed() {
                // What was said before is sealed, also where nobody has read it yet.
                log.catch_up().map_err(Failure::io("reading what is said"))?;
                *log =
                    Log::rotated(self.log_path(&instance.service)).map_err(Failure::io("opening the log"))?;
            }
        }
        self.dir
            .forget_sealed()
            .map_err(Failure::io("removing sealed logs"))
    }

    /// Adds a line of envclone's own to the log of every instance.
    pub(super) fn say_in_logs(&self, line: &str) {
        let instances: Vec<_> = locked(&self.instances).values().map(Arc::clone).collect();
        for instance in instances {
            if let Some(log) = locked(&instance.state).log.as_ref() {
                locked(log).say(line);
            }
        }
    }

    /// Stops an instance cleanly, or kills it when time is up.
    pub(super) fn stop(&self, service: &ServiceName, within: Duration) -> Result<(), Failure> {
        let instance = locked(&self.instances).get(service).map(Arc::clone);
        instance.map_or(Ok(()), |instance| instance.stop(within))
    }

    /// The number of the init process of a running instance.
    pub(super) fn init_of(&self, service: &ServiceName) -> Result<u32, Failure> {
        let instance = locked(&self.instances).get(service).map(Arc::clone);
        let processes = instance.and_then(|instance| instance.running());
        processes
            .map(|processes| processes.init.pid())
            .ok_or_else(|| Failure::other(format!("service {service} is not running")))
    }

    /// Services whose instance is ready and has not ended.
    pub(super) fn running(&self) -> Vec<ServiceName> {
        let instances = locked(&self.instances);
        let running = instances
            .iter()
            .filter(|(_, instance)| instance.running().is_some());
        running.map(|(service, _)| service.clone()).collect()
    }
}

impl Instance {
    fn saw(&self, seen: Seen) {
        let mut state = locked(&self.state);
        match seen {
            Seen::Ready => state.ready = true,
            Seen::Fatal(line) => keep_fatal(&mut state.fatal, line),
        }
        self.changed.notify_all();
    }

    fn has_gone(&self, status: &io::Result<ExitStatus>) {
        let mut state = locked(&self.state);
        state.processes = None;
        state.ended = Some(describe(status));
        self.changed.notify_all();
    }

    fn has_ended(&self) -> bool {
        locked(&self.state).ended.is_some()
    }

    fn running(&self) -> Option<Arc<Processes>> {
        let state = locked(&self.state);
        state.processes.as_ref().filter(|_| state.ready).map(Arc::clone)
    }

    /// The number of the sandbox's init process, also while the instance is not ready yet.
    pub(super) fn init(&self) -> Option<u32> {
        let state = locked(&self.state);
        state.processes.as_ref().map(|processes| processes.init.pid())
    }

    /// Waits until `condition` holds; `false` when time is up.
    fn wait_until(
        &self,
        within: Duration,
        condition: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'_, State>, bool) {
        let state = locked(&self.state);
        let waited = self
            .changed
            .wait_timeout_while(state, within, |state| !condition(state));
        let (state, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        let holds = condition(&state);
        (state, holds)
    }

    fn wait_until_ready(&self, within: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut stall = Stall::begin();
        let state = loop {
            let left = within.saturating_sub(begun.elapsed());
            let (state, done) =
                self.wait_until(left.min(LOOK_EVERY), |state| state.ready || state.ended.is_some());
            if done || left.is_zero() {
                break state;
            }
            drop(state);
            // Whoever does nothing will not become ready.
            if self.init().is_some_and(|init| stall.look(init)) {
                break locked(&self.state);
            }
        };
        if let Some(status) = &state.ended {
            return Err(Failure::DidNotStart {
                service: self.service.clone(),
                status: status.clone(),
                fatal: state.fatal.clone(),
            });
        }
        if state.ready {
            return Ok(());
        }
        drop(state);
        self.kill()?;
        Err(Failure::NotReady {
            service: self.service.clone(),
            seconds: begun.elapsed().as_secs(),
            fatal: locked(&self.state).fatal.clone(),
        })
    }

    /// The sandbox could not be built; what bwrap said of it is among the lines.
    fn did_not_start(&self, failure: Failure) -> Failure {
        let mut state = locked(&self.state);
        state
            .ended
            .get_or_insert_with(|| "the sandbox could not be built".to_owned());
        self.changed.notify_all();
        if state.fatal.is_empty() {
            return failure;
        }
        Failure::DidNotStart {
            service: self.service.clone(),
            status: "the sandbox could not be built".to_owned(),
            fatal: state.fatal.clone(),
        }
    }

    pub(super) fn stop(&self, within: Duration) -> Result<(), Failure> {
        let processes = locked(&self.state).processes.as_ref().map(Arc::clone);
        if let Some(processes) = processes {
            // One that ends at this moment has no first process any more; one that its users stopped hears no signal.
            if let Ok(first) = process::first_of(&processes.init) {
                first
                    .signal(self.stop_signal)
                    .and_then(|()| first.signal(Signal::CONT))
                    .map_err(Failure::io("sending the stop signal"))?;
            }
        }
        let (state, ended) = self.wait_until(within, |state| state.ended.is_some());
        drop(state);
        if ended {
            return Ok(());
        }
        self.kill()?;
        Err(Failure::Killed {
            service: self.service.clone(),
            seconds: within.as_secs(),
        })
    }

    fn kill(&self) -> Result<(), Failure> {
        if let Some(processes) = &locked(&self.state).processes {
            processes.kill();
        }
        match self.wait_until(DEATH, |state| state.ended.is_some()) {
            (_, true) => Ok(()),
            (_, false) => Err(Failure::other(format!(
                "service {} cannot be killed",
                self.service
            ))),
        }
    }
}

fn describe(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            // bwrap gives 128 + signal where a signal ended the service.
            (Some(code), _) if code > 128 => format!("signal {}", code - 128),
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an unknown status".to_owned(),
        },
        Err(error) => format!("an unknown status: {error}"),
    }
}
