//! The command line.

use clap::{Args, Parser, Subcommand};
use portcullis::api_key::{self, KeyDigest, NewKey};
use portcullis::app::{App, StartError};
use portcullis::clock::Clock;
use portcullis::config::{self, LoadError, Parsed};
use portcullis::explain::{self, Question};
use portcullis::lint::{Policy, lint, lint_documents, lint_providers};
use portcullis::name::ResourceName;
use portcullis::policy::Snapshot;
use portcullis::problem::Problem;
use portcullis::provider::{IssuerSource, IssuerStatus, Providers, ProvidersError};
use portcullis::reload::Loader;
use portcullis::replay::{self, ReplayError};
use portcullis::secret::Secret;
use portcullis::server::Workers;
use portcullis::time::UnixTime;
use portcullis::{random, telemetry};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Could not start, or problems were found.
const FAILED: u8 = 1;
/// Bad usage (sysexits.h, `EX_USAGE`).
const USAGE: u8 = 64;

#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    about = "Turns Okta groups into access to API products, beside Envoy"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(ConfigFile),
    /// Read settings and resources, and print every problem and warning.
    Lint(LintArgs),
    /// Print the steps of one decision.
    Explain(ExplainArgs),
    /// Print which recorded checks a changed policy would answer otherwise.
    Replay(ReplayArgs),
    /// Print a fresh sealing key.
    Keygen,
    /// API keys.
    #[command(subcommand)]
    Apikey(ApikeyCommand),
}

#[derive(Debug, Subcommand)]
enum ApikeyCommand {
    /// Make a key: it goes to stderr, this once; the Secret to apply, with its digest alone, to stdout.
    New(NewKeyArgs),
}

#[derive(Args, Debug)]
struct NewKeyArgs {
    /// The Environment that it is for.
    #[arg(long, value_name = "NAME.NAMESPACE", value_parser = resource)]
    environment: ResourceName,
    /// The APIProduct that it is for.
    #[arg(long, value_name = "NAME.NAMESPACE", value_parser = resource)]
    product: ResourceName,
    /// The usage plan that it is by.
    #[arg(long, value_parser = text)]
    plan: String,
    /// Whose it is: the username of a User, or any other.
    #[arg(long, value_parser = text)]
    username: Option<String>,
    /// Until when it counts, such as 2027-01-31T00:00:00Z; else until its Secret is deleted.
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<String>,
    /// The name of its Secret, which upstreams see as x-user-id; else a random one.
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// The namespace of its Secret; else that of the Environment.
    #[arg(long, value_parser = namespace)]
    namespace: Option<String>,
}

/// `<name>.<namespace>`
fn resource(text: &str) -> Result<ResourceName, String> {
    let parsed = ResourceName::parse(text).filter(|parsed| parsed.as_str() == text);
    let parsed = parsed.ok_or("expected <name>.<namespace>")?;
    name(parsed.name())?;
    namespace(parsed.namespace())?;
    Ok(parsed)
}

fn name(text: &str) -> Result<String, String> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let holds = !text.is_empty() && text.len() <= 253 && text.bytes().all(fits);
    let message = "expected a name of lower-case letters, digits, - and .";
    if holds { Ok(text.to_owned()) } else { Err(message.to_owned()) }
}

fn namespace(text: &str) -> Result<String, String> {
    let holds = text.len() <= 63 && !text.contains('.') && name(text).is_ok();
    let message = "expected a namespace of lower-case letters, digits and -";
    if holds { Ok(text.to_owned()) } else { Err(message.to_owned()) }
}

/// What a value of a Secret keeps: white space behind it would be cut off.
fn text(text: &str) -> Result<String, String> {
    let holds = !text.is_empty() && text.trim() == text && !text.contains(char::is_control);
    let message = "expected a text without white space around it";
    if holds { Ok(text.to_owned()) } else { Err(message.to_owned()) }
}

fn time(text: &str) -> Result<String, String> {
    let parsed = UnixTime::parse_rfc3339(text);
    let parsed = parsed.ok_or("expected a time such as 2027-01-31T00:00:00Z")?;
    Ok(parsed.to_rfc3339())
}

#[derive(Args, Debug)]
struct ConfigFile {
    /// The settings file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Args, Debug)]
struct LintArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Do not ask the providers what they announce, and fetch no documents of APIs.
    #[arg(long)]
    offline: bool,
}

