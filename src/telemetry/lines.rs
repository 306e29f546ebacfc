//! Events as lines of JSON or text, written by hand: a line is part of what a refused check costs.
//!
//! Which fields there are, and what they are called, is said where the event is; the shapes are those of
//! tracing-subscriber's flattened JSON, and of its text.

mod digits;

use crate::config::LogFormat;
use digits::{number, timestamp};
use serde::Serialize;
use std::cell::Cell;
use std::fmt;
use std::io::Write;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

/// Longest line whose memory is kept for the next one.
const KEPT: usize = 16 * 1024;

thread_local! {
    /// Where this thread's last line was written. It is taken out and put back: a value that logs while
    /// it is written finds an empty one.
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes each event as one line, with one call of the writer.
#[derive(Debug)]
pub(super) struct Lines<W> {
    format: LogFormat,
    writer: W,
}

impl<W> Lines<W> {
    pub(super) const fn new(format: LogFormat, writer: W) -> Self {
        Self { format, writer }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        // At the end of a thread there may be none any more.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        #[expect(clippy::disallowed_methods, reason = "when a line was written judges nothing")]
        let now = SystemTime::now();
        let level = metadata.level().as_str();
        match self.format {
            LogFormat::Json => {
                line.extend_from_slice(b"{\"timestamp\":\"");
                timestamp(&mut line, now);
                line.extend_from_slice(b"\",\"level\":\"");
                line.extend_from_slice(level.as_bytes());
                line.push(b'"');
                event.record(&mut JsonFields(&mut line));
                line.extend_from_slice(b"}\n");
            }
            LogFormat::Text => {
                timestamp(&mut line, now);
                line.extend_from_slice(if level.len() < 5 { b"  " } else { b" " });
                line.extend_from_slice(level.as_bytes());
                event.record(&mut TextFields(&mut line));
                line.push(b'\n');
            }
        }
        // Nobody is left who could be told that a line cannot be written.
        let _written = self.writer.make_writer_for(metadata).write_all(&line);
        if line.capacity() <= KEPT {
            let _kept = LINE.try_with(|kept| kept.set(line));
        }
    }
}

/// Whether a text is the same between quotes, in JSON and in Rust's own notation: visible ASCII and blanks
/// without quotes and backslashes. Looks at every byte, whatever it finds: so it looks at many at once.
fn is_plain(text: &str) -> bool {
    let other = |byte: u8| {
        byte.wrapping_sub(b' ').saturating_sub(b'~' - b' ')
            | u8::from(byte == b'"')
            | u8::from(byte == b'\\')
    };
    text.bytes().fold(0, |found, byte| found | other(byte)) == 0
}

/// Writes a text that [`is_plain`].
fn quote(line: &mut Vec<u8>, plain: &str) {
    line.push(b'"');
    line.extend_from_slice(plain.as_bytes());
    line.push(b'"');
}

struct JsonFields<'l>(&'l mut Vec<u8>);

impl JsonFields<'_> {
    fn name(&mut self, field: &Field) {
        self.0.extend_from_slice(b",\"");
        // A name of a field is a name in our source.
        self.0.extend_from_slice(field.name().as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn add<T: Serialize + ?Sized>(&mut self, field: &Field, value: &T) {
        self.name(field);
        let start = self.0.len();
        if serde_json::to_writer(&mut *self.0, value).is_err() {
            // A value that does not write itself: the line stays JSON.
            self.0.truncate(start);
            self.0.extend_from_slice(b"null");
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_plain(value) {
            self.name(field);
            quote(self.0, value);
        } else {
            self.add(field, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, &value);
    }
}

struct TextFields<'l>(&'l mut Vec<u8>);

impl TextFields<'_> {
    /// What stands before a value: the name, but for that of the message.
    fn name(&mut self, field: &Field) {
        self.0.push(b' ');
        if field.name() != "message" {
            self.0.extend_from_slice(field.name().as_bytes());
            self.0.push(b'=');
        }
    }
}

impl Visit for TextFields<'_> {
    /// A value is one line, whatever it says: the start of another one could be taken for ours.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        // Writing to a Vec cannot fail.
        let _written = write!(OneLine(self.0), "{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        if is_plain(value) {
            quote(self.0, value);
        } else {
            let _written = write!(self.0, "{value:?}");
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        number(self.0, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }
}

/// Writes control characters as their escapes.
struct OneLine<'l>(&'l mut Vec<u8>);

