//! A program under callgrind, whose instructions are counted while we say so.

use portcullis_load::failure::Outcome;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to start: valgrind takes its time with the debug information.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// The program. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    child: Child,
    folder: PathBuf,
    dumps: u32,
    instrumented: bool,
}

impl Counted {
    /// Starts `program` under callgrind, with nothing counted so far; what it and valgrind write goes
    /// to `folder`, which is made anew.
    pub(crate) fn start(
        folder: &Path,
        program: &Path,
        arguments: &[&OsStr],
        piped: bool,
    ) -> Outcome<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let log = std::fs::File::create(folder.join("log"))?;
        let child = Command::new("valgrind")
            // Not instrumented, the start and the warming up take a tenth of the time.
            .args(["--tool=callgrind", "--instr-atstart=no", "--dump-line=no"])
            .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
            .arg(format!("--vgdb-prefix={}", folder.join("vgdb").display()))
            .arg(format!("--log-file={}", folder.join("valgrind").display()))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(if piped { Stdio::piped() } else { log.try_clone()?.into() })
            .stderr(log)
            .spawn()
            .map_err(|error| format!("valgrind does not start: {error}"))?;
        Ok(Self { child, folder, dumps: 0, instrumented: false })
    }

    /// Waits until `there`.
    pub(crate) fn wait(&mut self, there: impl Fn() -> bool) -> Outcome<()> {
        let begin = Instant::now();
        while !there() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let said = ["log", "valgrind"].map(|name| {
                    std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
                });
                return Err(
                    format!("under valgrind, it does not start ({ended:?}): {said:?}").into()
                );
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The program's ends of its pipes, once, where it was started with `piped`.
    pub(crate) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// From now on every instruction counts.
    pub(crate) fn begin(&mut self) -> Outcome<()> {
        if !self.instrumented {
            self.control(&["instrumentation", "on"])?;
            self.instrumented = true;
        }
        self.control(&["zero"])
    }

    /// Instructions since [`Self::begin`]; the profile of them stays at `<folder>/<name>.callgrind`.
    pub(crate) fn end(&mut self, name: &str) -> Outcome<u64> {
        self.control(&["dump"])?;
        self.dumps += 1;
        let dump = self.folder.join(format!("out.{}", self.dumps));
        let total = total(&std::fs::read_to_string(&dump)?);
        std::fs::rename(&dump, self.folder.join(format!("{name}.callgrind")))?;
        total.ok_or_else(|| format!("no totals in the dump of {name}").into())
    }

    fn control(&self, command: &[&str]) -> Outcome<()> {
        let output = Command::new("vgdb")
            .arg(format!("--vgdb-prefix={}", self.folder.join("vgdb").display()))
            .arg(format!("--pid={}", self.child.id()))
            .args(command)
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("vgdb {}: {said}", command.join(" ")).into())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Gone already, then.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The sum that stands in a profile.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_that_of_the_last_part() {
        assert_eq!(total("events: Ir\nfn=(1)\n0 7\n\ntotals: 7\n"), Some(7));
        assert_eq!(total("events: Ir\n"), None);
    }
}
