//! An API server of Kubernetes on loopback: discovery, lists in pages, watches with bookmarks, Events,
//! and every way in which a real one fails.

use portcullis::config::Pace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What it wants to see from whoever asks.
const TOKEN: &str = "service-account";
const CURRENT: &str = "portal.gloo.solo.io/v1beta1";

/// How fast the service tries again, and gives up.
pub(crate) const PACE: Pace = Pace {
    list: Duration::from_secs(5),
    watch: Duration::from_secs(5),
    silence: Duration::from_secs(5),
    retry_first: Duration::from_millis(5),
    retry_most: Duration::from_millis(20),
    unserved: Duration::from_millis(20),
    retell: Duration::from_secs(60),
    patience: Duration::from_millis(20),
};

/// What happens to the watches that are open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// They end as they do after their time.
    End,
    /// They are cut in the middle of a line.
    Cut,
    /// They are told that their version is too old, as an event.
    Gone,
    /// They are told how far everything is.
    Bookmark,
}

/// The API server; it is gone with the value.
pub(crate) struct Cluster {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    turn: watch::Sender<u64>,
}

/// What it holds, and how it behaves.
pub(crate) struct State {
    objects: BTreeMap<(String, String, String), Value>,
    /// Changes: version, plural, what happened, object.
    history: Vec<(u64, String, &'static str, Value)>,
    pub(crate) version: u64,
    /// What is older was forgotten.
    pub(crate) oldest: u64,
    fates: Vec<Fate>,
    /// API groups that it serves.
    pub(crate) served: BTreeSet<&'static str>,
    /// Status of answers about a kind.
    pub(crate) refused: BTreeMap<&'static str, u16>,
    /// Objects of a page, whatever is asked for.
    pub(crate) page: usize,
    /// Closes connections without an answer.
    pub(crate) away: bool,
    /// Takes requests, and says nothing.
    pub(crate) silent: bool,
    /// The change of this version is written so that nobody can read it.
    pub(crate) garbled: Option<u64>,
    /// Events that were created, and the patches of them.
    pub(crate) events: Vec<Value>,
    pub(crate) patches: Vec<Value>,
    /// Lines of requests.
    pub(crate) asked: Vec<String>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cluster {
    /// One that serves Gloo Portal's kinds, and has none.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let state = State {
            objects: BTreeMap::new(),
            history: Vec::new(),
            version: 100,
            oldest: 0,
            fates: Vec::new(),
            served: [CURRENT].into(),
            refused: BTreeMap::new(),
            page: 500,
            away: false,
            silent: false,
            garbled: None,
            events: Vec::new(),
            patches: Vec::new(),
            asked: Vec::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), turn: watch::channel(0).0 });
        let address = listener.local_addr().expect("an address");
        let served = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                connections.spawn(async move {
                    // Whoever hangs up, or is hung up on, is no failure of a test.
                    let _ended = serve(stream, &shared).await;
                });
            }
        });
        Self { address, shared, task }
    }

    /// Changes how it behaves, or looks.
    pub(crate) fn turn<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.shared.state());
        self.shared.turn.send_modify(|turn| *turn += 1);
        result
    }

    /// Creates or changes an object.
    pub(crate) fn apply(&self, mut object: Value) {
        self.turn(|state| {
            state.version += 1;
            let plural = plural(object["kind"].as_str().expect("a kind"));
            object["metadata"]["resourceVersion"] = json!(state.version.to_string());
            let key = key(&plural, &object);
            let (uid, created) = match state.objects.get(&key) {
                Some(old) => {
                    let old = &old["metadata"];
                    (old["uid"].clone(), old["creationTimestamp"].clone())
                }
                None => {
                    let created = format!("2026-11-26T09:00:00.{:06}Z", state.version);
                    (json!(format!("uid-{}", state.version)), json!(created))
                }
            };
            object["metadata"]["uid"] = uid;
            object["metadata"]["creationTimestamp"] = created;
            let what = if state.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
            state.history.push((state.version, plural, what, object.clone()));
            state.objects.insert(key, object);
        });
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, kind: &str, name: &str) {
        self.turn(|state| {
            state.version += 1;
            let key = (plural(kind), "default".to_owned(), name.to_owned());
            let mut object = state.objects.remove(&key).expect("an object");
            object["metadata"]["resourceVersion"] = json!(state.version.to_string());
            state.history.push((state.version, plural(kind), "DELETED", object));
        });
    }

    /// Deletes everything of the portal's kinds.
    pub(crate) fn delete_all(&self) {
        let keys = self.turn(|state| state.objects.keys().cloned().collect::<Vec<_>>());
        for (plural, _namespace, name) in keys {
            let kinds = ["Portal", "Group", "APIProduct", "Environment", "APIDoc", "User"];
            if let Some(kind) = kinds.iter().find(|kind| self::plural(kind) == plural) {
                self.delete(kind, &name);
            }
        }
    }

    /// Goes away and comes back from a copy of itself, whose versions are older ones.
    pub(crate) fn restore(&self) {
        self.turn(|state| {
            state.version -= 50;
            state.oldest = state.version;
            state.history.clear();
            state.fates.push(Fate::Cut);
        });
    }

    /// What happens to all watches.
    pub(crate) fn befall(&self, fate: Fate) {
        self.turn(|state| state.fates.push(fate));
    }

    /// Requests that were made, with this in their line.
    pub(crate) fn asked(&self, part: &str) -> usize {
        let state = self.shared.state();
        state.asked.iter().filter(|line| line.contains(part)).count()
    }

    /// A kubeconfig that leads here.
    pub(crate) fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\n\
             clusters: [{{name: it, cluster: {{server: 'http://{}'}}}}]\n\
             contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n\
             users: [{{name: it, user: {{token: {TOKEN}}}}}]\n",
            self.address
        )
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a lock")
    }
}

fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

fn key(plural: &str, object: &Value) -> (String, String, String) {
    let text = |key: &str| object["metadata"][key].as_str().expect(key).to_owned();
    (plural.to_owned(), text("namespace"), text("name"))
}

/// Answers the requests of a connection.
async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while stream.read_line(&mut line).await? > 2 {
            head.push(std::mem::take(&mut line));
        }
        let Some(first) = head.first() else { return Ok(()) };
        let field = |name: &str| {
            let fields = head.iter().filter_map(|line| line.split_once(": "));
            let mut named = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.trim().to_owned())
        };
        let length = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let (away, silent) = {
            let mut state = shared.state();
            state.asked.push(first.trim().to_owned());
            (state.away, state.silent)
        };
        if away {
            return Ok(());
        }
        if silent {
            std::future::pending::<()>().await;
        }
        let mut parts = first.split(' ');
        let method = parts.next().unwrap_or_default();
        let target = url::Url::parse(&format!("http://it{}", parts.next().unwrap_or_default()));
        let target = target.expect("a target");
        let query: BTreeMap<String, String> = target.query_pairs().into_owned().collect();
        if field("authorization").as_deref() != Some(&format!("Bearer {TOKEN}")) {
            answer(&mut stream, 401, &status(401, "who are you?")).await?;
        } else if method == "GET" && query.contains_key("watch") {
            return watch_until_end(&mut stream, shared, target.path(), &query).await;
        } else {
            let (code, said) = shared.state().answer(method, target.path(), &query, &body);
            answer(&mut stream, code, &said).await?;
        }
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, code: u16, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {code} It\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

fn status(code: u16, message: &str) -> Value {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "AlreadyExists",
        410 => "Expired",
        _ => "Failure",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": message,
    })
}

/// Namespace, where there is one, and plural.
fn place(path: &str) -> (Option<&str>, &str) {
    let segments: Vec<&str> = path.split('/').collect();
    let at = segments.iter().position(|segment| *segment == "namespaces");
    match at {
        Some(at) => (segments.get(at + 1).copied(), segments.get(at + 2).copied().unwrap_or("")),
        None => (None, segments.last().copied().unwrap_or("")),
    }
}

