//! What Envoy asks, as recorded by `make capture`, with placeholders where credentials belong.
//!
//! The messages are Envoy's own bytes: field order, map order and duplicates are as it sends them.
//! A credential is put in by rewriting only the fields around it.

mod splice;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

pub use splice::replace;

/// All recorded requests.
#[derive(Clone, Debug, Deserialize)]
pub struct Inputs {
    /// The version of Envoy that asked.
    pub envoy: String,
    /// Bytes of each kind of placeholder.
    pub placeholders: BTreeMap<String, usize>,
    inputs: Vec<Input>,
}

/// A recorded request.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// What it is called, and its file.
    pub name: String,
    /// What it stands for.
    pub what: String,
    /// How the gateway was set up, beside the demo's configuration.
    pub gateway: String,
    /// The request's method.
    pub method: String,
    /// The request's host, with its port.
    pub host: String,
    /// The request's path with query; it may hold placeholders.
    pub path: String,
    /// Bytes of the message.
    pub bytes: usize,
    /// Kinds of the placeholders in it.
    pub placeholders: Vec<String>,
    #[serde(skip)]
    message: Vec<u8>,
    #[serde(skip)]
    texts: BTreeMap<String, String>,
}

impl Inputs {
    /// Reads what is recorded.
    ///
    /// # Panics
    ///
    /// Where the record is not whole.
    #[must_use]
    pub fn load() -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let index = fs::read_to_string(folder.join("index.json")).expect("the index is there");
        let mut inputs: Self = serde_json::from_str(&index).expect("the index is whole");
        let texts: BTreeMap<String, String> = inputs
            .placeholders
            .iter()
            .map(|(kind, &bytes)| (kind.clone(), placeholder(kind, bytes)))
            .collect();
        for input in &mut inputs.inputs {
            let file = folder.join(format!("{}.bin", input.name));
            input.message = fs::read(file).expect("every input of the index is there");
            assert_eq!(input.message.len(), input.bytes, "{} is another one", input.name);
            let kinds = input.placeholders.iter();
            input.texts = kinds.map(|kind| (kind.clone(), texts[kind].clone())).collect();
        }
        inputs
    }

    /// The request of this name.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &Input {
        let found = self.inputs.iter().find(|input| input.name == name);
        found.unwrap_or_else(|| panic!("no input is called {name}"))
    }

    /// All of them, in the order of the index.
    pub fn iter(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter()
    }
}

impl Input {
    /// The `CheckRequest` as recorded, without a gRPC frame.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The `CheckRequest` with texts in place of the placeholders, as pairs of kind and text.
    ///
    /// # Panics
    ///
    /// Where the request holds no placeholder of a kind.
    #[must_use]
    pub fn with(&self, texts: &[(&str, &str)]) -> Vec<u8> {
        let pair = |&(kind, text)| -> (&str, &str) {
            let from = self.texts.get(kind);
            (from.unwrap_or_else(|| panic!("{} holds no {kind}", self.name)), text)
        };
        let pairs: Vec<(&str, &str)> = texts.iter().map(pair).collect();
        replace(&self.message, &pairs)
    }
}

/// As `capture/placeholders.mjs` makes them.
fn placeholder(kind: &str, bytes: usize) -> String {
    format!("{kind}.placeholder.").chars().cycle().take(bytes).collect()
}

#[cfg(test)]
mod tests;
