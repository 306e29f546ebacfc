//! The service as a process of its own.

use crate::support::Setup;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running service; it ends with the value.
pub(crate) struct Service {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) grpc: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Service {
    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(setup: Setup, issuer: &str) -> Self {
        let (grpc, admin) = (free_port(), free_port());
        let setup = setup.setting("listen", &format!("{{grpc: '{grpc}', admin: '{admin}'}}"));
        let folder = tempfile::tempdir().expect("a folder");
        setup.write(folder.path(), issuer);
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(folder.path()).args(["serve", "--config", "portcullis.yaml"]);
        let child = command.stdout(Stdio::null()).spawn().expect("starts");
        let service = Self { child, folder, grpc, admin };
        for _look in 0..500 {
            if service.get("/readyz").await.is_some_and(|(status, _)| status == 200) {
                return service;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the service does not get ready");
    }

    /// Puts other resources in place, at once as a whole.
    pub(crate) fn publish(&self, resources: &str) {
        let folder = self.folder.path();
        std::fs::write(folder.join("next"), resources).expect("written");
        std::fs::rename(folder.join("next"), folder.join("portal/all.yaml")).expect("in place");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Asks it to end, and waits. Whether it ended well.
    pub(crate) fn end(&mut self) -> bool {
        self.signal("-TERM");
        self.child.wait().expect("it ends").success()
    }

    /// KiB of memory that it holds.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Files and connections that it has open.
    pub(crate) fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).expect("it runs").count()
    }

    /// GET of the admin listener; `None`: nobody answers.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.admin).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        let status = text.split(' ').nth(1)?.parse().ok()?;
        Some((status, text.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// A counter as `/metrics` has it, over all of its labels that contain `label`.
    pub(crate) async fn metric(&self, name: &str, label: &str) -> u64 {
        let (_, text) = self.get("/metrics").await.expect("metrics");
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

/// A port that nobody listens on a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}
