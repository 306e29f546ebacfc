//! Log lines: one a denied check, login, logout, reload; never a token, code, cookie, key or secret.

use super::json_lines::JsonLines;
use crate::config::{LogFormat, LogSettings};
use crate::decision::{Checked, Facts};
use crate::identity::Identity;
use crate::name::ResourceName;
use aws_lc_rs::digest::{SHA256, digest};
use std::cell::Cell;
use std::fmt::Write;
use std::time::Duration;
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Sends log lines to stdout from now on; a second call changes nothing.
pub fn install(settings: LogSettings) {
    if tracing::dispatcher::set_global_default(dispatch(settings, std::io::stdout)).is_err() {
        tracing::debug!("a log subscriber is installed already");
    }
}

/// Writes log lines as the settings say.
///
/// Of other crates only warnings are written, whatever the level: the traces of an HTTP library show
/// header fields, and with them cookies and tokens.
#[must_use]
pub fn dispatch<W>(settings: LogSettings, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let own = LevelFilter::from_level(settings.level);
    let filter = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), own)
        .with_default(own.min(LevelFilter::WARN));
    let registry = tracing_subscriber::registry().with(filter);
    match settings.format {
        LogFormat::Json => registry.with(JsonLines::new(writer)).into(),
        LogFormat::Text => {
            let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(writer);
            registry.with(lines.with_ansi(false)).into()
        }
    }
}

/// A decision: denied ones at `info`, allowed ones at `debug`.
pub fn log_check(checked: &Checked, request_id: &str, elapsed: Duration) {
    macro_rules! decision {
        ($level:ident) => {
            with_line(checked, elapsed, |line| {
                tracing::$level!(
                    request_id,
                    decision = checked.decision(),
                    reason = checked.reason.as_str(),
                    portal = line.portal,
                    environment = line.environment,
                    product = line.product,
                    subject = line.subject,
                    credential = checked.facts.credential.as_str(),
                    groups = line.groups,
                    microseconds = line.microseconds,
                    hint = line.hint,
                    "check"
                );
            })
        };
    }
    if checked.outcome.is_err() {
        decision!(info);
    } else if tracing::enabled!(Level::DEBUG) {
        decision!(debug);
    }
}

/// An answer of one of our own endpoints.
pub fn log_endpoint(checked: &Checked, request_id: &str, elapsed: Duration) {
    with_line(checked, elapsed, |line| {
        tracing::info!(
            request_id,
            decision = checked.decision(),
            reason = checked.reason.as_str(),
            portal = line.portal,
            environment = line.environment,
            product = line.product,
            subject = line.subject,
            credential = checked.facts.credential.as_str(),
            groups = line.groups,
            microseconds = line.microseconds,
            hint = line.hint,
            "endpoint"
        );
    });
}

/// The parts of a line that need some work.
struct Line<'l> {
    portal: Option<&'l str>,
    environment: Option<&'l str>,
    product: Option<&'l str>,
    subject: Option<&'l str>,
    groups: Option<String>,
    microseconds: u64,
    hint: Option<&'l str>,
}

thread_local! {
    /// Where this thread puts hints and subjects into words; see `json_lines`.
    static WORDS: Cell<String> = const { Cell::new(String::new()) };
}

fn with_line(checked: &Checked, elapsed: Duration, log: impl FnOnce(Line<'_>)) {
    let Facts { portal, environment, product, caller, hint, .. } = &checked.facts;
    let mut groups = checked.facts.groups().peekable();
    let mut words = WORDS.take();
    let subject = caller.as_deref().map(|caller| hashed_subject(caller, &mut words));
    words.clear();
    if let Some(hint) = hint {
        // Writing to a String cannot fail.
        let _written = write!(words, "{hint}");
    }
    log(Line {
        portal: portal.as_ref().map(ResourceName::as_str),
        environment: environment.as_ref().map(ResourceName::as_str),
        product: product.as_ref().map(ResourceName::as_str),
        subject: subject.as_ref().and_then(|hex| std::str::from_utf8(hex).ok()),
        groups: groups.peek().is_some().then(|| groups.collect::<Vec<_>>().join(",")),
        microseconds: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        hint: hint.as_ref().map(|_| words.as_str()),
    });
    WORDS.set(words);
}

/// 64 bits of SHA-256 over issuer and subject, in hex: the same caller has the same one, and nobody
/// reads a name from it.
fn hashed_subject(caller: &Identity, words: &mut String) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Identity { issuer, subject, .. } = caller;
    words.clear();
    // Writing to a String cannot fail.
    let _written = write!(words, "{}:{issuer}{subject}", issuer.len());
    let hash = digest(&SHA256, words.as_bytes());
    let halves = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let mut hex = [0; 16];
    for (digit, half) in hex.iter_mut().zip(halves) {
        *digit = DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    }
    hex
}
