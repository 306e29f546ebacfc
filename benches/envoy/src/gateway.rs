//! Envoy: one process with a listener for each variant. What stands around the check is cut out of
//! deploy/envoy/envoy.yaml, so that the gateway that is measured is the one that we ship.

use crate::variant::{Sent, Variant};
use portcullis_load::failure::{Outcome, expect};
use portcullis_load::place::{Address, free_port, repository};
use portcullis_load::process::{cpu_of, get};
use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// A variant with where it listens and whom it asks.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What it is.
    pub variant: Variant,
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where the authorizer listens.
    pub authorizer: Option<Address>,
}

/// What Envoy has to know of tokens to judge them itself.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Who issues them.
    pub issuer: String,
    /// For whom.
    pub audience: String,
    /// The issuer's keys.
    pub jwks: String,
    /// The group that may.
    pub group: String,
}

/// Cut out of the shipped configuration.
#[derive(Clone, Debug)]
struct Shipped {
    /// The connection manager, up to its access log.
    manager: String,
    /// The list of filters, before the check.
    before: String,
    /// The filter that checks.
    check: String,
    /// The authorizer's cluster without its endpoint.
    cluster: String,
    /// The block `allowed_headers`.
    allowed: String,
}

impl Shipped {
    fn cut(text: &str, allowed: &str) -> Outcome<Self> {
        let between = |from: &str, to: &str| -> Outcome<String> {
            let start =
                text.find(from).ok_or_else(|| format!("the configuration has no {from}"))?;
            let length = text[start..].find(to).ok_or_else(|| format!("no {to} behind {from}"))?;
            Ok(text[start..start + length].to_owned())
        };
        let manager = between(
            "      - name: envoy.filters.network.http_connection_manager\n",
            "          access_log:\n",
        )?;
        let before = between("          http_filters:\n", "          # Off, until")?;
        let check = between(
            "          - name: envoy.filters.http.ext_authz\n",
            "          - name: envoy.filters.http.router\n",
        )?;
        // The reference has no health service: neither is asked.
        let cluster = between("  - name: portcullis\n", "    health_checks:\n")?;
        Ok(Self {
            manager,
            before,
            check: replaced(&check, "            disabled: true\n", "")?,
            cluster: replaced(&cluster, "    type: STRICT_DNS\n", "    type: STATIC\n")?,
            allowed: allowed.lines().map(|line| format!("              {line}\n")).collect(),
        })
    }

    /// The filters of a variant that decide.
    fn filters(&self, variant: Variant, tokens: &Tokens) -> Outcome<String> {
        let (Variant::Reference(_, sent) | Variant::Portcullis(_, sent)) = variant else {
            let own = variant == Variant::InProcess;
            return Ok(if own { in_process(tokens) } else { String::new() });
        };
        let name = variant.name();
        let check =
            replaced(&self.check, "cluster_name: portcullis,", &format!("cluster_name: {name},"))?;
        if sent == Sent::All {
            return Ok(check);
        }
        let line = "              validate_mutations: true\n";
        let with = format!("{line}{}", self.allowed);
        replaced(&check, line, &with)
    }

    fn listener(&self, listener: &Listener, tokens: &Tokens) -> Outcome<String> {
        let Self { manager, before, .. } = self;
        let (name, address) = (listener.variant.name(), socket(listener.address));
        let filters = self.filters(listener.variant, tokens)?;
        Ok(format!(
            "  - name: {name}\n    address: {address}\n    per_connection_buffer_limit_bytes: 32768\n    \
             filter_chains:\n    - filters:\n{manager}{before}{filters}          \
             - name: envoy.filters.http.router\n            typed_config: {{ \"@type\": type.googleapis.com/\
             envoy.extensions.filters.http.router.v3.Router }}\n          route_config:\n            \
             name: {name}\n            virtual_hosts:\n            - name: all\n              \
             domains: [\"*\"]\n              routes: [{{ match: {{ prefix: / }}, route: {{ cluster: upstream }} }}]\n"
        ))
    }

