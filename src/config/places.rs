//! Section `resources`: where the policy comes from.
//!
//! Pure: no I/O, no clock.

use super::read::{Base, path};
use super::{KubernetesPlaces, Pace, ResourcePlaces, WatchedSecrets};
use crate::document::{Field, Fields};
use crate::name::ResourceName;
use crate::problem::Severity;

pub(super) fn read(field: Option<Field<'_>>, base: &Base) -> Option<ResourcePlaces> {
    let mut fields = field?.fields()?;
    let kubernetes = fields.take("kubernetes");
    let paths = if kubernetes.is_some() { fields.take("paths") } else { fields.require("paths") };
    let listed = paths.as_ref().map(Field::list).unwrap_or_default();
    if let Some(paths) = paths.filter(|_| listed.is_empty()) {
        paths.error("expected at least one file or folder");
    }
    let paths = listed.iter().filter_map(|field| path(field, base)).collect();
    let secrets_dir = fields.take("secrets_dir").and_then(|field| path(&field, base));
    let allowed = fields.take("allow_cross_namespace");
    let allowed = allowed.as_ref().map(Field::list).unwrap_or_default();
    let allow_cross_namespace = allowed.iter().filter_map(pair).collect();
    fields.finish(Severity::Error);
    let kubernetes = kubernetes.and_then(|field| read_kubernetes(&field, base));
    Some(ResourcePlaces { paths, kubernetes, secrets_dir, allow_cross_namespace })
}

/// Section `resources.kubernetes`.
fn read_kubernetes(field: &Field<'_>, base: &Base) -> Option<KubernetesPlaces> {
    let mut fields = field.fields()?;
    let listed = fields.require("namespaces");
    let namespaces = listed.as_ref().and_then(namespaces);
    let secrets = secrets(&mut fields, namespaces.as_deref().unwrap_or_default());
    let api_keys = fields.take("api_keys").and_then(|field| field.boolean());
    let kubeconfig = fields.take("kubeconfig").and_then(|field| path(&field, base));
    fields.finish(Severity::Error);
    let (namespaces, api_keys) = (namespaces?, api_keys.unwrap_or_default());
    let pace = Pace::default();
    Some(KubernetesPlaces { namespaces, secrets, api_keys, kubeconfig, pace })
}

/// The namespaces, each once; none for `['*']`.
fn namespaces(field: &Field<'_>) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let listed = field.strings();
    for name in &listed {
        if name.value != "*" && !is_namespace(&name.value) {
            field
                .error(format!("expected names of namespaces, or '*' alone; not {:?}", name.value));
            return None;
        }
        if !names.contains(&name.value) {
            names.push(name.value.clone());
        }
    }
    let all = names.iter().any(|name| name == "*");
    if names.is_empty() || (all && names.len() > 1) {
        field.error("expected at least one namespace, or '*' alone");
        return None;
    }
    if all {
        field.warn(
            "expected the namespaces by name: with '*' whoever may write resources or Secrets \
             anywhere in the cluster defines the policy",
        );
        names.clear();
    }
    Some(names)
}

/// `secret_selector` or `secret_names`; neither is all.
fn secrets(fields: &mut Fields<'_>, namespaces: &[String]) -> WatchedSecrets {
    let selector = fields.take("secret_selector");
    let names = fields.take("secret_names");
    if let (Some(_), Some(names)) = (&selector, &names) {
        names.error("expected secret_selector or secret_names, not both");
    }
    if let Some(names) = names {
        let known = |field: &Field<'_>| {
            let name = field.string().and_then(|text| ResourceName::parse(&text));
            let watched = |name: &ResourceName| {
                namespaces.is_empty() || namespaces.iter().any(|one| one == name.namespace())
            };
            let name = name.filter(watched);
            if name.is_none() {
                field.error("expected <name>.<namespace>, in a namespace that is listed");
            }
            name
        };
        return WatchedSecrets::Named(names.list().iter().filter_map(known).collect());
    }
    let selector = selector.and_then(|field| field.string());
    selector.map_or(WatchedSecrets::All, WatchedSecrets::Selected)
}

/// `from -> to`: two namespaces, each by its name.
fn pair(field: &Field<'_>) -> Option<(String, String)> {
    let text = field.string()?;
    let pair = text.split_once("->").map(|(from, to)| (from.trim(), to.trim()));
    let pair = pair.filter(|(from, to)| is_namespace(from) && is_namespace(to));
    if pair.is_none() {
        field.error("expected two namespaces: 'from -> to'");
    }
    pair.map(|(from, to)| (from.to_owned(), to.to_owned()))
}

/// Whether it is a DNS label (RFC 1123), as Kubernetes takes for a namespace.
fn is_namespace(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(fits)
}
