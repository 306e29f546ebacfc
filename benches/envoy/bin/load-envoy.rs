//! `make load-envoy`: `load-envoy PORTCULLIS REFERENCE RESULTS`.

#![expect(clippy::disallowed_methods, reason = "the make target is steered by its environment")]

use portcullis_load::bundle::{Amounts, Bundle, List};
use portcullis_load::claims::{CLIENT, GROUP};
use portcullis_load::failure::{Outcome, expect};
use portcullis_load::place::{Address, Place, free_port};
use portcullis_load::process::{Server, get, has_taskset, pin_self};
use portcullis_load_envoy::callers::Callers;
use portcullis_load_envoy::engine::Engine;
use portcullis_load_envoy::gateway::{Gateway, Listener, Tokens};
use portcullis_load_envoy::ratio::Verdict;
use portcullis_load_envoy::rounds::Bench;
use portcullis_load_envoy::settings::Settings;
use portcullis_load_envoy::variant::{ALL, Variant};
use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

/// Client and upstream.
const OURS: usize = 0;
/// Envoy and the authorizers.
const THEIRS: usize = 1;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("load-envoy: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether no gate failed.
fn run() -> Outcome<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [portcullis, reference, results] = arguments.as_slice() else {
        return Err("usage: load-envoy PORTCULLIS REFERENCE RESULTS".into());
    };
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 || !has_taskset() || !pin_self(OURS) {
        return Err("needs two cores, and `taskset` of util-linux to give them out".into());
    }
    let results = Path::new(results);
    std::fs::create_dir_all(results)?;
    eprintln!("signing tokens, or reading those of the last run");
    let (bundle, _provider) =
        Bundle::ready(&results.join("load-envoy.tokens"), amounts(settings.callers))?;
    let port = bundle.issuer.split(':').nth(2).and_then(|rest| rest.split('/').next());
    let provider = expect(port.and_then(|port| port.parse::<u16>().ok()), "no port in the issuer")?;
    let (_, jwks) = get(([127, 0, 0, 1], provider).into(), "/oauth2/default/v1/keys")?;

    let mut places: Vec<Place> = Vec::new();
    let mut servers = HashMap::new();
    let mut callers = HashMap::new();
    let mut listeners = Vec::new();
    for variant in ALL {
        let server = match variant {
            Variant::Open | Variant::InProcess => None,
            Variant::Reference(transport, _) => {
                Some(Server::reference(Path::new(reference), transport, 1, Some(THEIRS))?)
            }
            Variant::Portcullis(transport, _) => {
                places.push(Place::lay(transport, provider)?);
                let place = expect(places.last(), "a place was laid")?;
                Some(Server::portcullis(Path::new(portcullis), place, Some(THEIRS))?)
            }
        };
        let authorizer: Option<Address> = server.as_ref().map(|server| server.address.clone());
        listeners.push(Listener { variant, address: free_port()?, authorizer });
        servers.extend(server.map(|server| (variant.name(), server)));
        callers.insert(variant.name(), Callers::new(&bundle, settings.seed)?);
    }
    let engine = Engine::new()?;
    let (issuer, jwks) = (bundle.issuer.clone(), jwks);
    let tokens = Tokens { issuer, audience: CLIENT.to_owned(), jwks, group: GROUP.to_owned() };
    let gateway = Gateway::start(engine.upstream()?, &listeners, &tokens, THEIRS)?;
    let users = bundle.tokens(List::Users).len();
    let mut bench = Bench { engine, gateway, listeners, servers, callers, users };
    let measured = bench.measure(&settings, &|text| eprintln!("{text}"))?;

    println!("{}", measured.text(&settings));
    let file = results.join("load-envoy.json");
    std::fs::write(&file, format!("{:#}\n", measured.json(&settings)))?;
    println!("every round: {}", file.display());
    Ok(measured.lines().iter().all(|line| line.verdict() != Some(Verdict::Fail)))
}

/// Of users alone: nobody is refused here, and nothing is signed by ES256.
const fn amounts(users: usize) -> Amounts {
    Amounts { users, fresh: 2 * users, users_es256: 0, strangers: 0 }
}