impl Write for OneLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            if byte.is_ascii_control() {
                write!(self.0, "\\x{byte:02x}")?;
            } else {
                self.0.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("a lock").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("a lock").clone()).expect("text")
        }

        fn read(&self) -> Vec<serde_json::Value> {
            let text = self.text();
            text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
        }
    }

    fn log() {
        let none: Option<&str> = None;
        let error = io::Error::other("no \"way\"\n");
        tracing::info!(text = "a\"b\\c\u{1}\u{e9}", some = Some("x"), none, "a message: {}", 1 + 1);
        tracing::warn!(
            number = 7_u64,
            below = -7_i64,
            half = 0.5,
            nan = f64::NAN,
            yes = true,
            "numbers"
        );
        tracing::error!(%error, debug = ?Some("\"d\""), wide = u128::MAX, "errors");
        tracing::debug!(dotted.name = 1_u8);
    }

    /// What tracing-subscriber itself makes of the same events.
    #[test]
    fn says_what_the_subscriber_s_own_json_says() {
        let (ours, theirs) = (Written::default(), Written::default());
        let writer = ours.clone();
        let lines = Lines::new(LogFormat::Json, move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, log);
        let writer = theirs.clone();
        let layer = tracing_subscriber::fmt::layer().with_target(false);
        let layer = layer.with_writer(move || writer.clone());
        let layer = layer.json().flatten_event(true).with_current_span(false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let without_time = |lines: Written| {
            let mut lines = lines.read();
            for line in &mut lines {
                let time = line.as_object_mut().and_then(|line| line.remove("timestamp"));
                let time = time.expect("a time");
                let time = time.as_str().expect("text");
                assert_eq!(time.len(), "2026-01-02T03:04:05.123456Z".len(), "{time}");
                humantime::parse_rfc3339(time).expect(time);
            }
            lines
        };
        let ours = without_time(ours);
        assert_eq!(ours.len(), 4);
        assert_eq!(ours, without_time(theirs));
    }

    /// The same for its text, but for what would break a line there.
    #[test]
    fn says_what_the_subscriber_s_own_text_says() {
        let (ours, theirs) = (Written::default(), Written::default());
        let writer = ours.clone();
        let lines = Lines::new(LogFormat::Text, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let writer = theirs.clone();
        let layer = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false);
        let layer = layer.with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let without_time = |written: Written| {
            let text = written.text();
            let line = |line: &str| line.split_once('Z').expect("a time").1.to_owned();
            text.lines().map(line).collect::<Vec<_>>()
        };
        let ours = without_time(ours);
        assert_eq!(ours.len(), 4);
        // Its own text breaks the line at the end of the error, and shows what would be a control character.
        let theirs = theirs.text().replace("way\"\n", "way\"\\x0a");
        let theirs: Vec<_> =
            theirs.lines().map(|line| line.split_once('Z').expect(line).1.to_owned()).collect();
        assert_eq!(ours, theirs);
    }

    proptest! {
        #[test]
        fn what_is_plain_is_the_same_in_every_notation(text in "([ -~]{0,40}|.{0,3}|[a-z]{0,20}.[a-z]{0,20})") {
            let quoted = format!("\"{text}\"");
            let same = [format!("{text:?}"), serde_json::to_string(&text).expect("JSON")];
            let same = text.is_ascii() && !text.contains('\x7f') && same.iter().all(|one| *one == quoted);
            prop_assert_eq!(is_plain(&text), same);
            if is_plain(&text) {
                let mut line = Vec::new();
                quote(&mut line, &text);
                prop_assert_eq!(String::from_utf8_lossy(&line), quoted);
            }
        }
    }
}
