//! The service as a process of its own: for what it prints.

use super::{API, Answer, Ask, Provider, Setup};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use serde_json::json;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// The service; it is stopped with the value.
pub(crate) struct Process {
    child: Child,
    client: AuthorizationClient<Channel>,
    output: Option<JoinHandle<String>>,
    _folder: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Process {
    /// The service beside this provider, whose keys it has fetched. The clock is the system's.
    pub(crate) async fn start(setup: Setup, provider: &Provider) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let setup = setup.setting("listen", "{grpc: 'unix:authz.sock', admin: '127.0.0.1:0'}");
        setup.write(folder.path(), &provider.issuer);
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(folder.path()).args(["serve", "--config", "portcullis.yaml"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("runs");
        let mut stdout = child.stdout.take().expect("stdout");
        let output = std::thread::spawn(move || {
            let mut said = String::new();
            stdout.read_to_string(&mut said).expect("text");
            said
        });
        let address = format!("unix:{}", folder.path().join("authz.sock").display());
        let channel = Endpoint::from_shared(address).expect("an address").connect_lazy();
        let client = AuthorizationClient::new(channel);
        let process = Self { child, client, output: Some(output), _folder: folder };
        process.ready(&provider.id_token(&json!({}))).await;
        process
    }

    /// Waits until it listens and the keys are there.
    async fn ready(&self, good: &str) {
        let ask = || Ask::get(&format!("{API}/pets")).bearer(good).message();
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        let wait = async {
            while !self.client.clone().check(ask()).await.is_ok_and(|answer| {
                answer.into_inner().status.is_some_and(|status| status.code == 0)
            }) {
                looks.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("ready at last");
    }

    /// Asks.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let response = self.client.clone().check(ask.message()).await;
        Answer::read(response.expect("never an RPC error").into_inner())
    }

    /// Asks for the API with this token.
    pub(crate) async fn bearer(&self, token: &str) -> Answer {
        self.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Stops it well; returns everything that it printed.
    pub(crate) async fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(told.success());
        // Elsewhere, so that this thread can end its connection meanwhile.
        let ended = tokio::task::spawn_blocking(move || {
            assert_eq!(self.child.wait().expect("ends").code(), Some(0));
            self.output.take().expect("not taken before").join().expect("text")
        });
        ended.await.expect("ended")
    }
}
