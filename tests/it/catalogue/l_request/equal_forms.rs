//! L39: whatever is allowed for a product is, however a server behind us reads it, a path of that
//! product.

use portcullis::attributes::{Attributes, Context, Headers, Host, Method, RequestPath};
use portcullis::config::Routing;
use portcullis::name::ResourceName;
use portcullis::policy::{
    Environment, EnvironmentId, Parts, Product, Products, Route, SharedSet, Site, Snapshot,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// How many paths are tried; `L39_PATHS` in the environment says another number.
const PATHS: u32 = 30_000;

/// Base paths of an Environment's products. The second one has a product for everything else.
const NESTED: [&str; 4] = ["/pets", "/pets/bank", "/vault", "/v1/a"];
const ROOTED: [&str; 3] = ["", "/pets", "/vault/a"];

/// What most paths are made of.
const TAME: [&str; 16] = [
    "/", "/", "/", "/", "pets", "bank", "vault", "v1", "a", "/pets", "/a", "b.c", "?", "%70ets",
    "%20x", "/bank",
];
/// And what attackers put between.
const WILD: [&str; 60] = [
    "/",
    "/",
    "//",
    ".",
    "..",
    "/..",
    "/../",
    "/./",
    "%2e",
    "%2E",
    "%2e%2e",
    "/%2e%2e/",
    ".%2e",
    "%2f",
    "%2F",
    "..%2f",
    "%5c",
    "%5C",
    "\\",
    "/..\\",
    ";",
    ";x=1",
    "..;",
    "/..;/",
    "%3b",
    ".;",
    "%25",
    "%252e",
    "%252f",
    "%2",
    "%",
    "%zz",
    "%00",
    "%0a",
    "%3f",
    "%3F",
    "?",
    "#",
    "%23",
    "%20",
    " ",
    "%c0%ae",
    "%ff",
    "%c3%a4",
    "\u{e4}",
    "\u{ff0f}",
    "%ef%bc%8f",
    "%ef%bc%8e",
    "%e2%80%a6",
    "PETS",
    "Vault",
    "...",
    "%2570ets",
    "p",
    "ets",
    "/pets",
    "/bank",
    "vault",
    "%62ank",
    "\t",
];

fn paths() -> impl Strategy<Value = String> {
    let of = |pieces: &'static [&'static str], most: usize| {
        prop::collection::vec(select(pieces), 0..most).prop_map(|pieces| pieces.concat())
    };
    // A tame beginning has most wild paths reach a product at all.
    let wild = (of(&TAME, 4), of(&WILD, 5), of(&TAME, 3)).prop_map(|(a, b, c)| a + &b + &c);
    prop_oneof![2 => of(&TAME, 8), 3 => wild].prop_map(|path| match path.strip_prefix('/') {
        Some(_) => path,
        None => format!("/{path}"),
    })
}

fn environment(bases: &[&str]) -> Snapshot {
    let product = |base: &&str| {
        let base_path = base.split('/').skip(1).map(str::to_owned).collect();
        Product::new(ResourceName::new(base, "default"), base_path, Vec::new())
    };
    let environment = Environment {
        name: ResourceName::new("dev", "default"),
        hosts: BTreeSet::new(),
        products: Products::new(bases.iter().map(product).collect(), []),
        portals: SharedSet::default(),
        routing: Routing::Auto,
        audiences: BTreeSet::new(),
        plans: BTreeMap::new(),
        plan_issuers: Vec::new(),
        group_claim: None,
        is_published_by_left_out: false,
    };
    Parts { environments: vec![environment], ..Parts::default() }.into()
}

/// The product that we take a path to be of; `None` where it is refused.
fn judged(snapshot: &Snapshot, path: &str) -> Option<String> {
    let attributes = Attributes {
        source: portcullis::attributes::Source::default(),
        host: Host::parse("api.example.com").expect("a host"),
        method: Method::Get,
        path: RequestPath::parse(path)?,
        headers: Headers::none(),
        context: Context::default(),
        body: &[],
    };
    match snapshot.route(Site::Environment(EnvironmentId(0)), &attributes).ok()? {
        Route::Product { product, .. } => Some(product.name.name().to_owned()),
        Route::Portal(..) => None,
    }
}

/// One of Envoy's settings; what it sends on is what it asks us about.
#[derive(Clone, Copy, Debug)]
struct Envoy {
    normalize: bool,
    merge: bool,
    unescape: bool,
    reject_escaped: bool,
    /// From 1.39.1 (CVE-2026-73551) `..;` is a dot segment.
    dots_with_parameters: bool,
}

