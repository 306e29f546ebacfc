//! Instructions a check, by kind: one service under callgrind, which is warm before anything counts.

use crate::callgrind::Counted;
use crate::drive::{Load, in_turn, zipf};
use crate::{Bench, say};
use portcullis_load::answer::Judge;
use portcullis_load::bundle::List;
use portcullis_load::failure::Outcome;
use portcullis_load::kind::{Case, Kind, cases};
use portcullis_load::place::{Address, Place, Transport, free_port};
use portcullis_load::process::get;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

/// Checks that are counted of each kind.
pub(crate) const CHECKS: usize = 1000;
/// Checks before them, when counting is on already: what a connection sets up is not of a check.
pub(crate) const SETTLE: usize = 100;
/// How often a kind is counted until the signatures verified are as many as they have to be.
const ATTEMPTS: usize = 3;
/// Of so many checks of [`MISSES`], one has a new token.
const HUNDRED: usize = 100;
/// The kind with one new token in a hundred.
const MISSES: &str = "bearer_misses";

/// A count as it is written.
pub(crate) type Counts = Map<String, Value>;

/// The name of a kind in the results.
pub(crate) const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bearer => "bearer",
        Kind::BearerByContext => "bearer_context",
        Kind::Fresh => "rs256",
        Kind::Es256 => "es256",
        Kind::Session => "session",
        Kind::Redirect => "redirect",
        Kind::Unauthorized => "unauthorized",
        Kind::Forbidden => "forbidden",
        Kind::Hostile => "hostile",
    }
}

/// All kinds on the demo's policy, the reference, and signatures alone.
pub(crate) fn count(bench: &Bench) -> Outcome<Counts> {
    let mut counts = Counts::new();
    if bench.wants("reference") {
        counts.insert("reference".to_owned(), reference(bench)?.into());
    }
    for (kind, list) in [("bare_rs256", List::Users), ("bare_es256", List::UsersEs256)] {
        if bench.wants(kind) {
            counts.insert(kind.to_owned(), bare(bench, kind, list)?.into());
        }
    }
    portcullis(bench, &mut counts)?;
    Ok(counts)
}

/// What the service has verified since it started.
pub(crate) fn verified(admin: SocketAddr) -> Outcome<u64> {
    let (_status, text) = get(admin, "/metrics")?;
    let name = "portcullis_bearer_signatures_total{outcome=\"verified\"} ";
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    Ok(value.map_or(Ok(0), str::parse)?)
}

/// Starts the service under callgrind, in the settings of `place`.
pub(crate) fn start(bench: &Bench, name: &str, place: &Place) -> Outcome<Counted> {
    let settings = place.settings();
    let arguments = ["serve".as_ref(), "--config".as_ref(), settings.as_os_str()];
    let folder = bench.folder.join(name);
    let mut service = Counted::start(&folder, &bench.program("portcullis"), &arguments, false)?;
    let admin = place.admin;
    service.wait(|| get(admin, "/readyz").is_ok_and(|(status, _)| status == 200))?;
    Ok(service)
}

/// Checks to be counted.
pub(crate) struct Run<'r> {
    /// The name of the count.
    pub(crate) name: &'r str,
    pub(crate) cases: &'r [Case],
    /// Which of them, one after another; the first [`SETTLE`] do not count. Asked for again, with the
    /// number of the attempt, where that was spoiled.
    pub(crate) order: &'r dyn Fn(usize) -> Vec<usize>,
    /// The first cases, so many, have been seen before. Those that will come are shown once more: a
    /// remembered signature is looked at again after minutes, and callgrind takes minutes.
    pub(crate) known: usize,
    /// How many signatures are verified while it counts, else the count is not of what it says.
    pub(crate) signatures: usize,
}

impl Run<'_> {
    /// Instructions a check.
    pub(crate) fn count(&self, service: &mut Counted, place: &Place) -> Outcome<f64> {
        let Self { name, signatures, .. } = self;
        for attempt in 0..ATTEMPTS {
            say(&format!("instructions: {name}"));
            let (instructions, verified) = self.attempt(service, place, attempt)?;
            if verified == *signatures as u64 {
                return Ok(instructions);
            }
            // What was remembered long enough was verified once more; now it is fresh.
            say(&format!("{name}: {verified} signatures were verified, not {signatures}: again"));
        }
        Err(format!("{name}: never {signatures} signatures").into())
    }

    /// Instructions a check, and how many signatures were verified.
    fn attempt(&self, service: &mut Counted, place: &Place, attempt: usize) -> Outcome<(f64, u64)> {
        let order = (self.order)(attempt);
        let again: BTreeSet<_> = order.iter().copied().filter(|at| *at < self.known).collect();
        let again: Vec<_> = again.into_iter().collect();
        let mut load = Load::connect(&place.grpc, self.cases, Judge::Portcullis)?;
        load.run(&again)?;
        let (settle, order) = order.split_at(SETTLE);
        service.begin()?;
        load.run(settle)?;
        let before = verified(place.admin)?;
        service.begin()?;
        load.run(order)?;
        let instructions = service.end(self.name)?;
        Ok((instructions as f64 / order.len() as f64, verified(place.admin)? - before))
    }
}