    fn cluster(&self, listener: &Listener) -> Outcome<String> {
        let Some(authorizer) = &listener.authorizer else { return Ok(String::new()) };
        let name = listener.variant.name();
        let cluster =
            replaced(&self.cluster, "  - name: portcullis\n", &format!("  - name: {name}\n"))?;
        let address = match authorizer {
            Address::Tcp(address) => socket(*address),
            Address::Unix(path) => format!("{{ pipe: {{ path: {} }} }}", path.display()),
        };
        Ok(format!("{cluster}{}", endpoint(name, &address)))
    }
}

/// Envoy's configuration.
///
/// # Errors
///
/// Where the shipped one is not as it was. `shipped` and `allowed` are the files of deploy/envoy.
pub fn configuration(
    shipped: &str,
    allowed: &str,
    admin: SocketAddr,
    upstream: SocketAddr,
    listeners: &[Listener],
    tokens: &Tokens,
) -> Outcome<String> {
    let shipped = Shipped::cut(shipped, allowed)?;
    let each = |part: &dyn Fn(&Listener) -> Outcome<String>| -> Outcome<String> {
        Ok(listeners.iter().map(part).collect::<Outcome<Vec<_>>>()?.concat())
    };
    let clusters = each(&|listener| shipped.cluster(listener))?;
    let listeners = each(&|listener| shipped.listener(listener, tokens))?;
    let upstream = endpoint("upstream", &socket(upstream));
    Ok(format!(
        "admin: {{ address: {} }}\nstatic_resources:\n  listeners:\n{listeners}  clusters:\n{clusters}  \
         - name: upstream\n    type: STATIC\n    connect_timeout: 1s\n{upstream}",
        socket(admin)
    ))
}

/// The limit of what a check can cost: within Envoy, from its own cache of verified tokens.
fn in_process(tokens: &Tokens) -> String {
    let Tokens { issuer, audience, jwks, group } = tokens;
    let jwks = serde_json::Value::from(jwks.as_str());
    format!(
        "          - name: envoy.filters.http.jwt_authn\n            typed_config:\n              \
         \"@type\": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication\n              \
         providers:\n                okta:\n                  issuer: {issuer}\n                  \
         audiences: [{audience}]\n                  forward: true\n                  \
         payload_in_metadata: claims\n                  \
         claim_to_headers: [{{ header_name: x-user-id, claim_name: sub }}]\n                  \
         jwt_cache_config: {{ jwt_cache_size: 20000 }}\n                  \
         local_jwks: {{ inline_string: {jwks} }}\n              \
         rules: [{{ match: {{ prefix: / }}, requires: {{ provider_name: okta }} }}]\n          \
         - name: envoy.filters.http.rbac\n            typed_config:\n              \
         \"@type\": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC\n              \
         rules:\n                action: ALLOW\n                policies:\n                  users:\n                    \
         permissions: [{{ any: true }}]\n                    principals:\n                    \
         - metadata:\n                        filter: envoy.filters.http.jwt_authn\n                        \
         path: [{{ key: claims }}, {{ key: groups }}]\n                        \
         value: {{ list_match: {{ one_of: {{ string_match: {{ exact: {group} }} }} }} }}\n"
    )
}

fn socket(address: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    format!("{{ socket_address: {{ address: {host}, port_value: {port} }} }}")
}

fn endpoint(cluster: &str, address: &str) -> String {
    format!(
        "    load_assignment:\n      cluster_name: {cluster}\n      endpoints:\n      - lb_endpoints:\n        \
         - endpoint: {{ address: {address} }}\n"
    )
}

/// The gateway's configuration, and the headers that Portcullis reads.
fn shipped() -> Outcome<[String; 2]> {
    let read = |name: &str| std::fs::read_to_string(repository().join("deploy/envoy").join(name));
    Ok([read("envoy.yaml")?, read("allowed-headers.yaml")?])
}

