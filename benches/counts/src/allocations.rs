//! Allocations a check, by kind, and how often the signature of a token is verified: at full speed.

use crate::drive::{Load, each_three_times, in_turn, zipf};
use crate::instructions::{Counts, name, verified};
use crate::{Bench, say};
use portcullis_load::answer::Judge;
use portcullis_load::failure::Outcome;
use portcullis_load::kind::{Kind, cases};
use portcullis_load::place::{Place, Transport};
use portcullis_load::process::get;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Checks that are counted of each kind, and as many before them.
const CHECKS: usize = 5000;
/// Tokens that are sent three times each, while nobody knows them.
const NEW: usize = 2000;
/// How long the service may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The service with its allocator, which is asked over a pipe.
#[derive(Debug)]
struct Service {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStderr>,
}

impl Service {
    fn start(bench: &Bench, arguments: &[&std::ffi::OsStr]) -> Outcome<Self> {
        let log = File::create(bench.folder.join("allocations.log"))?;
        let mut child = Command::new(bench.program("portcullis-allocations"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stderr.take());
        let (ask, answers) = pipes.ok_or("no pipes")?;
        Ok(Self { child, ask, answers: BufReader::new(answers) })
    }

    /// Allocations until now.
    fn allocations(&mut self) -> Outcome<u64> {
        writeln!(self.ask)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let first = line.split(' ').next().unwrap_or_default();
        first.parse().map_err(|_| format!("the service says {line:?}").into())
    }

    /// Allocations a check.
    fn counted(&mut self, run: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
        let before = self.allocations()?;
        run()?;
        Ok((self.allocations()? - before) as f64 / CHECKS as f64)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Gone already, then.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Allocations of the kinds that need no new token; tokens sent, and how many signatures were verified.
pub(crate) fn count(bench: &Bench) -> Outcome<(Counts, Value)> {
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let key_ring = place.key_ring()?;
    let settings = place.settings();
    let mut service = Service::start(bench, &["serve".as_ref(), settings.as_os_str()])?;
    let (begin, admin) = (Instant::now(), place.admin);
    while !get(admin, "/readyz").is_ok_and(|(status, _)| status == 200) {
        if begin.elapsed() > PATIENCE {
            return Err("the service does not get ready".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut load = Load::connect(&place.grpc)?;
    let fresh = cases(Kind::Fresh, &bench.bundle, &key_ring)?;
    say("signatures verified for new tokens");
    load.run(&fresh, &each_three_times(NEW), Judge::Portcullis)?;
    let signatures = json!({ "tokens": NEW, "verified": verified(admin)? });
    let mut counts = Counts::new();
    let kinds =
        [Kind::Bearer, Kind::BearerByContext, Kind::Session, Kind::Redirect, Kind::Unauthorized];
    for kind in kinds.into_iter().chain([Kind::Forbidden]) {
        say(&format!("allocations: {}", name(kind)));
        let cases = cases(kind, &bench.bundle, &key_ring)?;
        load.run(&cases, &in_turn(0, cases.len()), Judge::Portcullis)?;
        let order = zipf(cases.len(), CHECKS);
        load.run(&cases, &order, Judge::Portcullis)?;
        let counted = service.counted(|| load.run(&cases, &order, Judge::Portcullis))?;
        counts.insert(name(kind).to_owned(), counted.into());
    }
    Ok((counts, signatures))
}