fn portcullis(bench: &Bench, counts: &mut Counts) -> Outcome<()> {
    say("instructions: the service starts, and sees its tokens");
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let key_ring = place.key_ring()?;
    let cases_of = |kind| cases(kind, &bench.bundle, &key_ring);
    let (users, strangers, fresh) =
        (cases_of(Kind::Bearer)?, cases_of(Kind::Forbidden)?, cases_of(Kind::Fresh)?);
    let mut service = start(bench, "service", &place)?;
    for seen in [&users, &strangers] {
        Load::connect(&place.grpc, seen, Judge::Portcullis)?.run(&in_turn(0, seen.len()))?;
    }
    let total = SETTLE + CHECKS;
    let mut count =
        |name: &str, cases: &[Case], order: &dyn Fn(usize) -> Vec<usize>, known, signatures| {
            let run = Run { name, cases, order, known, signatures };
            if !bench.wants(name) {
                return Ok(());
            }
            counts.insert(name.to_owned(), run.count(&mut service, &place)?.into());
            Outcome::Ok(())
        };
    for kind in [Kind::Bearer, Kind::BearerByContext, Kind::Forbidden] {
        let cases = cases_of(kind)?;
        count(name(kind), &cases, &|_| zipf(cases.len(), total), cases.len(), 0)?;
    }
    let each = total.div_ceil(HUNDRED);
    // Every hundredth is a new one, from behind those that are known.
    let mixed = |known: usize, attempt: usize| {
        let mut new = known + attempt * each..;
        let mut mixed = zipf(known, total);
        for place in mixed.iter_mut().skip(HUNDRED / 2).step_by(HUNDRED) {
            *place = new.next().unwrap_or_default();
        }
        mixed
    };
    let both: Vec<_> = users.iter().chain(&fresh).cloned().collect();
    let order = |attempt| mixed(users.len(), attempt);
    count(MISSES, &both, &order, users.len(), CHECKS / HUNDRED)?;
    // The sessions as well: the others are shown before it counts.
    let sessions = cases_of(Kind::Session)?;
    let known = sessions.len() - ATTEMPTS * each;
    count(name(Kind::Session), &sessions, &|attempt| mixed(known, attempt), known, 0)?;
    for kind in [Kind::Redirect, Kind::Unauthorized] {
        let cases = cases_of(kind)?;
        count(name(kind), &cases, &|_| zipf(cases.len(), total), 0, 0)?;
    }
    // Each once: what was refused may be remembered.
    let hostile = cases_of(Kind::Hostile)?;
    count(name(Kind::Hostile), &hostile, &|_| in_turn(0, hostile.len()), 0, 0)?;
    let used = ATTEMPTS * each;
    count(name(Kind::Fresh), &fresh, &|_| in_turn(used, used + total), 0, CHECKS)?;
    let es256 = cases_of(Kind::Es256)?;
    let new = es256.len() - SETTLE;
    count(name(Kind::Es256), &es256, &|_| in_turn(0, es256.len()), 0, new)
}

/// The reference on the messages of the cached bearers.
fn reference(bench: &Bench) -> Outcome<f64> {
    say("instructions: the reference");
    let place = Place::lay(Transport::Tcp, bench.provider_port)?;
    let cases = cases(Kind::Bearer, &bench.bundle, &place.key_ring()?)?;
    let address = free_port()?;
    let text = address.to_string();
    let (folder, program) = (bench.folder.join("reference"), bench.program("reference"));
    let arguments = [text.as_ref(), "1".as_ref()];
    let mut service = Counted::start(&folder, &program, &arguments, false)?;
    service.wait(|| TcpStream::connect(address).is_ok())?;
    let mut load = Load::connect(&Address::Tcp(address), &cases, Judge::Reference)?;
    let order = zipf(cases.len(), SETTLE + CHECKS);
    service.begin()?;
    load.run(&order[..SETTLE])?;
    service.begin()?;
    load.run(&order[SETTLE..])?;
    Ok(service.end("reference")? as f64 / CHECKS as f64)
}

/// One verification of a signature over as many bytes as those of a token of `list`.
fn bare(bench: &Bench, kind: &str, list: List) -> Outcome<f64> {
    const TIMES: u32 = 200;
    say(&format!("instructions: {kind}"));
    let token = bench.bundle.tokens(list).first().ok_or("no token")?;
    let signed = token.rfind('.').ok_or("a token has dots")?.to_string();
    let algorithm = kind.trim_start_matches("bare_").to_uppercase();
    let (folder, program) = (bench.folder.join(kind), bench.program("portcullis-verify"));
    let arguments = [algorithm.as_ref(), signed.as_ref()];
    let mut process = Counted::start(&folder, &program, &arguments, true)?;
    let (mut to, from) = process.pipes().ok_or("no pipes")?;
    let (mut from, mut line) = (BufReader::new(from), String::new());
    let mut verify = |times: u32| -> Outcome<()> {
        writeln!(to, "{times}")?;
        line.clear();
        from.read_line(&mut line)?;
        if line.trim() == times.to_string() {
            Ok(())
        } else {
            Err(format!("{kind}: {line}").into())
        }
    };
    verify(1)?;
    process.begin()?;
    verify(10)?;
    process.begin()?;
    verify(TIMES)?;
    Ok(process.end(kind)? as f64 / f64::from(TIMES))
}
