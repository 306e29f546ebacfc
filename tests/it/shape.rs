//! The shape of the source: a module names only those above it in `lib.rs`, and each outside crate
//! has one door.

use std::fs;
use std::path::{Path, PathBuf};

/// The only places that may name a crate.
const DOORS: [(&str, &str); 9] = [
    ("base64_simd::", "src/base64url"),
    ("envoy_types::", "src/envoy"),
    ("hashbrown::", "src/policy"),
    ("jsonwebtoken::", "src/token"),
    ("kube::", "src/manifest/watch"),
    ("moka::", "src/store"),
    ("quick_cache::", "src/store"),
    ("reqwest::", "src/provider"),
    ("saphyr_parser::", "src/document"),
];

#[test]
fn every_module_names_only_those_above_it() {
    let lib = read(Path::new("src/lib.rs"));
    let module = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    let modules: Vec<String> = lib.lines().filter_map(module).collect();
    assert!(modules.len() > 20, "lib.rs lists {} modules", modules.len());
    let mut faults = Vec::new();
    for file in rust_files(Path::new("src")) {
        let name = file.display().to_string();
        let below = |module: &&String| name.starts_with(&format!("src/{module}"));
        let of_file = modules.iter().filter(below).max_by_key(|module| module.len());
        let Some(own) = modules.iter().position(|module| Some(module) == of_file) else { continue };
        let text = read(&file);
        for above in &modules[own + 1..] {
            if text.contains(&format!("crate::{above}::")) && !name.contains("tests") {
                faults.push(format!("{name} names {above}, which stands below it in lib.rs"));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_outside_crate_has_one_door() {
    let mut faults = Vec::new();
    for file in rust_files(Path::new("src")) {
        let (name, text) = (file.display().to_string(), read(&file));
        for (named, door) in DOORS {
            if text.contains(named) && !name.starts_with(door) {
                faults.push(format!("{name} names {named}, whose door is {door}"));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// Row P20: with both back-ends of jsonwebtoken, or none, a signature cannot be verified at all.
#[test]
fn p20_one_tls_and_one_cryptography_are_in_the_tree() {
    let arguments =
        ["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none"];
    let mut tree = std::process::Command::new(env!("CARGO"));
    let tree = tree.args(arguments).args(["--format", "{p} features={f}"]).output().expect("runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("text");
    let features = |name: &str| {
        let line = tree.lines().find(|line| line.split(' ').next() == Some(name))?;
        Some(line.split_once("features=")?.1.split(' ').next()?.to_owned())
    };
    for other in ["ring", "openssl", "openssl-sys", "native-tls", "boring", "rustls-rustcrypto"] {
        assert_eq!(features(other), None, "{other} beside rustls and aws-lc-rs");
    }
    assert_eq!(features("jsonwebtoken").as_deref(), Some("aws_lc_rs,use_pem"));
    // And the start says which one, and tries it, before anything else.
    let app = read(Path::new("src/app.rs"));
    let start =
        app.split_once("pub async fn start(").and_then(|(_, start)| start.split_once("{\n"));
    assert!(start.is_some_and(|(_, body)| body.trim().starts_with("token::self_test()?;")));
    let rustls = features("rustls").expect("rustls is there");
    assert!(rustls.contains("aws_lc_rs") && !rustls.contains("ring"), "{rustls}");
}

#[test]
fn every_file_says_first_what_lives_there() {
    let files = rust_files(Path::new("src"));
    let mute = files.iter().filter(|file| !read(file).starts_with("//! "));
    let mute: Vec<_> = mute.filter(|file| !file.display().to_string().contains("tests")).collect();
    assert!(mute.is_empty(), "{mute:?}");
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a source file is readable")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a source folder is readable");
    let paths = entries.map(|entry| entry.expect("a folder entry is readable").path());
    paths
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
