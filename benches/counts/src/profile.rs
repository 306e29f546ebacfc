//! Where instructions go, by whose code it is: a callgrind profile summed up by crates.

use std::collections::{BTreeMap, HashMap};

/// Crates that carry a check to us and its answer back.
const TRANSPORT: [&str; 14] = [
    "bytes",
    "futures-util",
    "h2",
    "http",
    "http-body",
    "httparse",
    "hyper",
    "hyper-util",
    "indexmap",
    "mio",
    "slab",
    "tokio",
    "tokio-util",
    "want",
];
/// What they are shown as, with the rest.
const GROUPS: [(&str, &[&str]); 4] = [
    ("HTTP/2 and the runtime", &TRANSPORT),
    ("ciphers and signatures", &["aws-lc", "aws-lc-rs", "aws-lc-sys", "jsonwebtoken"]),
    ("memory asked for and given back", &["libmimalloc-sys", "mimalloc"]),
    ("Portcullis", &["portcullis"]),
];
const COPIES: &str = "memory copied and compared";
const OTHERS: &str = "other crates";

/// The instructions of a profile by group. Of the standard library, which is inlined everywhere, they
/// count for whose function they stand in.
pub(crate) fn shares(profile: &str) -> BTreeMap<String, u64> {
    let (mut files, mut functions) = (HashMap::new(), HashMap::new());
    let (mut file, mut function) = (String::new(), String::new());
    let mut shares = BTreeMap::new();
    let mut is_of_a_call = false;
    for line in profile.lines() {
        if let Some((key, name)) = line.split_once('=') {
            match key {
                "fl" | "fi" | "fe" => file = named(&mut files, name),
                "fn" => function = named(&mut functions, name),
                // Named here, and perhaps by number alone later on.
                "cfi" | "cfl" => drop(named(&mut files, name)),
                "cfn" => drop(named(&mut functions, name)),
                "calls" => is_of_a_call = true,
                _ => {}
            }
            continue;
        }
        let is_cost = line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c));
        let Some(cost) = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()) else {
            continue;
        };
        if is_cost && !std::mem::take(&mut is_of_a_call) {
            *shares.entry(group(&file, &function).to_owned()).or_default() += cost;
        }
    }
    shares
}

/// A name that is written out once, and goes by its number from then on.
fn named(known: &mut HashMap<String, String>, text: &str) -> String {
    match text.split_once(' ') {
        Some((number, name)) => {
            known.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        None => known.get(text).cloned().unwrap_or_default(),
    }
}

fn group(file: &str, function: &str) -> &'static str {
    let name = if file.contains("memmove") || file.contains("memcmp") || file.contains("memset") {
        return COPIES;
    } else if file.contains("aws-lc") || function.starts_with("aws_lc") {
        "aws-lc"
    } else if let Some(behind) = file.split("/registry/src/").nth(1) {
        // <index>/<name>-<version>/…
        let folder = behind.split('/').nth(1).unwrap_or_default();
        folder.rsplit_once('-').map_or(folder, |(name, _version)| name)
    } else {
        let path = function.trim_start_matches(['<', '&', '*']);
        match path.split("::").next().unwrap_or_default() {
            "core" | "alloc" | "std" | "" if !file.contains("/rustc/") => "portcullis",
            name => name,
        }
    };
    let name = name.replace('_', "-");
    let found = GROUPS.iter().find(|(_, crates)| crates.contains(&name.as_str()));
    found.map_or(OTHERS, |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_by_whose_code_it_is_and_leaves_out_what_is_called() {
        let profile = "\
            fl=(1) /home/x/registry/src/index/h2-0.4.20/src/lib.rs\n\
            fn=(1) h2::poll\n\
            1 10\n\
            fi=(2) /rustc/abc/library/core/src/num/mod.rs\n\
            +1 5\n\
            cfi=(3) ./memmove-vec.S\n\
            cfn=(2) __memcpy\n\
            calls=1 3\n\
            * 1000\n\
            fl=(3)\n\
            fn=(2)\n\
            1 7\n\
            fl=(4) /home/x/src/check.rs\n\
            fn=(3) portcullis::check::decide\n\
            1 3\n\
            fi=(2)\n\
            -2 4\n\
            fl=(5) /home/x/registry/src/index/simdutf8-0.1.5/src/lib.rs\n\
            fn=(4) simdutf8::validate\n\
            1 2\n\
            totals: 31\n";
        let want = [
            ("HTTP/2 and the runtime", 15),
            ("Portcullis", 7),
            ("memory copied and compared", 7),
            ("other crates", 2),
        ];
        let want: BTreeMap<_, _> =
            want.into_iter().map(|(group, cost)| (group.to_owned(), cost)).collect();
        assert_eq!(shares(profile), want);
    }
}
