//! TLS with a user of its own, Sentinel and Cluster: sessions, logout and refresh as ever.

use super::fleet::{Fleet, out_after};
use crate::support::{Ask, Browser, PORTAL, RedisServer, Setup};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A port that nobody has now.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port().to_string()
}

/// Sessions, a refresh and a logout on two replicas.
async fn works(fleet: &Fleet, what: &str) -> Duration {
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.later(3660);
    fleet.all_grant(&browser).await;
    assert_eq!(fleet.refreshes(), 1, "{what}");
    sign_out(fleet, &browser, what).await
}

/// How long it took until the last replica knew.
async fn sign_out(fleet: &Fleet, browser: &Browser, what: &str) -> Duration {
    let ask = Ask::post(&format!("{PORTAL}/.auth/logout")).header("sec-fetch-site", "same-origin");
    assert_eq!(fleet.replicas[0].ask(browser.dress(ask)).await.status, 200, "{what}");
    let began = tokio::time::Instant::now();
    for replica in &fleet.replicas {
        out_after(replica, browser).await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    took
}

/// Settings of a Redis that is reached in another way than by its socket.
fn session(redis: &str) -> String {
    format!("{{store: redis, idle_timeout: 12h, keys_file: session.keys, redis: {{{redis}}}}}")
}

fn certificates(folder: &Path) {
    let key = || KeyPair::generate().expect("a key");
    let (ca_key, server_key) = (key(), key());
    let mut ca = CertificateParams::new([]).expect("a name");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("signed");
    let issuer = Issuer::new(ca, ca_key);
    let server = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let server = server.signed_by(&server_key, &issuer).expect("signed");
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file");
    write("ca.pem", ca_certificate.pem());
    write("server.pem", server.pem());
    write("server.key", server_key.serialize_pem());
}

#[tokio::test]
async fn tls_with_a_user_who_may_do_no_more_than_it_has_to() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let ca = std::fs::read_to_string(folder.path().join("ca.pem")).expect("a certificate");
    let (port, files) = (free_port(), folder.path().to_owned());
    let file = |name: &str| files.join(name).display().to_string();
    let (certificate, key, ca_file) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let server = RedisServer::within(
        folder,
        &[
            "--tls-port",
            &port,
            "--port",
            "0",
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca_file,
            "--tls-auth-clients",
            "no",
        ],
    );
    // As the README has it.
    let rights = "+get +set +del +pttl +pexpire +eval +evalsha +xadd +xrange +xtrim +xlen +time +publish \
                  +subscribe +ping";
    let mut user = vec!["acl", "setuser", "portcullis", "on", ">geheim", "resetkeys", "-@all"];
    user.extend(["~portcullis:*", "resetchannels", "&portcullis:*"]);
    user.extend(rights.split_whitespace());
    assert_eq!(server.cli(&user), "OK");
    assert_eq!(server.cli(&["acl", "setuser", "default", "off"]), "OK");
    let place = format!(
        "url: 'rediss://localhost:{port}', username: portcullis, password_file: redis.password, \
         ca_file: redis-ca.pem"
    );
    let setup = Setup::default().file("redis.password", "geheim\n").file("redis-ca.pem", &ca);
    let fleet = Fleet::over(2, setup.setting("session", &session(&place)), server).await;
    let took = works(&fleet, "TLS and ACL").await;
    println!("TLS and ACL: a logout reached both replicas within {took:?}");
}

/// A program that ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn sentinel(folder: &TempDir, port: &str, master: &str) -> Running {
    let file = folder.path().join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor pets 127.0.0.1 {master} 1\n\
         sentinel down-after-milliseconds pets 300\nsentinel failover-timeout pets 2000\n",
        folder.path().display()
    );
    std::fs::write(&file, text).expect("a file");
    let mut command = Command::new("redis-server");
    command.arg(&file).arg("--sentinel").stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().expect("redis-server: `make redis` installs it"))
}

