//! The commands, as processes.

use crate::support::Setup;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Where nobody answers.
pub(crate) const ISSUER: &str = "http://127.0.0.1:9/oauth2/default";

pub(crate) fn portcullis(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).args(arguments).output().expect("runs")
}

pub(crate) fn folder(setup: &Setup) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    setup.write(folder.path(), ISSUER);
    folder
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn keygen_prints_a_key_of_32_bytes_each_time_another() {
    use base64::Engine;
    let folder = tempfile::tempdir().expect("a folder");
    let mut keys = Vec::new();
    for _time in 0..2 {
        let run = portcullis(folder.path(), &["keygen"]);
        assert_eq!(run.status.code(), Some(0));
        let line = text(&run.stdout);
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        let key = base64::engine::general_purpose::STANDARD.decode(line.trim()).expect("base64");
        assert_eq!(key.len(), 32);
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn lint_says_that_all_is_well() {
    let folder = folder(&Setup::default());
    let run = portcullis(folder.path(), &["lint", "--config", "portcullis.yaml"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    assert!(text(&run.stdout).contains("0 errors"), "{}", text(&run.stdout));
}

#[test]
fn lint_names_file_line_and_field_of_every_problem() {
    let setup = Setup::default()
        .edit("groupClaimKey: groups", "groupClaimKey: {a: b}")
        .edit("groupNames: [PetstoreUsers]", "groupNames: {a: b}");
    let resources = setup.resources(ISSUER);
    let folder = folder(&setup);
    let run = portcullis(folder.path(), &["lint", "--config", "portcullis.yaml"]);
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stdout);
    for (part, path) in [
        ("groupClaimKey: {a", "spec.oidcAuth.groupClaimKey"),
        ("groupNames: {a", "spec.oidcGroup.groupNames"),
    ] {
        let line = resources.lines().position(|line| line.contains(part)).expect("a line") + 1;
        let want = format!("all.yaml:{line}: {path}: ");
        assert!(said.contains(&want), "{want}\n{said}");
    }
    assert!(!said.contains("hush"), "a secret");
}

#[test]
fn broken_settings_are_told_all_at_once_and_start_nothing() {
    let setup = Setup::default()
        .setting("session", "{lifetime: 40d}")
        .setting("tokens", "{clock_skew: 200s, unknown_key: 1}")
        .setting("nonsense", "1");
    let folder = folder(&setup);
    for command in ["serve", "lint"] {
        let run = portcullis(folder.path(), &[command, "--config", "portcullis.yaml"]);
        assert_eq!(run.status.code(), Some(1), "{command}");
        let said = text(&run.stderr);
        for part in ["session.lifetime", "tokens.clock_skew", "tokens.unknown_key", "nonsense"] {
            let named = said
                .lines()
                .any(|line| line.starts_with("portcullis.yaml:") && line.contains(part));
            assert!(named, "{command}: {part}: {said}");
        }
    }
    let run = portcullis(folder.path(), &["serve", "--config", "missing.yaml"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).contains("missing.yaml"));
}

#[test]
fn sealing_keys_that_are_none_start_nothing() {
    let folder = folder(&Setup::default());
    let keys =
        ["", "short\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "not base64 at all!\n"];
    for key in keys {
        std::fs::write(folder.path().join("session.keys"), key).expect("written");
        let run = portcullis(folder.path(), &["serve", "--config", "portcullis.yaml"]);
        assert_eq!(run.status.code(), Some(1), "{key:?}");
        assert!(text(&run.stderr).contains("session.keys"), "{}", text(&run.stderr));
        assert!(key.len() < 5 || !text(&run.stderr).contains(key.trim()), "the key is printed");
    }
}

#[test]
fn bad_usage_exits_64() {
    let folder = folder(&Setup::default());
    let config = ["--config", "portcullis.yaml"];
    let cases: [&[&str]; 7] = [
        &[],
        &["nonsense"],
        &["serve"],
        &["lint", "--nonsense"],
        &["explain", "--config", "portcullis.yaml"],
        &["explain", config[0], config[1], "--url", "nonsense"],
        &["explain", config[0], config[1], "--url", "http://h/", "--groups", "a", "--token", "b"],
    ];
    for arguments in cases {
        let run = portcullis(folder.path(), arguments);
        assert_eq!(run.status.code(), Some(64), "{arguments:?}: {}", text(&run.stderr));
    }
    assert_eq!(portcullis(folder.path(), &["--help"]).status.code(), Some(0));
}

#[test]
fn explain_prints_the_steps_of_a_decision() {
    let folder = folder(&Setup::default());
    let explain = |groups: &str| {
        let url = "http://api.petstore.localhost:10000/pets";
        let arguments =
            ["explain", "--config", "portcullis.yaml", "--url", url, "--groups", groups];
        let run = portcullis(folder.path(), &arguments);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        text(&run.stdout)
    };
    let granted = explain("PetstoreUsers,Other");
    for part in
        ["dev.default", "petstore-product.default", "PetstoreUsers", "granted", "x-user-groups"]
    {
        assert!(granted.contains(part), "{part}: {granted}");
    }
    let refused = explain("petstoreusers");
    for part in ["403", "not_granted"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn explain_judges_like_the_service_without_a_credential() {
    let folder = folder(&Setup::default());
    for (url, want) in [
        ("http://api.petstore.localhost:10000/pets", "401"),
        ("http://evil.localhost/", "no_route"),
    ] {
        let run =
            portcullis(folder.path(), &["explain", "--config", "portcullis.yaml", "--url", url]);
        assert!(
            text(&run.stdout).contains(want),
            "{url}: {}{}",
            text(&run.stdout),
            text(&run.stderr)
        );
    }
}

#[test]
fn serve_ends_well_on_sigterm_and_writes_json_lines() {
    let folder = folder(&Setup::default().setting("log", "{level: info}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder.path()).args(["serve", "--config", "portcullis.yaml"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("runs");
    let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    let first = lines.find(|line| line.contains("listening")).expect("it says that it listens");
    let first: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    assert!(first.is_object());
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    assert!(rest.iter().any(|line| line.contains("stopping")), "{rest:?}");
}

#[test]
fn serve_loads_again_on_sighup() {
    let folder = folder(&Setup::default().setting("log", "{level: info}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder.path()).args(["serve", "--config", "portcullis.yaml"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("runs");
    let lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut lines = lines.map(|line| line.expect("text"));
    lines.find(|line| line.contains("listening")).expect("it says that it listens");
    for (signal, said) in [("-HUP", "reload"), ("-TERM", "stopping")] {
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
        lines.find(|line| line.contains(said)).expect(said);
    }
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn apikey_new_shows_the_key_once_and_its_secret_is_taken() {
    let folder = folder(&crate::api_keys::setup());
    let arguments = [
        "apikey",
        "new",
        "--environment",
        "dev.default",
        "--product",
        "petstore-product.default",
        "--plan",
        "basic",
        "--username",
        "O'Neil: \"x\"",
        "--expires",
        "2099-01-01T00:00:00+01:00",
    ];
    let mut keys = Vec::new();
    for _time in 0..2 {
        let run = portcullis(folder.path(), &arguments);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let (yaml, told) = (text(&run.stdout), text(&run.stderr));
        let key = told.lines().last().expect("the key").to_owned();
        assert!(key.starts_with("portcullis_") && key.len() == 60, "{told}");
        assert!(!yaml.contains(&key) && yaml.contains("api-key-digest"), "{yaml}");
        for part in [
            "type: extauth.solo.io/apikey",
            "namespace: \"default\"",
            "2098-12-31T23:00:00Z",
            "usageplans.portal.gloo.solo.io: \"basic\"",
        ] {
            assert!(yaml.contains(part), "{yaml}");
        }
        std::fs::write(folder.path().join(format!("portal/key-{}.yaml", keys.len())), &yaml)
            .expect("written");
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
    let lint = portcullis(folder.path(), &["lint", "--config", "portcullis.yaml", "--offline"]);
    assert_eq!(lint.status.code(), Some(0), "{}", text(&lint.stdout));
    let explain = |key: &str, url: &str| {
        let header = format!("api-key: {key}");
        let run = portcullis(
            folder.path(),
            &["explain", "--config", "portcullis.yaml", "--url", url, "--header", &header],
        );
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let said = text(&run.stdout);
        assert!(!said.contains(key), "{said}");
        said
    };
    let url = "http://api.petstore.localhost:10000/pets/1";
    for key in &keys {
        let said = explain(key, url);
        for part in [
            "credential  API key",
            "identity    apikey-",
            "usage plan  basic, 5 a MINUTE",
            "allow (granted)",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
    let said = explain(&keys[0], "http://api.petstore.localhost:10000/store/1");
    assert!(
        said.contains("deny (not_granted)") && said.contains("is for something else"),
        "{said}"
    );
    let said = explain("nobodys", url);
    assert!(said.contains("401") && said.contains("no such API key"), "{said}");
}

#[test]
fn apikey_new_refuses_what_no_secret_could_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        ("dev", "p.default", "basic", "a"),
        ("Dev.default", "p.default", "basic", "a"),
        ("dev.default", "p", "basic", "a"),
        ("dev.default", "p.default", "", "a"),
        ("dev.default", "p.default", "basic ", "a"),
        ("dev.default", "p.default", "basic", "A"),
        ("dev.default", "p.default", "ba\nsic", "a"),
    ];
    for (environment, product, plan, name) in cases {
        let arguments = [
            "apikey",
            "new",
            "--environment",
            environment,
            "--product",
            product,
            "--plan",
            plan,
            "--name",
            name,
        ];
        let run = portcullis(folder.path(), &arguments);
        assert_eq!(run.status.code(), Some(64), "{arguments:?}");
        assert!(run.stdout.is_empty() && !text(&run.stderr).contains("portcullis_"));
    }
}

#[test]
fn lint_names_both_secrets_of_one_key_and_never_the_key() {
    let again =
        crate::api_keys::secret("again", &format!("api-key: {}", crate::api_keys::PLAIN), "");
    let folder = folder(&crate::api_keys::setup().add(&again));
    let run = portcullis(folder.path(), &["lint", "--config", "portcullis.yaml", "--offline"]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("Secret plain.keys") && said.contains("Secret again.keys"), "{said}");
    assert!(!said.contains(crate::api_keys::PLAIN), "{said}");
}
