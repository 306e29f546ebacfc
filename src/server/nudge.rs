//! Wakes a task, but not for what it did itself.
//!
//! The HTTP/2 library wakes whoever polls a connection for each answer that is to be written, and it cannot
//! know that this one is about to poll it again: the task would be run once more for every read, for nothing.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Wake, Waker};

/// The task is not being run: whoever nudges it wakes it.
const ASLEEP: u8 = 0;
/// It is.
const AWAKE: u8 = 1;
/// It is, and it was nudged since.
const NUDGED: u8 = 2;

/// What a task gives to others in place of its waker.
#[derive(Debug, Default)]
pub(super) struct Nudge(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Nudge {
    /// From here on the task is awake.
    pub(super) fn begin(&self, context: &Context<'_>) -> Waker {
        self.0.task.register(context.waker());
        self.0.state.store(AWAKE, Ordering::SeqCst);
        Waker::from(Arc::clone(&self.0))
    }

    /// What nudged the task until now is done with.
    pub(super) fn seen(&self) {
        self.0.state.store(AWAKE, Ordering::SeqCst);
    }

    /// The task goes to sleep, unless it was nudged.
    pub(super) fn end(&self, context: &Context<'_>) {
        if self.0.state.swap(ASLEEP, Ordering::SeqCst) == NUDGED {
            context.waker().wake_by_ref();
        }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let nudged = self.state.compare_exchange(AWAKE, NUDGED, Ordering::SeqCst, Ordering::SeqCst);
        if nudged == Err(ASLEEP) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Counts how often it is woken.
    #[derive(Debug, Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Task {
        /// How often since it was asked before.
        fn woken(&self) -> usize {
            self.0.swap(0, Ordering::SeqCst)
        }
    }

    #[test]
    fn who_sleeps_is_woken_and_who_is_awake_is_told_at_the_end() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let (nudge, context) = (Nudge::default(), Context::from_waker(&waker));
        let given = nudge.begin(&context);
        given.wake_by_ref();
        given.wake_by_ref();
        assert_eq!(task.woken(), 0, "it is awake");
        nudge.end(&context);
        assert_eq!(task.woken(), 1, "and hears of it before it sleeps");
        given.wake_by_ref();
        assert_eq!(task.woken(), 1, "asleep");

        let given = nudge.begin(&context);
        nudge.end(&context);
        assert_eq!(task.woken(), 0, "nobody nudged");
        given.wake();
        assert_eq!(task.woken(), 1);

        let given = nudge.begin(&context);
        given.wake_by_ref();
        nudge.seen();
        nudge.end(&context);
        assert_eq!(task.woken(), 0, "what was seen is done with");
        let given_again = nudge.begin(&context);
        nudge.seen();
        given.wake_by_ref();
        nudge.end(&context);
        assert_eq!(task.woken(), 1, "what came after that is not, whoever kept the waker");
        drop(given_again);
    }

    #[test]
    fn a_nudge_from_another_thread_is_never_lost() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let (nudge, context) = (Nudge::default(), Context::from_waker(&waker));
        for _time in 0..1000 {
            let given = nudge.begin(&context);
            let other = std::thread::spawn(move || given.wake());
            nudge.end(&context);
            other.join().expect("it ends");
            assert_eq!(task.woken(), 1);
        }
    }
}