/// Waits until `redis-cli` prints what it should.
async fn until(holds: impl Fn() -> bool + Send + Sync, what: &str) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let wait = async {
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect(what);
}

#[tokio::test]
async fn sentinel_names_the_master_and_after_its_death_the_next_one() {
    let (one, two, watch) = (free_port(), free_port(), free_port());
    let master = RedisServer::with(&["--port", &one, "--bind", "127.0.0.1"]);
    let mut replica = vec!["--port", &two, "--bind", "127.0.0.1", "--replicaof", "127.0.0.1", &one];
    replica.extend(["--repl-diskless-sync-delay", "0"]);
    let replica = RedisServer::with(&replica);
    master.cli(&["config", "set", "repl-diskless-sync-delay", "0"]);
    until(|| replica.cli(&["info", "replication"]).contains("master_link_status:up"), "linked")
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    let _sentinel = sentinel(&folder, &watch, &one);
    let place = format!("mode: sentinel, master: pets, url: 'redis://127.0.0.1:{watch}'");
    let knows = || {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &watch, "sentinel", "replicas", "pets"]).stderr(Stdio::null());
        String::from_utf8_lossy(&command.output().expect("redis-cli").stdout).contains(&two)
    };
    until(knows, "the sentinel knows the replica").await;
    let setup = Setup::default().setting("session", &session(&place));
    let fleet = Fleet::over(2, setup, master).await;
    let took = works(&fleet, "Sentinel").await;
    println!("Sentinel: a logout reached both replicas within {took:?}");
    fleet.later(1);
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    let key_on = |server: &RedisServer| server.cli(&["keys", "*:session"]).contains("session");
    until(|| key_on(&replica), "replicated").await;
    fleet.redis.kill();
    fleet.later(2);
    let (mut sent, mut out) = (0, 0);
    while replica.cli(&["role"]).lines().next() != Some("master") {
        for answer in fleet.ask_all(&browser).await {
            sent += 1;
            out += usize::from(!answer.allowed && answer.status != 503);
        }
    }
    fleet.recovered().await;
    fleet.all_grant(&browser).await;
    println!("Sentinel, failed over: {sent} checks, wrongly allowed 0, wrongly logged out {out}");
    assert_eq!(out, 0);
    sign_out(&fleet, &browser, "Sentinel, failed over").await;
}

#[tokio::test]
async fn a_cluster_keeps_sessions_wherever_their_slots_are() {
    let start = || {
        let (port, bus) = (free_port(), free_port());
        let arguments = ["--port", &port, "--cluster-port", &bus, "--bind", "127.0.0.1"];
        let further = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        (RedisServer::with(&[&arguments[..], &further[..]].concat()), port)
    };
    let (nodes, ports): (Vec<RedisServer>, Vec<String>) = (0..3).map(|_| start()).unzip();
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "create"]);
    command.args(ports.iter().map(|port| format!("127.0.0.1:{port}")));
    let made = command.arg("--cluster-yes").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(made.expect("redis-cli").success());
    for node in &nodes {
        until(|| node.cli(&["cluster", "info"]).contains("cluster_state:ok"), "a cluster").await;
    }
    let place = format!(
        "mode: cluster, url: 'redis://127.0.0.1:{}', nodes: ['127.0.0.1:{}']",
        ports[0], ports[1]
    );
    let setup = Setup::default().setting("session", &session(&place));
    let mut nodes = nodes.into_iter();
    let fleet = Fleet::over(2, setup, nodes.next().expect("a node")).await;
    for _session in 0..8 {
        let browser = fleet.signed_in().await;
        fleet.all_grant(&browser).await;
    }
    let others: Vec<RedisServer> = nodes.collect();
    let spread = others.iter().chain([&*fleet.redis]);
    let spread = spread.filter(|node| node.cli(&["keys", "*:session"]).contains("session")).count();
    assert!(spread >= 2, "sessions are on {spread} nodes");
    let took = works(&fleet, "Cluster").await;
    println!("Cluster: a logout reached both replicas within {took:?}");
}
