//! What is asked of the API server: one kind, in one namespace or in all.
//!
//! Pure: no I/O, no clock.

use crate::api_key::SECRET_TYPE;
use crate::config::{KubernetesPlaces, WatchedSecrets};
use crate::name::Kind;
use std::fmt;

/// Where a kind is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Api {
    /// `v1`
    Core,
    /// `portal.gloo.solo.io/v1beta1`
    Current,
    /// `devportal.solo.io/v1alpha1`
    Old,
}

impl Api {
    /// As in `apiVersion`.
    pub(super) const fn version(self) -> &'static str {
        match self {
            Self::Core => "v1",
            Self::Current => "portal.gloo.solo.io/v1beta1",
            Self::Old => "devportal.solo.io/v1alpha1",
        }
    }
}

/// The kinds of Gloo Portal, and what they are called in paths.
const PORTAL_KINDS: [(Kind, &str); 6] = [
    (Kind::Portal, "portals"),
    (Kind::Group, "groups"),
    (Kind::ApiProduct, "apiproducts"),
    (Kind::ApiDoc, "apidocs"),
    (Kind::Environment, "environments"),
    (Kind::User, "users"),
];

/// Secrets that no client secret is in: they never even come here.
const NO_CREDENTIALS: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token";

/// One list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    /// Of what.
    pub(super) kind: Kind,
    /// Where that is served.
    pub(super) api: Api,
    /// Its name in paths.
    pub(super) plural: &'static str,
    /// Where; `None` is everywhere.
    pub(super) namespace: Option<String>,
    /// Only with these labels.
    pub(super) labels: Option<String>,
    /// Only with these fields.
    pub(super) fields: Option<String>,
}

impl Target {
    /// Every list that the settings ask for.
    pub(super) fn all(places: &KubernetesPlaces) -> Vec<Self> {
        let namespaces: Vec<Option<String>> = if places.namespaces.is_empty() {
            vec![None]
        } else {
            places.namespaces.iter().cloned().map(Some).collect()
        };
        let plain = |kind, api, plural, namespace: &Option<String>| Self {
            kind,
            api,
            plural,
            namespace: namespace.clone(),
            labels: None,
            fields: None,
        };
        let mut targets = Vec::new();
        for namespace in &namespaces {
            for api in [Api::Current, Api::Old] {
                let target = |(kind, plural)| plain(kind, api, plural, namespace);
                targets.extend(PORTAL_KINDS.map(target));
            }
            targets.push(plain(Kind::ConfigMap, Api::Core, "configmaps", namespace));
        }
        let secrets =
            |namespace: &Option<String>| plain(Kind::Secret, Api::Core, "secrets", namespace);
        if places.api_keys && places.secrets != WatchedSecrets::All {
            targets.extend(namespaces.iter().map(|namespace| Self {
                fields: Some(format!("type={SECRET_TYPE}")),
                ..secrets(namespace)
            }));
        }
        match &places.secrets {
            WatchedSecrets::All => targets.extend(namespaces.iter().map(|namespace| Self {
                fields: Some(NO_CREDENTIALS.to_owned()),
                ..secrets(namespace)
            })),
            WatchedSecrets::Selected(labels) => targets.extend(
                namespaces
                    .iter()
                    .map(|namespace| Self { labels: Some(labels.clone()), ..secrets(namespace) }),
            ),
            // One by one: a role can name those that may be listed by `metadata.name`.
            WatchedSecrets::Named(names) => targets.extend(names.iter().map(|name| Self {
                fields: Some(format!("metadata.name={}", name.name())),
                ..secrets(&Some(name.namespace().to_owned()))
            })),
        }
        targets
    }

    /// The path of the list.
    pub(super) fn path(&self) -> String {
        let root = self.discovery().unwrap_or_else(|| "/api/v1".to_owned());
        match &self.namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// Where the API server says whether it serves the kind; `None`: it always does.
    pub(super) fn discovery(&self) -> Option<String> {
        match self.api {
            Api::Core => None,
            Api::Current | Api::Old => Some(format!("/apis/{}", self.api.version())),
        }
    }

    /// Whether nothing can be decided before its first list is there.
    pub(super) const fn decides(&self) -> bool {
        !matches!(self.kind, Kind::User | Kind::ConfigMap)
    }

    /// How an object of it is named in messages.
    pub(super) fn name_of(&self, namespace: &str, name: &str) -> String {
        match self.api {
            Api::Core | Api::Current => format!("kubernetes:{namespace}/{}/{name}", self.kind),
            Api::Old => format!("kubernetes:{namespace}/{}.devportal.solo.io/{name}", self.kind),
        }
    }
}

impl fmt::Display for Target {
    /// `kubernetes:portal/Group`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.fields.as_deref().and_then(|fields| fields.strip_prefix("metadata.name="));
        let namespace = self.namespace.as_deref().unwrap_or("*");
        match (self.api, named) {
            (Api::Core | Api::Current, Some(name)) => f.write_str(&self.name_of(namespace, name)),
            (Api::Core | Api::Current, None) => write!(f, "kubernetes:{namespace}/{}", self.kind),
            (Api::Old, _) => write!(f, "kubernetes:{namespace}/{}.devportal.solo.io", self.kind),
        }
    }
}
