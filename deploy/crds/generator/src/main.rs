//! Writes the CustomResourceDefinitions into a folder, or says which of those there are stale.

use portcullis_crds::Rendered;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (stale, done) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => (write(Path::new(folder)), "written"),
        ["check", folder] => (check(Path::new(folder)), "as generated"),
        _ => {
            eprintln!("usage: portcullis-crds write|check FOLDER");
            return ExitCode::from(64);
        }
    };
    match stale {
        Ok(stale) if stale.is_empty() => {
            println!("crds: {} files, {done}", portcullis_crds::all().len());
            ExitCode::SUCCESS
        }
        Ok(stale) => {
            for file in stale {
                eprintln!("crds: {file} is not what its types say; `make crds` writes it again");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("crds: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<Vec<String>> {
    for Rendered { file, text, .. } in portcullis_crds::all() {
        fs::write(folder.join(file), text)?;
    }
    Ok(Vec::new())
}

/// Files that are missing, differ, or are of no type any more.
fn check(folder: &Path) -> io::Result<Vec<String>> {
    let rendered = portcullis_crds::all();
    let mut stale = Vec::new();
    for Rendered { file, text, .. } in &rendered {
        if fs::read_to_string(folder.join(file)).ok().as_ref() != Some(text) {
            stale.push(file.clone());
        }
    }
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with("portal.gloo.solo.io_");
        if ours && !rendered.iter().any(|known| known.file == name) {
            stale.push(name);
        }
    }
    Ok(stale)
}