#[derive(Args, Debug)]
struct ExplainArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The URL that a client asks for.
    #[arg(long)]
    url: String,
    /// Its method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// A header field, such as 'accept: text/html'; may stand there several times.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A context extension of the gateway's route; may stand there several times.
    #[arg(long = "context", value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// Judge a caller with these groups, separated by commas.
    #[arg(long, conflicts_with = "token")]
    groups: Option<String>,
    /// Judge the bearer of this JWT; its issuer's keys are fetched.
    #[arg(long, value_name = "JWT")]
    token: Option<String>,
}

#[derive(Args, Debug)]
struct ReplayArgs {
    /// The settings file of the policy that may come into force.
    #[command(flatten)]
    file: ConfigFile,
    /// The settings file of the policy that was in force; recorded messages need it.
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
    /// Print a line for every check that would be answered otherwise.
    #[arg(long)]
    each: bool,
    /// The service's log (JSON lines; - is stdin), or messages as Envoy sent them: .bin files, or folders of those.
    #[arg(value_name = "FILE", required = true)]
    recorded: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            let usage = error.use_stderr();
            // Nobody is left to tell where the terminal is gone.
            let _printed = error.print();
            return ExitCode::from(if usage { USAGE } else { 0 });
        }
    };
    // Checks have threads of their own; here is all else. Two, so that keys come while policy is compiled.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    match command_line.command {
        Command::Serve(file) => runtime.block_on(serve(file)),
        Command::Lint(arguments) => runtime.block_on(print_lint(arguments)),
        Command::Explain(arguments) => runtime.block_on(print_explanation(arguments)),
        Command::Replay(arguments) => runtime.block_on(print_replay(arguments)),
        Command::Keygen => print_key(),
        Command::Apikey(ApikeyCommand::New(arguments)) => print_api_key(arguments),
    }
}

