//! `Portal`.
//!
//! Pure: no I/O, no clock.

use super::reference;
use crate::document::{Field, Located};
use crate::policy::resource::{OidcAuth, Origin, Portal};
use crate::problem::Severity;

/// Known, and nothing that decides here.
const SHOWN: [&str; 9] = [
    "displayName",
    "description",
    "primaryLogo",
    "favicon",
    "banner",
    "customStyling",
    "staticPages",
    "dynamicPages",
    "tls",
];

pub(super) fn read(origin: Origin, root: &Field<'_>) -> Option<Portal> {
    let own = origin.name().namespace().to_owned();
    let mut fields = root.fields()?;
    fields.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = fields.require("spec");
    fields.finish(Severity::Notice);
    let mut spec = spec?.fields()?;
    spec.ignore(&SHOWN);
    let domains = spec.take("domains").map(|field| field.strings()).unwrap_or_default();
    let prefix = spec.take("portalUrlPrefix").and_then(|field| field.located());
    let published = reference::list(spec.take("publishedEnvironments").as_ref(), &own);
    let public = spec.take("allApisPublicViewable").and_then(|field| field.boolean());
    let oidc = spec.take("oidcAuth").and_then(|field| oidc(&field, &own));
    spec.finish(Severity::Notice);
    let (oidc, old_prefix) = oidc.unzip();
    Some(Portal {
        origin,
        domains,
        url_prefix: prefix.or_else(|| old_prefix.flatten()),
        published,
        public: public.unwrap_or(false),
        oidc,
    })
}

/// The login, and `callbackUrlPrefix`, which v1alpha1 has here.
fn oidc(field: &Field<'_>, own: &str) -> Option<(OidcAuth, Option<Located<String>>)> {
    let mut fields = field.fields()?;
    let auth = OidcAuth {
        at: field.at().clone(),
        issuer: fields.take("issuer").and_then(|field| field.located()),
        client_id: fields.take("clientId").and_then(|field| field.located()),
        client_secret: fields.take("clientSecret").and_then(|field| reference::secret(&field, own)),
        group_claim: fields.take("groupClaimKey").and_then(|field| field.string()),
        additional_scopes: fields
            .take("additionalScopes")
            .map(|field| field.strings())
            .unwrap_or_default(),
    };
    let prefix = fields.take("callbackUrlPrefix").and_then(|field| field.located());
    fields.finish(Severity::Notice);
    Some((auth, prefix))
}
