//! Where connections are answered: a thread a core, each with a runtime of its own.
//!
//! A check that waits for nobody is answered by the thread that read it, and wakes no other.

use super::DRAIN;
use futures_util::future::BoxFuture;
use std::io;
use std::num::NonZero;
use std::thread;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

/// Begins a connection in the runtime that it is called in.
pub(super) type Begin = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Threads that answer; they end with the value, when their connections have.
#[derive(Debug)]
pub struct Workers {
    /// None: connections are answered where they are accepted.
    threads: Vec<UnboundedSender<Begin>>,
    next: usize,
}

/// A worker's thread has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct WorkerGone;

impl Workers {
    /// No threads: the runtime that accepts also answers.
    #[must_use]
    pub const fn none() -> Self {
        Self { threads: Vec::new(), next: 0 }
    }

    /// One thread for each core that this process may use.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no runtime.
    pub fn one_a_core() -> io::Result<Self> {
        Self::start(thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }

    /// This many threads.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no runtime.
    pub fn start(count: NonZero<usize>) -> io::Result<Self> {
        let start = |number| {
            let (sender, connections) = unbounded_channel();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let thread = thread::Builder::new().name(format!("checks-{number}"));
            thread.spawn(move || runtime.block_on(answer(connections)))?;
            Ok(sender)
        };
        let threads: io::Result<_> = (0..count.get()).map(start).collect();
        Ok(Self { threads: threads?, next: 0 })
    }

    /// Hands a connection to the next worker.
    pub(super) fn deal(&mut self, begin: Begin) -> Result<(), WorkerGone> {
        let Some(worker) = self.threads.get(self.next) else {
            tokio::spawn(begin());
            return Ok(());
        };
        worker.send(begin).map_err(|_unsent| WorkerGone)?;
        self.next = (self.next + 1) % self.threads.len();
        Ok(())
    }
}

/// What a worker does all its life.
async fn answer(mut connections: UnboundedReceiver<Begin>) {
    let running = TaskTracker::new();
    while let Some(begin) = connections.recv().await {
        running.spawn(begin());
    }
    running.close();
    // What does not end by then ends with the runtime.
    let _ended = tokio::time::timeout(DRAIN, running.wait()).await;
}
