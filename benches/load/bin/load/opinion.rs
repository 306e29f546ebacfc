//! ghz about both servers, with the configurations of `deploy/ghz`.

use portcullis_load::failure::Outcome;
use portcullis_load::ghz::{CONFIGURATIONS, Ghz, Opinion};
use portcullis_load::place::repository;
use portcullis_load::process::Server;
use portcullis_load::report::{Report, say};
use portcullis_load::stage::Stage;
use serde_json::json;
use std::time::Duration;

/// Where `make ghz` puts it.
const PROGRAM: &str = ".tools/go/bin/ghz";

pub(crate) fn ask(
    stage: &Stage,
    portcullis: &Server,
    reference: &Server,
    length: Duration,
    report: &mut Report,
) -> Outcome<()> {
    let Some(ghz) = Ghz::find(&repository().join(PROGRAM), stage)? else {
        say(
            "\nghz: NOT ASKED for a second opinion: it is not there; `make ghz` says how it gets there",
        );
        return Ok(());
    };
    say(
        "\nghz, the second opinion: one run each, answers not looked into, itself the limit on few cores",
    );
    say(&format!(
        "  {:<12}{:>10}{:>10}{:>12}{:>12}{:>10}{:>10}{:>8}",
        "", "checks/s", "", "CPU us", "", "p50 us", "", "ratio"
    ));
    let mut kept = serde_json::Map::new();
    for name in CONFIGURATIONS {
        let ours = ghz.ask(name, length * 2, portcullis)?;
        let theirs = ghz.ask(name, length * 2, reference)?;
        let row = |it: &Opinion| {
            json!({"answers": it.answers, "errors": it.errors,
            "checks/s": it.rate, "CPU us/check": it.cpu, "p50 us": it.p50, "p99 us": it.p99})
        };
        kept.insert(name.to_owned(), json!({"portcullis": row(&ours), "reference": row(&theirs)}));
        say(&format!(
            "  {name:<12}{:>10.0}{:>10.0}{:>12.1}{:>12.1}{:>10.0}{:>10.0}{:>8.2}",
            ours.rate,
            theirs.rate,
            ours.cpu,
            theirs.cpu,
            ours.p50,
            theirs.p50,
            ours.cpu / theirs.cpu
        ));
        for (who, told) in [("portcullis", ours), ("reference", theirs)] {
            if told.answers == 0 {
                return Err(format!("ghz {name}: {who} answers nothing").into());
            }
            if told.errors > 0 {
                say(&format!("  {name}: {} of {who}'s checks were no answer", told.errors));
            }
        }
    }
    say("  (first Portcullis, then the reference; the ratio is that of the CPU a check)");
    report.keep("ghz", kept.into());
    Ok(())
}
