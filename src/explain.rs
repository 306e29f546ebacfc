//! `portcullis explain`: the steps of one decision, for people.

use crate::app::StartError;
use crate::attributes::{Attributes, Context, Headers, Host, Method, RequestPath, Source};
use crate::check::{Checker, Parts, Presumed};
use crate::clock::Clock;
use crate::config::Parsed;
use crate::credential::{Credential, CredentialKind, classify_by};
use crate::decision::{Asked, Checked, ClientKind, Facts, LazyClient};
use crate::identity::Identity;
use crate::policy::{Membership, NoRoute, Rest, Route, Site, Snapshot};
use crate::provider::{DocumentFetcher, IssuerSource, Providers};
use crate::random;
use crate::reload::{Loaded, Loader};
use crate::session::KeyRing;
use crate::telemetry::Metrics;
use crate::time::UnixTime;
use crate::token;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use url::Url;

/// What is printed of somebody who is only presumed.
const PRESUMED: &str = "(presumed)";
/// How long to wait for the keys that a token needs.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is asked.
#[derive(Debug, Default)]
pub struct Question {
    /// The URL that a client asks for.
    pub url: String,
    /// Its method.
    pub method: String,
    /// `name: value`
    pub headers: Vec<String>,
    /// `key=value`
    pub context: Vec<String>,
    /// Groups of a caller, separated by commas.
    pub groups: Option<String>,
    /// A bearer token.
    pub token: Option<String>,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The question makes no sense; the text says which option.
    #[error("{0}")]
    Usage(String),
    /// The service would not start either.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Judges the request as the service would, and says how.
///
/// # Errors
///
/// [`ExplainError`].
pub async fn explain(parsed: &Parsed, question: &Question) -> Result<String, ExplainError> {
    let mut headers = Headers::default();
    let attributes = attributes(question, &mut headers)?;
    token::self_test().map_err(StartError::from)?;
    let mut loader = Loader::once(parsed).await.map_err(StartError::Kubernetes)?;
    let loaded = loader.load().map_err(StartError::NoPolicy)?;
    let loaded = described(parsed, &mut loader).await?.unwrap_or(loaded);
    let policy = loaded.snapshot;
    let lazy_client = LazyClient::of(attributes.method, attributes.headers);
    let client = lazy_client.kind();
    let fetch = question.token.is_some() || client == ClientKind::Navigation;
    let checker = checker(parsed, &policy, fetch).await?;
    let presumed = question.groups.as_deref().map(|groups| presumed(&policy, &attributes, groups));
    let checked = match presumed {
        Some(identity) => {
            let presumed = Presumed::Caller(Arc::new(identity));
            checker.check_as(&attributes, &lazy_client, &presumed).await
        }
        None => checker.check(&attributes, &lazy_client, None).await,
    };
    let mut text = String::new();
    let key_header = &parsed.settings.api_keys.header;
    let _written =
        write_steps(&mut text, &policy, &attributes, client, (question, key_header), &checked);
    Ok(text)
}

/// The policy once more, where documents have been fetched that it names.
///
/// # Errors
///
/// [`StartError`].
pub async fn described(parsed: &Parsed, loader: &mut Loader) -> Result<Option<Loaded>, StartError> {
    if loader.documents().report(UnixTime::default()).is_empty() {
        return Ok(None);
    }
    let (settings, clock) = (&parsed.settings.documents, Clock::system());
    let documents = loader.documents().clone();
    let fetcher = DocumentFetcher::start(settings, clock, documents.clone(), Arc::default())?;
    documents.first_fetches(settings.timeout).await;
    drop(fetcher);
    loader.load().map(Some).map_err(StartError::NoPolicy)
}

fn attributes<'h, 'q: 'h>(
    question: &'q Question,
    headers: &'h mut Headers<'q>,
) -> Result<Attributes<'h>, ExplainError> {
    let usage = |what: String| ExplainError::Usage(what);
    let url = Url::parse(&question.url).map_err(|error| {
        usage(format!("--url: expected such as https://api.example.com/pets: {error}"))
    })?;
    let authority = question.url.split_once("//").map_or("", |(_scheme, rest)| rest);
    let authority_end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    let (authority, path) = authority.split_at_checked(authority_end).unwrap_or((authority, ""));
    let path = if path.is_empty() { "/" } else { path };
    let host = Host::parse(authority).ok_or_else(|| {
        usage(format!("--url: {:?} is no host that is judged: 400", url.authority()))
    })?;
    let path = RequestPath::parse(path).ok_or_else(|| {
        usage(format!("--url: the path {path:?} is ambiguous: 400 ambiguous_request"))
    })?;
    let method = Method::parse(&question.method)
        .ok_or_else(|| usage(format!("--method: {:?} is not judged: 400", question.method)))?;
    for field in &question.headers {
        let (name, value) = field
            .split_once(':')
            .ok_or_else(|| usage(format!("--header: expected 'name: value', got {field:?}")))?;
        headers.add(name.trim(), value.trim());
    }
    if let Some(token) = &question.token {
        headers.add("authorization", format!("Bearer {token}"));
    }
    // What is asked about is all that there is.
    headers.note_all_pseudo();
    let mut context = Context::default();
    for pair in &question.context {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| usage(format!("--context: expected key=value, got {pair:?}")))?;
        context.add(key, value);
    }
    Ok(Attributes { host, method, path, headers, context, body: &[], source: Source::default() })
}