/// Replaces what has to be there.
fn replaced(text: &str, from: &str, to: &str) -> Outcome<String> {
    if !text.contains(from) {
        return Err(format!("deploy/envoy/envoy.yaml does not have {from}").into());
    }
    Ok(text.replace(from, to))
}

/// Envoy as a process. It ends with the value.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    _folder: TempDir,
}

impl Gateway {
    /// Starts `.tools/venv/bin/envoy` with one worker on `core`, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn start(
        upstream: SocketAddr,
        listeners: &[Listener],
        tokens: &Tokens,
        core: usize,
    ) -> Outcome<Self> {
        let [shipped, allowed] = shipped()?;
        let (folder, admin) = (tempfile::tempdir()?, free_port()?);
        let file = folder.path().join("envoy.yaml");
        let text = configuration(&shipped, &allowed, admin, upstream, listeners, tokens)?;
        std::fs::write(&file, text)?;
        let program = repository().join(".tools/venv/bin/envoy").canonicalize();
        let program = expect(program.ok(), "no .tools/venv/bin/envoy: `make tools` brings it")?;
        let log = folder.path().join("log.txt");
        let mut command = Command::new("taskset");
        command.arg("--cpu-list").arg(core.to_string()).arg(program);
        command.arg("--config-path").arg(&file);
        command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn()?;
        let mut gateway = Self { child, _folder: folder };
        let begin = Instant::now();
        while !get(admin, "/ready").is_ok_and(|(status, _)| status == 200) {
            if gateway.child.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("Envoy does not start: {said}").into());
            }
            std::thread::sleep(LOOK);
        }
        Ok(gateway)
    }

    /// How long its threads were on a core until now.
    ///
    /// # Errors
    ///
    /// Where the process is gone.
    pub fn cpu(&self) -> Outcome<Duration> {
        cpu_of(self.child.id())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::ALL;
    use std::net::Ipv4Addr;

    fn rendered() -> String {
        let [shipped, allowed] = shipped().expect("the shipped configuration");
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = |(index, &variant): (usize, &Variant)| {
            let authorizer = match variant {
                Variant::Open | Variant::InProcess => None,
                _ => Some(Address::Unix("/a.sock".into())),
            };
            Listener { variant, address: at(100 + index as u16), authorizer }
        };
        let listeners: Vec<Listener> = ALL.iter().enumerate().map(listener).collect();
        let text = |text: &str| text.to_owned();
        let tokens = Tokens {
            issuer: text("http://i"),
            audience: text("a"),
            jwks: text("{\"keys\":[]}"),
            group: text("g"),
        };
        configuration(&shipped, &allowed, at(1), at(2), &listeners, &tokens).expect("as it was")
    }

    #[test]
    fn what_stands_around_the_check_is_as_shipped() {
        let text = rendered();
        let checks = ALL.len() - 2;
        for line in [
            "failure_mode_allow: false",
            "validate_mutations: true",
            "emit_filter_state_stats: true",
            "retry_on: connect-failure,reset,refused-stream,unavailable",
            "max_outbound_control_frames: 100000",
        ] {
            assert_eq!(text.matches(line).count(), checks, "{line}");
        }
        assert_eq!(
            text.matches("path_with_escaped_slashes_action: REJECT_REQUEST").count(),
            ALL.len()
        );
        assert_eq!(text.matches("filters.http.cors.v3.Cors ").count(), ALL.len());
        assert!(!text.contains("disabled: true") && !text.contains("access_log"));
        assert!(!text.contains("health_checks") && !text.contains("STRICT_DNS"));
        assert_eq!(text.matches("  allowed_headers:").count(), 2);
        assert_eq!(text.matches("jwt_cache_size").count(), 1);
        for variant in ALL {
            assert!(text.contains(&format!("  - name: {}\n", variant.name())), "{variant:?}");
        }
    }

    #[test]
    fn a_shipped_configuration_that_changed_is_told() {
        let error = Shipped::cut("static_resources:\n", "").expect_err("nothing").to_string();
        assert!(error.contains("http_connection_manager"), "{error}");
    }
}
