//! The log of a test, as the service would write it.

use portcullis::config::{LogFormat, LogSettings, UsageLog};
use portcullis::telemetry;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing::dispatcher::DefaultGuard;

/// What is logged on this thread from now on. A test's runtime has one thread, so that is everything.
pub(crate) struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Log {
    pub(crate) fn start(format: LogFormat, level: tracing::Level) -> Self {
        // Whether an event is of interest is remembered for the whole process, by whoever comes to it
        // first: other tests have to be interested as well.
        let usage = UsageLog::None;
        let all = LogSettings { format, level: tracing::Level::TRACE, usage };
        let _first = tracing::dispatcher::set_global_default(telemetry::dispatch(all, io::sink));
        let lines = Lines::default();
        let writer = lines.clone();
        let dispatch =
            telemetry::dispatch(LogSettings { format, level, usage }, move || writer.clone());
        Self { lines, _guard: tracing::dispatcher::set_default(&dispatch) }
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        let bytes = self.lines.0.lock().expect("a lock");
        String::from_utf8(bytes.clone()).expect("text")
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