/// The service's own checker, with keys that only this process has.
async fn checker(
    parsed: &Parsed,
    policy: &Arc<Snapshot>,
    fetch: bool,
) -> Result<Checker, StartError> {
    let clock = Clock::system();
    let providers = Providers::new(&parsed.settings.provider, clock.clone())?;
    if fetch {
        providers.set_issuers(policy.issuers().into_iter().map(IssuerSource::from).collect());
        providers.first_fetches(PATIENCE).await;
    }
    let key_ring = KeyRing::of(&random::bytes()?)
        .map_err(|source| StartError::Keys { path: std::path::PathBuf::new(), source })?;
    assemble(parsed, policy, key_ring, (clock, providers))
}

/// The same with these keys, and with providers that are asked nothing.
pub(crate) fn unasked(
    parsed: &Parsed,
    policy: &Arc<Snapshot>,
    key_ring: KeyRing,
) -> Result<Checker, StartError> {
    let clock = Clock::system();
    let providers = Providers::new(&parsed.settings.provider, clock.clone())?;
    assemble(parsed, policy, key_ring, (clock, providers))
}

fn assemble(
    parsed: &Parsed,
    policy: &Arc<Snapshot>,
    key_ring: KeyRing,
    (clock, providers): (Clock, Providers),
) -> Result<Checker, StartError> {
    let (_publish, policy) = watch::channel(Arc::clone(policy));
    let (_publish_keys, key_ring) = watch::channel(Arc::new(key_ring));
    Ok(Checker::new(Parts {
        settings: Arc::new(parsed.settings.clone()),
        policy,
        key_ring,
        providers,
        redis: None,
        clock,
        metrics: Metrics::new(),
    })?)
}

/// Somebody with these groups, for whom every Portal of the host vouches.
fn presumed(policy: &Snapshot, attributes: &Attributes<'_>, groups: &str) -> Identity {
    let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
    let portals = match policy.site(attributes.host.name.as_str()) {
        Some(Site::Portal(id)) => [id].into(),
        Some(Site::Environment(id)) => policy
            .environment(id)
            .map(|environment| environment.portals.clone())
            .unwrap_or_default(),
        None => crate::policy::SharedSet::default(),
    };
    // Some plans take callers of one issuer alone: the presumed one has signed in at the first Portal.
    let login = portals.iter().find_map(|id| policy.portal(*id)?.login.as_ref());
    Identity {
        issuer: login.map_or_else(|| PRESUMED.into(), |login| login.issuer.shared()),
        subject: PRESUMED.into(),
        email_verified: true,
        membership: Arc::new(Membership { portals, groups: groups.collect() }),
        groups_claimed: true,
        credential: CredentialKind::Session,
        ..Identity::default()
    }
}

