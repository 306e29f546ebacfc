//! The servers as processes: started on a core, watched, and ended.

use crate::failure::Outcome;
use crate::place::{Address, Place, Transport, free_port};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to start: 100,000 routes on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// A server that runs. It ends with the value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// What it listens on.
    pub address: Address,
    /// What it wrote to stderr is there, for whoever wonders.
    pub log: PathBuf,
    /// The reference's folder; the service's belongs to its [`Place`].
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts `portcullis serve` by the settings of `place`, and waits until it is ready. `core`: the
    /// one core that it may use.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn portcullis(program: &Path, place: &Place, core: Option<usize>) -> Outcome<Self> {
        let settings = place.settings();
        let arguments = ["serve".as_ref(), "--config".as_ref(), settings.as_os_str()];
        let mut command = pinned(program, core);
        command.args(arguments);
        let log = place.folder().join("stderr.txt");
        let mut server = Self::start(command, place.grpc.clone(), log, None)?;
        let admin = place.admin;
        server.wait("ready", || get(admin, "/readyz").is_ok_and(|(status, _)| status == 200))?;
        Ok(server)
    }

    /// Starts the reference with so many runtimes, one thread each, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn reference(
        program: &Path,
        transport: Transport,
        runtimes: usize,
        core: Option<usize>,
    ) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let address = match transport {
            Transport::Tcp => Address::Tcp(free_port()?),
            Transport::Unix => Address::Unix(folder.path().join("checks.sock")),
        };
        let mut command = pinned(program, core);
        command.args([address.to_string(), runtimes.to_string()]);
        let log = folder.path().join("stderr.txt");
        let mut server = Self::start(command, address.clone(), log, Some(folder))?;
        server.wait("listening", || match &address {
            Address::Tcp(address) => TcpStream::connect(address).is_ok(),
            Address::Unix(path) => UnixStream::connect(path).is_ok(),
        })?;
        Ok(server)
    }

    fn start(
        mut command: Command,
        address: Address,
        log: PathBuf,
        folder: Option<TempDir>,
    ) -> Outcome<Self> {
        // The service writes a line for each refusal: read by nobody here, and not kept on a disk.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
        Ok(Self { child, address, log, _folder: folder })
    }

    fn wait(&mut self, what: &str, there: impl Fn() -> bool) -> Outcome<()> {
        let begin = Instant::now();
        while !there() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("{} is not {what} ({ended:?}): {said}", self.address).into());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Its id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How long its threads were on a core until now.
    ///
    /// # Errors
    ///
    /// Where the process is gone, or the kernel does not say.
    pub fn cpu(&self) -> Outcome<Duration> {
        cpu_of(self.pid())
    }

    /// KiB of memory that it holds.
    ///
    /// # Errors
    ///
    /// Where the process is gone.
    pub fn memory(&self) -> Outcome<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB").parse()?)
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// How long the threads of a process were on a core until now, in `/proc`'s own words: nanoseconds,
/// where clock ticks would be a hundredth of a second.
///
/// # Errors
///
/// Where the process is gone, or the kernel does not say.
pub fn cpu_of(pid: u32) -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between two lines.
        if let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) {
            nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
    }
    if nanoseconds == 0 {
        return Err("the kernel does not say how long a thread ran (CONFIG_SCHED_INFO)".into());
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// A command that may use one core only.
fn pinned(program: &Path, core: Option<usize>) -> Command {
    match core.filter(|_| has_taskset()) {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.arg("--cpu-list").arg(core.to_string()).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Lets this process, and all threads that it starts from now on, use one core only. Whether it can.
#[must_use]
pub fn pin_self(core: usize) -> bool {
    let pid = std::process::id().to_string();
    let core = core.to_string();
    let done = Command::new("taskset")
        .args(["--cpu-list", "--pid", &core, &pid])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

/// Whether processes can be bound to a core here.
#[must_use]
pub fn has_taskset() -> bool {
    let shown = Command::new("taskset").arg("--version").stdout(Stdio::null()).status();
    shown.is_ok_and(|status| status.success())
}

/// GET over HTTP/1.1: status and body.
///
/// # Errors
///
/// Where nobody answers.
pub fn get(address: SocketAddr, path: &str) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
    let (_head, body) = text.split_once("\r\n\r\n").ok_or("no body")?;
    Ok((status, body.to_owned()))
}

/// A counter of `/metrics`, over all of its labels that contain `label`.
///
/// # Errors
///
/// Where nobody answers.
pub fn counter(admin: SocketAddr, name: &str, label: &str) -> Outcome<u64> {
    let (_, text) = get(admin, "/metrics")?;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}
