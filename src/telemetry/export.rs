//! Sends spans to a collector, in batches and beside the checks. What it does not take is counted and gone:
//! spans are worth neither memory nor a wait.

use super::otlp::{encode, rejected};
use crate::provider::Collector;
use crate::trace::{Queue, Span, SpanCounts};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// Most spans of one request.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// Pause after a request that failed, doubled at each: nobody hammers a collector that is down.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long the process waits at its end for the last spans to go out.
const LAST: Duration = Duration::from_secs(2);

/// A task that sends spans.
#[derive(Debug)]
pub struct Exporter {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Begins to send what comes out of `queue`, in the present runtime.
    #[must_use]
    pub fn start(queue: Queue, collector: Collector) -> Self {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(export(queue, collector, Arc::clone(&stop)));
        Self { stop, task }
    }

    /// Sends what is there, and ends; within two seconds, well or not.
    pub async fn finish(mut self) {
        self.stop.notify_one();
        if timeout(LAST, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn export(mut queue: Queue, collector: Collector, stop: Arc<Notify>) {
    let mut pause = PAUSE;
    let mut stopping = false;
    while !stopping {
        let mut batch = Vec::new();
        stopping = gather(&mut queue, &mut batch, &stop).await;
        let well = deliver(&collector, batch, &queue.counts).await;
        if well {
            pause = PAUSE;
        } else if !stopping {
            stopping = timeout(pause, stop.notified()).await.is_ok();
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }
    queue.spans.close();
    loop {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Ok(span) = queue.spans.try_recv() else { break };
            batch.push(span);
        }
        if batch.is_empty() || !deliver(&collector, batch, &queue.counts).await {
            break;
        }
    }
}

/// Waits for a span, and a moment for others. Returns whether this is the end.
async fn gather(queue: &mut Queue, batch: &mut Vec<Span>, stop: &Notify) -> bool {
    let gathered = async {
        if queue.spans.recv_many(batch, BATCH).await == 0 {
            return true;
        }
        let until = Instant::now() + GATHERING;
        while batch.len() < BATCH {
            let room = BATCH.saturating_sub(batch.len());
            match timeout_at(until, queue.spans.recv_many(batch, room)).await {
                Ok(0) => return true,
                Ok(_more) => {}
                Err(_elapsed) => break,
            }
        }
        false
    };
    tokio::select! {
        over = gathered => over,
        () = stop.notified() => true,
    }
}

/// Sends a batch and counts what became of it.
async fn deliver(collector: &Collector, batch: Vec<Span>, counts: &SpanCounts) -> bool {
    let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
    if count == 0 {
        return true;
    }
    let (failed, well) = match collector.post(encode(batch)).await {
        Ok(answer) => (rejected(&answer).min(count), true),
        Err(error) => {
            tracing::warn!(spans = count, error, "the collector takes no spans");
            (count, false)
        }
    };
    counts.failed.fetch_add(failed, Ordering::Relaxed);
    counts.exported.fetch_add(count.saturating_sub(failed), Ordering::Relaxed);
    well
}