fn write_steps(
    text: &mut String,
    policy: &Snapshot,
    attributes: &Attributes<'_>,
    client: ClientKind,
    (question, key_header): (&Question, &str),
    checked: &Checked,
) -> std::fmt::Result {
    let Facts { caller, usage_plan, limit, hint, .. } = &checked.facts;
    let (method, host, path) =
        (attributes.method.as_str(), &attributes.host, attributes.path.as_str());
    writeln!(text, "request     {method} {host}{path}")?;
    let kind = match client {
        ClientKind::Navigation => "a page load: may be sent to the login",
        ClientKind::Document => "shows pages, may not be sent to the login",
        ClientKind::Other => "no page load: hears 401 where a login is needed",
    };
    writeln!(text, "client      {kind}")?;
    writeln!(text, "host        {}", site(policy, attributes))?;
    writeln!(text, "route       {}", route(policy, attributes))?;
    let credential = if question.groups.is_some() {
        "presumed: a caller with the groups given"
    } else {
        match classify_by(attributes.headers, key_header) {
            Credential::Conflict => "more than one",
            Credential::MalformedBearer | Credential::Bearer(_) => "bearer",
            Credential::ApiKey(_) => "API key",
            Credential::Cookie if attributes.headers.has("cookie") => "cookie",
            Credential::Cookie => "none",
        }
    };
    writeln!(text, "credential  {credential}")?;
    match caller {
        Some(caller) => {
            let Identity { issuer, subject, .. } = &**caller;
            let issuer = if question.groups.is_some() { PRESUMED } else { issuer };
            let email = caller.shown_email().unwrap_or("no e-mail that may be shown");
            writeln!(text, "identity    {subject} of {issuer}, {email}")?;
        }
        None => writeln!(text, "identity    nobody")?,
    }
    let groups: Vec<&str> = checked.facts.groups().collect();
    let matched = if groups.is_empty() { "none".to_owned() } else { groups.join(", ") };
    writeln!(text, "groups      {matched}")?;
    if let Some(plan) = usage_plan {
        let limit = limit
            .as_ref()
            .map(|limit| format!(", {} a {}", limit.requests_per_unit, limit.unit.as_str()));
        writeln!(
            text,
            "usage plan  {plan}{} (nothing is counted here)",
            limit.unwrap_or_default()
        )?;
    }
    writeln!(text, "decision    {} ({})", checked.decision(), checked.reason.as_str())?;
    if checked.facts.shadow {
        writeln!(text, "shadow      would be denied; passes while the Portal stands in shadow")?;
    }
    if let Some(hint) = hint {
        writeln!(text, "because     {hint}")?;
    }
    write_answer(text, attributes, client, checked)
}

fn write_answer(
    text: &mut String,
    attributes: &Attributes<'_>,
    client: ClientKind,
    checked: &Checked,
) -> std::fmt::Result {
    match &checked.outcome {
        Ok(allowed) => {
            writeln!(text, "answer      goes on to the upstream")?;
            for (name, value) in allowed.upstream.set() {
                writeln!(text, "  set       {name}: {}", value.to_text())?;
            }
            for name in allowed.upstream.removed() {
                writeln!(text, "  remove    {name}")?;
            }
        }
        Err(denied) => {
            let asked =
                Asked { client, host: attributes.host.name.as_str(), request_id: "(request id)" };
            writeln!(text, "answer      {} {}", denied.status.code(), denied.status.title())?;
            for (name, value) in denied.fields(&asked).filter(|(name, _)| *name != "set-cookie") {
                writeln!(text, "  {name}: {}", value.to_text())?;
            }
            for cookie in &denied.cookies {
                writeln!(text, "  set-cookie: {cookie:?}=(not shown)")?;
            }
            if client == ClientKind::Other && !denied.has_no_body() {
                let mut body = Vec::new();
                denied.write_body(&asked, &mut body);
                writeln!(text, "  {}", String::from_utf8_lossy(&body))?;
            }
        }
    }
    Ok(())
}

fn site(policy: &Snapshot, attributes: &Attributes<'_>) -> String {
    match policy.site(attributes.host.name.as_str()) {
        Some(Site::Portal(id)) => {
            policy.portal(id).map_or_else(String::new, |portal| format!("Portal {}", portal.name))
        }
        Some(Site::Environment(id)) => policy
            .environment(id)
            .map_or_else(String::new, |environment| format!("Environment {}", environment.name)),
        None => "unknown: no Portal or Environment has it".to_owned(),
    }
}

fn route(policy: &Snapshot, attributes: &Attributes<'_>) -> String {
    let site = policy.site(attributes.host.name.as_str()).ok_or(NoRoute::UnknownHost);
    match site.and_then(|site| policy.route(site, attributes)) {
        Ok(Route::Portal(_, portal)) => format!("the pages of Portal {}", portal.name),
        Ok(Route::Product { product, environment, portal, operation, .. }) => {
            let portal = portal.and_then(|id| policy.portal(id));
            let portal = portal.map_or_else(
                || "no single Portal".to_owned(),
                |portal| format!("Portal {}", portal.name),
            );
            let base = product.base_path.join("/");
            let how = match (operation, product.rest) {
                (Some(operation), _) => format!(" by its operation {operation}"),
                (None, Rest::Included) => " with what it does not list".to_owned(),
                (None, Rest::Unknown | Rest::Refused) => String::new(),
            };
            format!(
                "product {} in {}, below /{base}{how}, published by {portal}",
                product.name, environment.name
            )
        }
        Err(no_route) => no_route.to_string(),
    }
}