impl State {
    /// Why a kind is not answered about, if it is not.
    fn refusal(&self, path: &str) -> Option<(u16, Value)> {
        let (_, plural) = place(path);
        if let Some((_, code)) = self.refused.iter().find(|(kind, _)| **kind == plural) {
            return Some((*code, status(*code, &format!("{plural} are not for you"))));
        }
        let group = path.strip_prefix("/apis/")?;
        let known = self.served.iter().any(|served| group.starts_with(served))
            || group.starts_with("events.k8s.io/v1");
        (!known).then(|| (404, status(404, "the server could not find the requested resource")))
    }

    fn answer(
        &mut self,
        method: &str,
        path: &str,
        query: &BTreeMap<String, String>,
        body: &[u8],
    ) -> (u16, Value) {
        if let Some(refusal) = self.refusal(path) {
            return refusal;
        }
        if method == "POST" {
            let event: Value = serde_json::from_slice(body).expect("JSON");
            let name = |event: &Value| event["metadata"]["name"].clone();
            if self.events.iter().any(|one| name(one) == name(&event)) {
                return (409, status(409, "there is one"));
            }
            self.events.push(event.clone());
            return (201, event);
        }
        if method == "PATCH" {
            self.patches.push(serde_json::from_slice(body).expect("JSON"));
            return (200, json!({}));
        }
        if path.strip_prefix("/apis/").is_some_and(|group| self.served.contains(group)) {
            let kinds = ["portals", "groups", "apiproducts", "apidocs", "environments", "users"];
            let kinds: Vec<_> = kinds.iter().map(|kind| json!({"name": kind})).collect();
            return (200, json!({"kind": "APIResourceList", "resources": kinds}));
        }
        self.list(path, query)
    }

    fn list(&self, path: &str, query: &BTreeMap<String, String>) -> (u16, Value) {
        let (namespace, plural) = place(path);
        let fits = |((kind, of, name), object): &(&(String, String, String), &Value)| {
            let typed = query.get("fieldSelector").and_then(|text| text.strip_prefix("type="));
            let named =
                query.get("fieldSelector").and_then(|text| text.strip_prefix("metadata.name="));
            // The old group has none.
            !path.contains("devportal")
                && kind == plural
                && namespace.is_none_or(|namespace| namespace == of)
                && named.is_none_or(|named| named == name)
                && typed.is_none_or(|typed| object["type"] == *typed)
        };
        let items: Vec<Value> = self
            .objects
            .iter()
            .filter(fits)
            .map(|(_, object)| {
                let mut object = object.clone();
                // As a real one does for its own kinds.
                if plural == "secrets" {
                    let members = object.as_object_mut().expect("an object");
                    members.remove("kind");
                    members.remove("apiVersion");
                }
                object
            })
            .collect();
        let from: usize = query.get("continue").and_then(|text| text.parse().ok()).unwrap_or(0);
        let limit = query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        let to = items.len().min(from + self.page.min(limit));
        let next = if to < items.len() { to.to_string() } else { String::new() };
        let metadata = json!({"resourceVersion": self.version.to_string(), "continue": next});
        (
            200,
            json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items[from..to]}),
        )
    }

    /// Lines for a watch that has seen everything up to `version`.
    fn since(&self, path: &str, version: u64) -> Vec<Value> {
        let (namespace, plural) = place(path);
        let old = path.contains("devportal");
        let news = self.history.iter().filter(|(at, kind, _, object)| {
            let here =
                namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace);
            !old && *at > version && kind == plural && here
        });
        news.map(|(_, _, what, object)| json!({"type": what, "object": object})).collect()
    }
}

