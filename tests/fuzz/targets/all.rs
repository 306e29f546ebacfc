//! What is fuzzed: each target takes bytes and holds what comes of them against a property.

pub(crate) mod authority;
mod check;
mod claims;
mod cookies;
mod decode;
mod discovery;
mod headers;
mod jwks;
mod jwt;
mod openapi;
mod path;
mod resources;
mod return_to;
mod strict;
mod world;

#[expect(dead_code, reason = "the integration tests ask it for more")]
#[path = "../../it/support/answer.rs"]
mod answer;

/// One entry point for bytes of an attacker.
pub(crate) struct Target {
    /// Of the target, and of the folder with its corpus.
    pub(crate) name: &'static str,
    /// Panics where the property does not hold.
    pub(crate) run: fn(&[u8]),
    /// How many mutations `cargo test` tries.
    #[cfg_attr(not(test), expect(dead_code, reason = "libFuzzer counts for itself"))]
    pub(crate) runs: usize,
}

/// Every target.
pub(crate) const ALL: [Target; 12] = [
    Target { name: "check", run: check::run, runs: 2_000 },
    Target { name: "claims", run: claims::run, runs: 2_000 },
    Target { name: "cookies", run: cookies::run, runs: 20_000 },
    Target { name: "decode", run: decode::run, runs: 40_000 },
    Target { name: "discovery", run: discovery::run, runs: 10_000 },
    Target { name: "headers", run: headers::run, runs: 20_000 },
    Target { name: "jwks", run: jwks::run, runs: 10_000 },
    Target { name: "jwt", run: jwt::run, runs: 10_000 },
    Target { name: "openapi", run: openapi::run, runs: 5_000 },
    Target { name: "path", run: path::run, runs: 10_000 },
    Target { name: "resources", run: resources::run, runs: 2_000 },
    Target { name: "return_to", run: return_to::run, runs: 10_000 },
];
