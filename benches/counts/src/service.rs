//! The service with the allocator that counts, as a process that is asked over a pipe.

use crate::Bench;
use portcullis_load::failure::Outcome;
use portcullis_load::place::{Place, free_port};
use portcullis_load::process::get;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// The process. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStderr>,
}

/// What it has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Calls of the allocator.
    pub(crate) allocations: u64,
    /// Bytes that it holds.
    pub(crate) held: f64,
    /// Bytes that are resident.
    pub(crate) resident: f64,
}

impl Service {
    /// The service by the settings of `place`.
    pub(crate) fn portcullis(bench: &Bench, place: &Place) -> Outcome<Self> {
        let (settings, admin) = (place.settings(), place.admin);
        let there = || get(admin, "/readyz").is_ok_and(|(status, _)| status == 200);
        Self::start(bench, ["serve".as_ref(), settings.as_os_str()], there)
    }

    /// The echo, and where it listens.
    pub(crate) fn echo(bench: &Bench) -> Outcome<(Self, SocketAddr)> {
        let address = free_port()?;
        let text = address.to_string();
        let there = || TcpStream::connect(address).is_ok();
        Ok((Self::start(bench, ["echo".as_ref(), text.as_ref()], there)?, address))
    }

    fn start(bench: &Bench, arguments: [&OsStr; 2], there: impl Fn() -> bool) -> Outcome<Self> {
        let log = File::create(bench.folder.join("allocations.log"))?;
        let mut child = Command::new(bench.program("portcullis-allocations"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stderr.take());
        let (ask, answers) = pipes.ok_or("no pipes")?;
        let begin = Instant::now();
        while !there() {
            if child.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
                return Err("the service does not start".into());
            }
            std::thread::sleep(LOOK);
        }
        Ok(Self { child, ask, answers: BufReader::new(answers) })
    }

    /// What it has counted until now.
    pub(crate) fn memory(&mut self) -> Outcome<Memory> {
        writeln!(self.ask)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(allocations)), Some(Ok(_bytes)), Some(Ok(held))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return Err(format!("the service says {line:?}").into());
        };
        let resident = resident(self.child.id())?;
        Ok(Memory { allocations, held: held as f64, resident })
    }
}

/// Resident bytes of a process.
fn resident(pid: u32) -> Outcome<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

impl Drop for Service {
    fn drop(&mut self) {
        // Gone already, then.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}
