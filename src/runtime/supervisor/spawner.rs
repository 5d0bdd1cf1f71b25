//! Starts children on the main thread, and knows which of them have not ended.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::super::process::Held;
use super::super::protocol::Failure;
use super::locked;
use crate::exec::{Invocation, Streams, spawn};

/// How long killed children may take to go.
const DEATH: Duration = Duration::from_secs(30);

enum Order {
    Spawn(Invocation, Streams, Sender<Result<Started, Failure>>),
    /// Answered when everything ordered before it has been done.
    Barrier(Sender<()>),
    End,
}

/// A child, and a handle on it that does not depend on who waits.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) held: Arc<Held>,
}

/// What other threads use.
pub(super) struct Spawner {
    orders: Sender<Order>,
    shared: Arc<Shared>,
}

/// What the main thread runs.
pub(super) struct MainThread {
    orders: Receiver<Order>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    closing: AtomicBool,
    children: Mutex<BTreeMap<u32, Arc<Held>>>,
    changed: Condvar,
}

pub(super) fn pair() -> (Spawner, MainThread) {
    let (sender, receiver) = channel();
    let shared = Arc::new(Shared::default());
    let spawner = Spawner {
        orders: sender,
        shared: Arc::clone(&shared),
    };
    let main = MainThread {
        orders: receiver,
        shared,
    };
    (spawner, main)
}

impl MainThread {
    /// Starts children until the end.
    pub(super) fn run(self) {
        for order in &self.orders {
            match order {
                Order::Spawn(invocation, streams, reply) => {
                    // Nobody waiting for the answer cannot be: the asking thread blocks on it.
                    let _ = reply.send(self.start(&invocation, streams));
                }
                Order::Barrier(reply) => {
                    let _ = reply.send(());
                }
                Order::End => break,
            }
        }
    }

    fn start(&self, invocation: &Invocation, streams: Streams) -> Result<Started, Failure> {
        if self.shared.closing.load(Ordering::SeqCst) {
            return Err(Failure::other("the branch is being closed"));
        }
        let mut child = spawn(invocation, streams)?;
        // It is our child and not waited for: the number is still its own.
        match Held::open(child.id()) {
            Ok(held) => {
                let held = Arc::new(held);
                locked(&self.shared.children).insert(child.id(), Arc::clone(&held));
                Ok(Started { child, held })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Failure::io("holding a new process")(error))
            }
        }
    }
}

impl Spawner {
    /// Starts a child. Whoever does so waits for its end and then calls [`Self::has_gone`].
    pub(super) fn start(&self, invocation: Invocation, streams: Streams) -> Result<Started, Failure> {
        let (sender, receiver) = channel();
        let closed = |()| Failure::other("the supervisor is ending");
        let order = Order::Spawn(invocation, streams, sender);
        self.orders.send(order).map_err(|_| closed(()))?;
        receiver.recv().map_err(|_| closed(()))?
    }

    /// A child and all that it began have ended.
    pub(super) fn has_gone(&self, pid: u32) {
        locked(&self.shared.children).remove(&pid);
        self.shared.changed.notify_all();
    }

    /// Refuses further children, kills those that are there, and waits for their end; `false` where time ran out.
    pub(super) fn end_children(&self) -> bool {
        self.shared.closing.store(true, Ordering::SeqCst);
        let (sender, receiver) = channel();
        if self.orders.send(Order::Barrier(sender)).is_ok() {
            let _ = receiver.recv();
        }
        let children = locked(&self.shared.children);
        for child in children.values() {
            let _ = child.kill();
        }
        let waited = self
            .shared
            .changed
            .wait_timeout_while(children, DEATH, |children| !children.is_empty());
        waited.is_ok_and(|(children, _)| children.is_empty())
    }

    pub(super) fn release_main_thread(&self) {
        let _ = self.orders.send(Order::End);
    }
}
