//! A real redis-server of this machine, for one test.

use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// A server in a folder of its own, behind a socket there; it ends with the value.
pub(crate) struct RedisServer {
    folder: TempDir,
    arguments: Vec<String>,
    child: Mutex<Child>,
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis-server at {}", self.socket().display())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl RedisServer {
    /// A server that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server with further arguments of its command line.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::within(tempfile::tempdir().expect("a folder"), arguments)
    }

    /// The same in a folder that has files for it.
    pub(crate) fn within(folder: TempDir, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let child = Mutex::new(spawn(&folder, &arguments));
        let server = Self { folder, arguments, child };
        server.listens();
        server
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The same, for settings.
    pub(crate) fn place(&self) -> String {
        format!("url: 'unix:{}'", self.socket().display())
    }

    /// What `redis-cli` prints.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.socket()).args(arguments).stderr(Stdio::null());
        let output = command.output().expect("redis-cli: `make redis` installs it");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().expect("a lock");
        // It may have ended already.
        let _ended = child.kill();
        let _ended = child.wait();
    }

    /// Starts it again, after [`Self::kill`].
    pub(crate) fn start_again(&self) {
        *self.child.lock().expect("a lock") = spawn(&self.folder, &self.arguments);
        self.listens();
    }

    /// Stops it where it stands: connections stay, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let mut command = Command::new("kill");
        let sent =
            command.args([signal, &self.child.lock().expect("a lock").id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    fn listens(&self) {
        let began = Instant::now();
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "redis-server does not listen");
            std::thread::yield_now();
        }
    }
}

fn spawn(folder: &TempDir, arguments: &[String]) -> Child {
    let socket = folder.path().join("redis.sock");
    let mut command = Command::new("redis-server");
    command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(folder.path());
    command.arg("--unixsocket").arg(&socket);
    if !arguments.iter().any(|argument| argument == "--port" || argument == "--tls-port") {
        command.args(["--port", "0"]);
    }
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server: `make redis` installs it")
}
