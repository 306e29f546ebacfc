//! The service as `portcullis serve` runs it, or an echo behind the same door, with every allocation counted.
//!
//! `portcullis-allocations serve SETTINGS` or `portcullis-allocations echo ADDRESS`. Each line on stdin is answered with the
//! counts on stderr; stdout has the log.

mod counting;
mod echo;

use counting::{Counting, counts};
use portcullis::app::App;
use portcullis::clock::Clock;
use portcullis::server::Workers;
use portcullis::{config, telemetry};
use std::error::Error;
use std::future::pending;
use std::io::{BufRead, Write};
use std::path::Path;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Answers stdin's lines, without an allocation of its own from the second line on.
fn tell() -> std::io::Result<()> {
    let (mut lines, mut line) = (std::io::stdin().lock(), String::with_capacity(64));
    while lines.read_line(&mut line)? > 0 {
        line.clear();
        let counts = counts();
        writeln!(std::io::stderr(), "{} {} {}", counts.allocations, counts.bytes, counts.held)?;
    }
    Ok(())
}

async fn serve(settings: &Path) -> Result<(), Box<dyn Error>> {
    let parsed = config::load(settings)?;
    telemetry::install(parsed.settings.log);
    let (app, _problems) = App::start(&parsed, Clock::system()).await?;
    Ok(app.run_on(Workers::one_a_core()?, pending()).await?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: portcullis-allocations serve SETTINGS | echo ADDRESS";
    let (Some(what), Some(place)) = (arguments.next(), arguments.next()) else {
        return Err(usage.into());
    };
    std::thread::spawn(tell);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match what.as_str() {
            "serve" => serve(Path::new(&place)).await,
            "echo" => echo::serve(&place).await,
            _ => Err(usage.into()),
        }
    })
}