impl Envoy {
    fn all() -> Vec<Self> {
        let bits = |at: u8| Self {
            normalize: at & 1 != 0,
            merge: at & 2 != 0,
            unescape: at & 4 != 0,
            reject_escaped: at & 8 != 0,
            dots_with_parameters: at & 16 != 0,
        };
        // `..;` is looked at in normalizing alone; an escaped slash is turned or refused.
        let exist = |envoy: &Self| {
            (envoy.normalize || !envoy.dots_with_parameters)
                && !(envoy.unescape && envoy.reject_escaped)
        };
        (0..32).map(bits).filter(exist).collect()
    }

    /// The path that is sent on; `None` where Envoy refuses it.
    fn sends(self, raw: &str) -> Option<String> {
        if raw.contains('#') {
            return None;
        }
        let (path, query) = raw.split_at(raw.find('?').unwrap_or(raw.len()));
        let lower = path.to_ascii_lowercase();
        let mut path = path.to_owned();
        if self.reject_escaped && (lower.contains("%2f") || lower.contains("%5c")) {
            return None;
        }
        if self.unescape {
            for (escaped, plain) in [("%2f", "/"), ("%2F", "/"), ("%5c", "\\"), ("%5C", "\\")] {
                path = path.replace(escaped, plain);
            }
        }
        if self.normalize {
            if lower.contains("%00") {
                return None;
            }
            path = self.normalized(&path);
        }
        if self.merge {
            while path.contains("//") {
                path = path.replace("//", "/");
            }
        }
        Some(path + query)
    }

    /// Unreserved characters unescaped, backslashes turned, dot segments resolved; empty ones stay.
    fn normalized(self, path: &str) -> String {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let path = decoded(path.as_bytes(), unreserved);
        let path = String::from_utf8_lossy(&path).replace('\\', "/");
        let mut kept: Vec<&str> = Vec::new();
        let inside = path.strip_prefix('/').unwrap_or(&path);
        let count = inside.split('/').count();
        for (at, segment) in inside.split('/').enumerate() {
            let name = segment.split(';').next().unwrap_or_default();
            let dots = if self.dots_with_parameters { name } else { segment };
            match dots {
                "." | ".." => {
                    if dots == ".." {
                        kept.pop();
                    }
                    if at + 1 == count {
                        kept.push("");
                    }
                }
                _ => kept.push(segment),
            }
        }
        format!("/{}", kept.join("/"))
    }
}

/// Unescapes what `wanted` says, and leaves the rest.
fn decoded(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value.filter(|value| *byte == b'%' && wanted(*value)) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// How a server behind us may read what it gets.
#[derive(Clone, Copy, Debug)]
struct Reading {
    decodes: u8,
    cuts: bool,
    turns_backslashes: bool,
    strips_parameters: bool,
    merges: bool,
}

impl Reading {
    fn all() -> Vec<Self> {
        let bits = |at: u8| Self {
            decodes: at % 3,
            cuts: (at / 3) & 1 != 0,
            turns_backslashes: (at / 3) & 2 != 0,
            strips_parameters: (at / 3) & 4 != 0,
            merges: (at / 3) & 8 != 0,
        };
        (0..48).map(bits).collect()
    }

    /// The product of a path that is read so.
    fn product<'b>(self, sent: &str, bases: &[&'b str]) -> Option<&'b str> {
        let path = sent.split('?').next().unwrap_or_default();
        let mut bytes = path.as_bytes().to_vec();
        for _time in 0..self.decodes {
            bytes = decoded(&bytes, |_| true);
        }
        if self.cuts {
            let end = bytes.iter().position(|byte| b"?#\0".contains(byte));
            bytes.truncate(end.unwrap_or(bytes.len()));
        }
        let is_slash = |byte: &u8| *byte == b'/' || (self.turns_backslashes && *byte == b'\\');
        let mut kept: Vec<&[u8]> = Vec::new();
        for segment in bytes.strip_prefix(b"/").unwrap_or(&bytes).split(is_slash) {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            let segment = if self.strips_parameters { name } else { segment };
            match segment {
                b"." => {}
                b".." => drop(kept.pop()),
                b"" if self.merges => {}
                _ => kept.push(segment),
            }
        }
        let is_below = |base: &&&str| {
            let mut base = base.split('/').skip(1).map(str::as_bytes);
            let mut kept = kept.iter().copied();
            base.all(|segment| kept.next() == Some(segment))
        };
        bases.iter().filter(is_below).max_by_key(|base| base.matches('/').count()).copied()
    }
}