async fn serve(file: ConfigFile) -> ExitCode {
    let parsed = match load(&file.config) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    telemetry::install(parsed.settings.log);
    print_problems(&parsed.problems);
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        return fail("signals cannot be listened to");
    };
    // The start may wait for Kubernetes, and the first process of a container has to end itself.
    let started = tokio::select! {
        started = App::start(&parsed, Clock::system()) => started,
        _ = terminate.recv() => return ExitCode::SUCCESS,
        _ = interrupt.recv() => return ExitCode::SUCCESS,
    };
    let (app, problems) = match started {
        Ok(started) => started,
        Err(StartError::NoPolicy(problems)) => {
            print_problems(&problems);
            return fail("no policy can be made of the resources");
        }
        Err(error) => return fail(&error.to_string()),
    };
    print_problems(&problems);
    let (reload, providers, documents) = (app.reload(), app.providers(), app.documents());
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            reload.notify_one();
            // Whoever knows of a withdrawn key does not wait for the next fetch.
            providers.refetch();
            documents.refetch();
        }
    });
    tracing::info!(
        grpc = ?parsed.settings.listen.grpc,
        admin = %parsed.settings.listen.admin,
        "listening"
    );
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new connections, what runs may end");
    };
    let workers = match Workers::one_a_core() {
        Ok(workers) => workers,
        Err(error) => return fail(&format!("no threads to answer checks: {error}")),
    };
    match app.run_on(workers, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

/// Reads the settings, or prints what is wrong with them.
fn load(file: &Path) -> Result<Parsed, ExitCode> {
    config::load(file).map_err(|error| match error {
        LoadError::Problems(problems) => {
            print_problems(&problems);
            fail("the settings do not hold")
        }
        unreadable @ LoadError::Unreadable { .. } => fail(&unreadable.to_string()),
    })
}

async fn print_lint(arguments: LintArgs) -> ExitCode {
    let parsed = match load(&arguments.file.config) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let mut problems = parsed.problems.clone();
    let mut loader = match Loader::once(&parsed).await {
        Ok(loader) => loader,
        Err(error) => return fail(&error.to_string()),
    };
    let mut loaded = loader.load();
    if loaded.is_ok() && !arguments.offline {
        match explain::described(&parsed, &mut loader).await {
            Ok(described) => loaded = described.map_or(loaded, Ok),
            Err(StartError::NoPolicy(found)) => loaded = Err(found),
            Err(error) => return fail(&error.to_string()),
        }
    }
    match loaded {
        Ok(loaded) => {
            problems.extend(loaded.problems);
            let documents = loader.documents().report(Clock::system().now());
            let policy = Policy {
                settings: &parsed.settings,
                places: &parsed.places,
                snapshot: &loaded.snapshot,
                held: &loaded.held,
            };
            problems.extend(lint(&policy));
            if !arguments.offline {
                problems.extend(lint_documents(&policy, &documents));
                match hear(&parsed, &loaded.snapshot).await {
                    Ok(heard) => problems.extend(lint_providers(&policy, &heard)),
                    Err(error) => return fail(&error.to_string()),
                }
            }
        }
        Err(found) => problems.extend(found),
    }
    problems.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let mut text: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    text.push_str(&format!("{errors} errors, {} warnings and notices\n", problems.len() - errors));
    print(&text, if errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// What the providers say of themselves, as far as they say it soon.
async fn hear(parsed: &Parsed, policy: &Snapshot) -> Result<Vec<IssuerStatus>, ProvidersError> {
    let providers = Providers::new(&parsed.settings.provider, Clock::system())?;
    providers.set_issuers(policy.issuers().into_iter().map(IssuerSource::from).collect());
    providers.first_fetches(parsed.settings.provider.timeout).await;
    let report = providers.report();
    let silent =
        |status: &&IssuerStatus| status.announces_s256.is_none() && status.jwks_url.is_none();
    for status in report.iter().filter(silent) {
        let why = status.last_error.as_deref().unwrap_or("no answer in time");
        complain(&format!("portcullis: not judged: what {} announces: {why}", status.issuer));
    }
    Ok(report)
}

async fn print_explanation(arguments: ExplainArgs) -> ExitCode {
    let parsed = match load(&arguments.file.config) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let question = Question {
        url: arguments.url,
        method: arguments.method,
        headers: arguments.headers,
        context: arguments.context,
        groups: arguments.groups,
        token: arguments.token,
    };
    match explain::explain(&parsed, &question).await {
        Ok(text) => print(&text, ExitCode::SUCCESS),
        Err(explain::ExplainError::Usage(what)) => {
            complain(&what);
            ExitCode::from(USAGE)
        }
        Err(explain::ExplainError::Start(StartError::NoPolicy(problems))) => {
            print_problems(&problems);
            fail("no policy can be made of the resources")
        }
        Err(explain::ExplainError::Start(error)) => fail(&error.to_string()),
    }
}

async fn print_replay(arguments: ReplayArgs) -> ExitCode {
    let new = match load(&arguments.file.config) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let old = match arguments.old.as_deref().map(load).transpose() {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let (files, each) = (&*arguments.recorded, arguments.each);
    let question = replay::Question { new: &new, old: old.as_ref(), files, each };
    match replay::replay(&question).await {
        Ok(report) => {
            let errors = report.problems().iter().filter(|problem| problem.is_error());
            errors.for_each(|problem| complain(&problem.to_string()));
            let same = report.changed() == 0;
            print(&report.to_string(), ExitCode::from(if same { 0 } else { FAILED }))
        }
        Err(ReplayError::Usage(what)) => {
            complain(&what);
            ExitCode::from(USAGE)
        }
        Err(ReplayError::Start(StartError::NoPolicy(problems))) => {
            print_problems(&problems);
            fail("no policy can be made of the resources")
        }
        Err(error) => fail(&error.to_string()),
    }
}

fn print_key() -> ExitCode {
    match random::sealing_key() {
        Ok(key) => print(&format!("{key}\n"), ExitCode::SUCCESS),
        Err(error) => fail(&error.to_string()),
    }
}

fn print_api_key(arguments: NewKeyArgs) -> ExitCode {
    let random = random::bytes::<32>().and_then(|key| Ok((key, random::bytes::<5>()?)));
    let (key, suffix) = match random {
        Ok((key, suffix)) => (api_key::mint(&Secret::new(key)), suffix),
        Err(error) => return fail(&error.to_string()),
    };
    let Ok(digest) = KeyDigest::of(key.expose()) else { return fail("no key was made") };
    let suffix: String = suffix.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = arguments.name.unwrap_or_else(|| format!("apikey-{suffix}"));
    let namespace = arguments.namespace.as_deref();
    let namespace = namespace.unwrap_or_else(|| arguments.environment.namespace());
    let secret = NewKey {
        name: ResourceName::new(&name, namespace),
        environment: arguments.environment.clone(),
        product: arguments.product,
        plan: arguments.plan,
        username: arguments.username,
        expires: arguments.expires,
        digest,
    };
    complain(&format!("The key, which is shown this once and kept nowhere:\n{}", key.expose()));
    print(&secret.to_string(), ExitCode::SUCCESS)
}

fn print_problems(problems: &[Problem]) {
    for problem in problems {
        complain(&problem.to_string());
    }
}

fn fail(what: &str) -> ExitCode {
    complain(&format!("portcullis: {what}"));
    ExitCode::from(FAILED)
}

/// Writes to stderr; where that is gone, nobody can be told.
fn complain(what: &str) {
    let _written = writeln!(io::stderr(), "{what}");
}

fn print(text: &str, code: ExitCode) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::from(FAILED),
    }
}
