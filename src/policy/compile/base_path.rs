//! `basePath` with its placeholders.
//!
//! Pure: no I/O, no clock.

use crate::attributes::RequestPath;
use std::collections::BTreeMap;

/// What stands in for placeholders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    /// `{%version%}`
    pub(super) version: Option<&'a str>,
    /// `{%label:x%}`
    pub(super) labels: &'a BTreeMap<String, String>,
}

/// The segments of a base path, or what is wrong with it.
pub(super) fn expand(template: &str, values: &Values<'_>) -> Result<Vec<String>, String> {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, placeholder)) = rest.split_once("{%") {
        let (name, after) =
            placeholder.split_once("%}").ok_or_else(|| "expected %} behind {%".to_owned())?;
        path.push_str(before);
        path.push_str(value(name.trim(), values)?);
        rest = after;
    }
    path.push_str(rest);
    segments(&path)
}

fn value<'a>(name: &str, values: &Values<'a>) -> Result<&'a str, String> {
    if name == "version" {
        return values.version.ok_or_else(|| "expected a version for {%version%}".to_owned());
    }
    let label = name.strip_prefix("label:").map(str::trim);
    let label = label
        .ok_or_else(|| format!("expected {{%version%}} or {{%label:…%}}, found {{%{name}%}}"))?;
    let value = values.labels.get(label).map(String::as_str);
    value.ok_or_else(|| format!("expected a label {label} for {{%label:{label}%}}"))
}

/// Splits it as request paths are split, so that the two can be compared.
fn segments(path: &str) -> Result<Vec<String>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = RequestPath::parse(path).filter(|parsed| parsed.query().is_none());
    let parsed = parsed.ok_or_else(|| {
        "expected a path that begins with / and has no dots, escapes or empty segments".to_owned()
    })?;
    Ok(parsed.segments().iter().map(|segment| segment.clone().into_owned()).collect())
}

/// Says what is wrong with a template whatever its values.
pub(super) fn check(template: &str) -> Result<(), String> {
    let mut labels = BTreeMap::new();
    for placeholder in template.split("{%").skip(1) {
        if let Some((name, _)) = placeholder.split_once("%}")
            && let Some(label) = name.trim().strip_prefix("label:")
        {
            labels.insert(label.trim().to_owned(), "x".to_owned());
        }
    }
    expand(template, &Values { version: Some("x"), labels: &labels }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_placeholders_into_segments() {
        let labels = BTreeMap::from([("team".to_owned(), "pets".to_owned())]);
        let cases: [(&str, Option<&[&str]>); 16] = [
            ("", Some(&[])),
            ("/", Some(&[])),
            ("/api", Some(&["api"])),
            ("/api/", Some(&["api"])),
            ("/api/{%version%}", Some(&["api", "v1"])),
            ("/{%label:team%}/{% version %}/x", Some(&["pets", "v1", "x"])),
            ("/x-{%version%}", Some(&["x-v1"])),
            ("api", None),
            ("/{%label:gone%}", None),
            ("/{%colour%}", None),
            ("/{%version", None),
            ("/a/../b", None),
            ("//a", None),
            ("/a?b", None),
            ("/a%2fb", None),
            ("https://x/a", None),
        ];
        for (template, want) in cases {
            let got = expand(template, &Values { version: Some("v1"), labels: &labels }).ok();
            let want = want.map(|want| want.iter().map(|part| (*part).to_owned()).collect());
            assert_eq!(got, want, "{template}");
        }
        assert!(expand("/{%version%}", &Values { version: None, labels: &labels }).is_err());
        let evil = BTreeMap::from([("team".to_owned(), "../x".to_owned())]);
        assert!(expand("/{%label:team%}", &Values { version: None, labels: &evil }).is_err());
        assert_eq!(check("/{%label:any%}/{%version%}"), Ok(()));
        assert!(
            check("/{%other%}").is_err() && check("x").is_err() && check("/{%version").is_err()
        );
    }
}