#[test]
fn l39_what_is_allowed_is_a_path_of_the_product_however_it_is_read() {
    let number = std::env::var_os("L39_PATHS").and_then(|text| text.to_str()?.parse().ok());
    let config =
        Config { cases: number.unwrap_or(PATHS), failure_persistence: None, ..Config::default() };
    let policies = [&NESTED[..], &ROOTED[..]].map(|bases| (bases, environment(bases)));
    let (envoys, readings) = (Envoy::all(), Reading::all());
    let (allowed, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let judge = |raw: String| {
        let sent: BTreeSet<String> = envoys.iter().filter_map(|envoy| envoy.sends(&raw)).collect();
        for ((bases, policy), sent) in
            policies.iter().flat_map(|p| sent.iter().map(move |s| (p, s)))
        {
            let Some(product) = judged(policy, sent) else {
                refused.set(refused.get() + 1);
                continue;
            };
            allowed.set(allowed.get() + 1);
            // A second gateway behind this one reads by its own settings first.
            let again: BTreeSet<String> =
                envoys.iter().filter_map(|envoy| envoy.sends(sent)).collect();
            for (sent, reading) in again.iter().flat_map(|s| readings.iter().map(move |r| (s, r))) {
                let read = reading.product(sent, bases);
                if read != Some(product.as_str()) {
                    let text = format!(
                        "{raw:?}, sent as {sent:?}: {product:?} and {read:?} by {reading:?}"
                    );
                    return Err(TestCaseError::fail(text));
                }
            }
        }
        Ok(())
    };
    TestRunner::new(config).run(&paths(), judge).expect("one reading");
    let (allowed, refused) = (allowed.get(), refused.get());
    println!("L39: {allowed} allowed, {refused} refused");
    let share = f64::from(allowed) / f64::from(allowed + refused);
    assert!((0.15..0.85).contains(&share), "{allowed} allowed, {refused} refused");
}

#[test]
fn l39_the_model_reads_as_envoy_does() {
    let envoy = |normalize, merge, unescape, reject_escaped, dots_with_parameters| Envoy {
        normalize,
        merge,
        unescape,
        reject_escaped,
        dots_with_parameters,
    };
    let none = envoy(false, false, false, false, false);
    let normal = envoy(true, false, false, false, false);
    let merging = envoy(true, true, false, false, false);
    let forward = envoy(true, true, true, false, false);
    let reject = envoy(true, true, false, true, false);
    let newer = envoy(true, true, false, false, true);
    // The table that was measured on Envoy.
    let cases: [(&str, [Option<&str>; 6]); 7] = [
        (
            "/%61dmin",
            [
                Some("/%61dmin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
            ],
        ),
        (
            "/a/%2e%2e/admin",
            [
                Some("/a/%2e%2e/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
            ],
        ),
        (
            "/a\\..\\admin",
            [
                Some("/a\\..\\admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
            ],
        ),
        (
            "/a/..%2fadmin",
            [
                Some("/a/..%2fadmin"),
                Some("/a/..%2fadmin"),
                Some("/a/..%2fadmin"),
                Some("/admin"),
                None,
                Some("/a/..%2fadmin"),
            ],
        ),
        (
            "//admin",
            [
                Some("//admin"),
                Some("//admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
                Some("/admin"),
            ],
        ),
        (
            "/a/..;/admin",
            [
                Some("/a/..;/admin"),
                Some("/a/..;/admin"),
                Some("/a/..;/admin"),
                Some("/a/..;/admin"),
                Some("/a/..;/admin"),
                Some("/admin"),
            ],
        ),
        ("/admin%00", [Some("/admin%00"), None, None, None, None, None]),
    ];
    for (raw, want) in cases {
        let got = [none, normal, merging, forward, reject, newer].map(|envoy| envoy.sends(raw));
        assert_eq!(got.each_ref().map(Option::as_deref), want, "{raw}");
    }
    let strict = Reading {
        decodes: 2,
        cuts: true,
        turns_backslashes: true,
        strips_parameters: true,
        merges: true,
    };
    for path in ["/pets%252f..%255cvault", "/x/..;y/vault/a", "/x/%2e%2e//vault/", "/vault%3fa"] {
        assert_eq!(strict.product(path, &NESTED), Some("/vault"), "{path}");
    }
}
