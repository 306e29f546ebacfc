//! The service as `portcullis serve` runs it, with every allocation counted.
//!
//! Each line on stdin is answered with the counts on stderr; stdout has the log.

mod counting;

use counting::{Counting, counts};
use portcullis::app::App;
use portcullis::clock::Clock;
use portcullis::{config, telemetry};
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Answers stdin's lines, without an allocation of its own from the second line on.
fn tell() -> std::io::Result<()> {
    let (mut lines, mut line) = (std::io::stdin().lock(), String::new());
    while lines.read_line(&mut line)? > 0 {
        line.clear();
        let counts = counts();
        let mut answer = std::io::stderr().lock();
        writeln!(answer, "{} {} {}", counts.allocations, counts.bytes, counts.held)?;
    }
    Ok(())
}

async fn serve(settings: &Path) -> Result<(), Box<dyn Error>> {
    let parsed = config::load(settings)?;
    telemetry::install(parsed.settings.log);
    let (app, _problems) = App::start(&parsed, Clock::system()).await?;
    app.run(std::future::pending()).await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let settings = arguments.next().ok_or("which settings?")?;
    std::thread::spawn(tell);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(Path::new(&settings)))
}
