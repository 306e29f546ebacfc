//! Judges APIDocs: where each has its description, and what that says, if it is known.
//!
//! Pure: no I/O, no clock.

use super::{Findings, Held, Input, Judged};
use crate::document::Located;
use crate::name::ResourceName;
use crate::openapi::{self, Description};
use crate::policy::resource::{ApiDoc, ConfigMapData, ConfigMapReference, DocContent, Origin};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// An APIDoc that holds.
#[derive(Clone, Debug)]
pub struct HeldDoc {
    /// Its document.
    pub origin: Origin,
    /// Where its description is fetched, and where that stands.
    pub url: Option<Located<Url>>,
    /// Its operations; `None` while they are not known.
    pub description: Option<Arc<Description>>,
    /// What the description was read from, where that stands in the resources.
    text: Option<Arc<str>>,
}

/// Documents that were fetched, as far as they were.
pub trait Known: std::fmt::Debug {
    /// What the last good document from there describes.
    fn description(&self, url: &Url) -> Option<Arc<Description>>;
}

impl Known for () {
    fn description(&self, _url: &Url) -> Option<Arc<Description>> {
        None
    }
}

pub(super) type ConfigMaps = BTreeMap<ResourceName, Arc<ConfigMapData>>;

pub(super) fn judge(doc: &ApiDoc, input: &Input<'_>, config_maps: &ConfigMaps) -> Judged<HeldDoc> {
    let mut found = Findings::new(&doc.origin);
    let mut held = HeldDoc { origin: doc.origin.clone(), url: None, description: None, text: None };
    let last = input.last.docs.get(doc.origin.name());
    if let Some(Located { value, at }) = &doc.content {
        let text = match value {
            DocContent::Inline(text) => Some(Arc::clone(text)),
            DocContent::ConfigMap(reference) => {
                text_of(reference, config_maps).map_err(|message| found.error(at, message)).ok()
            }
            DocContent::Fetch(text) => {
                let allow_http = input.settings.documents.allow_http;
                let url = url(text, allow_http).map_err(|message| found.error(at, message));
                held.url = url.ok().map(|value| Located { value, at: at.clone() });
                None
            }
        };
        let same = last.filter(|last| text.is_some() && last.text == text);
        held.description = match (&text, &held.url) {
            (Some(_), _) if same.is_some() => same.and_then(|last| last.description.clone()),
            (Some(text), _) => openapi::read(text, input.settings.documents.max_bytes)
                .map(Arc::new)
                .map_err(|bad| found.error(at, format!("expected an OpenAPI document: {bad}")))
                .ok(),
            // What was known of it last stays, be it from another place.
            (None, Some(url)) => {
                let known = input.known.description(&url.value);
                known.or_else(|| last.and_then(|last| last.description.clone()))
            }
            (None, None) => None,
        };
        held.text = text;
    }
    (Some(held), found.problems)
}

/// Keeps the APIDocs that are gone, and that a product names which stays as it last held: else its path would be
/// open to what it never listed.
pub(super) fn stay(held: &mut Held, last: &Held) {
    let products = held.products.values();
    let apis = products.flat_map(|product| &product.versions).flat_map(|version| &version.apis);
    let named = apis.filter_map(|api| api.doc.as_ref()).map(|doc| &doc.value);
    let gone = named.filter(|name| !held.docs.contains_key(*name));
    let kept = gone.filter_map(|name| Some((name.clone(), Arc::clone(last.docs.get(name)?))));
    let kept: Vec<_> = kept.collect();
    held.docs.extend(kept);
}

fn text_of(
    ConfigMapReference { name, key }: &ConfigMapReference,
    config_maps: &ConfigMaps,
) -> Result<Arc<str>, String> {
    let config_map = config_maps.get(name);
    let config_map = config_map
        .ok_or_else(|| format!("expected the name of a known ConfigMap; there is no {name}"))?;
    let value = config_map.values.get(key);
    let value = value.ok_or_else(|| {
        format!("expected a key of ConfigMap {name}; it has no {key} in its data")
    })?;
    let value = value.clone();
    value.ok_or_else(|| format!("expected an OpenAPI document in {key} of ConfigMap {name}"))
}

/// An address that may be fetched. It may hold a password, so no message shows it.
fn url(text: &str, allow_http: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    let url = url.ok_or("expected a URL such as http://petstore.default:8080/swagger.json")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return Err("expected https; http needs documents.allow_http in the settings"),
        _ => return Err("expected http or https"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("expected no fragment or user information");
    }
    Ok(url)
}