async fn watch_until_end(
    stream: &mut BufReader<TcpStream>,
    shared: &Shared,
    path: &str,
    query: &BTreeMap<String, String>,
) -> std::io::Result<()> {
    let mut turns = shared.turn.subscribe();
    let mut version: u64 = query["resourceVersion"].parse().expect("a version");
    let (refusal, mut fates) = {
        let state = shared.state();
        let too_old = (version < state.oldest).then(|| (410, status(410, "too old")));
        let too_new =
            (version > state.version).then(|| (504, status(504, "Too large resource version")));
        (state.refusal(path).or(too_old).or(too_new), state.fates.len())
    };
    if let Some((code, body)) = refusal {
        return answer(stream, code, &body).await;
    }
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    loop {
        let (lines, happened, away, silent, garbled) = {
            let state = shared.state();
            let lines = state.since(path, version);
            let garbled = state.garbled.is_some_and(|at| version < at && at <= state.version);
            version = version.max(state.version);
            let happened = state.fates[fates..].to_vec();
            (lines, happened, state.away, state.silent, garbled)
        };
        if garbled && !lines.is_empty() {
            chunk(stream, "{]\n").await?;
            return stream.write_all(b"0\r\n\r\n").await;
        }
        fates += happened.len();
        if away {
            return Ok(());
        }
        if silent {
            std::future::pending::<()>().await;
        }
        for line in lines {
            chunk(stream, &format!("{line}\n")).await?;
        }
        for fate in happened {
            match fate {
                Fate::End => return stream.write_all(b"0\r\n\r\n").await,
                Fate::Cut => {
                    chunk(stream, "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Gr").await?;
                    return Ok(());
                }
                Fate::Gone => {
                    let line = json!({"type": "ERROR", "object": status(410, "too old")});
                    chunk(stream, &format!("{line}\n")).await?;
                    return stream.write_all(b"0\r\n\r\n").await;
                }
                Fate::Bookmark => {
                    let metadata = json!({"resourceVersion": version.to_string()});
                    let object = json!({"kind": "Any", "apiVersion": "v1", "metadata": metadata});
                    chunk(stream, &format!("{}\n", json!({"type": "BOOKMARK", "object": object})))
                        .await?;
                }
            }
        }
        if turns.changed().await.is_err() {
            return Ok(());
        }
    }
}

async fn chunk(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await?;
    stream.flush().await
}

/// A resource of Gloo Portal in namespace `default`.
pub(crate) fn resource(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": CURRENT, "kind": kind,
        "metadata": {
            "name": name, "namespace": "default", "labels": {"app": name},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": spec, "status": {"observedGeneration": 1, "state": "Succeeded"},
    })
}

/// A Secret in namespace `default`.
pub(crate) fn secret(name: &str, value: &str) -> Value {
    use base64::Engine;
    let value = base64::engine::general_purpose::STANDARD.encode(value);
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": name, "namespace": "default"}, "data": {"client_secret": value},
    })
}

/// A Group that grants the guide's product to those in `claim`.
pub(crate) fn group(name: &str, claim: &Value) -> Value {
    resource(
        "Group",
        name,
        &json!({
            "oidcGroup": {"groupNames": claim},
            "accessLevel": {
                "portals": [{"name": "petstore-portal", "namespace": "default"}],
                "apis": [{"products": {"names": ["petstore-product"]}, "environments": {"names": ["dev"]}}],
            },
        }),
    )
}

/// The resources of the guide.
pub(crate) fn guide(issuer: &str) -> Vec<Value> {
    vec![
        resource("APIDoc", "petstore-schema", &json!({})),
        resource(
            "APIProduct",
            "petstore-product",
            &json!({"versions": [{
                "name": "v1", "apis": [{"apiDoc": {"name": "petstore-schema", "namespace": "default"}}],
            }]}),
        ),
        resource(
            "Environment",
            "dev",
            &json!({
                "domains": ["api.petstore.localhost"], "apiProducts": [{"names": ["petstore-product"]}],
            }),
        ),
        group("oidc-group", &json!(["PetstoreUsers"])),
        resource(
            "Portal",
            "petstore-portal",
            &json!({
                "domains": ["portal.petstore.localhost"],
                "portalUrlPrefix": "http://portal.petstore.localhost:10000/",
                "publishedEnvironments": [{"name": "dev", "namespace": "default"}],
                "oidcAuth": {
                    "clientId": super::CLIENT,
                    "clientSecret": {"name": "petstore-secret", "namespace": "default", "key": "client_secret"},
                    "groupClaimKey": "groups", "issuer": issuer, "additionalScopes": ["groups", "email"],
                },
            }),
        ),
        secret("petstore-secret", "hush hush"),
    ]
}
