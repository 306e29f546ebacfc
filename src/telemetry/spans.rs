//! What the span of a check tells: never who asked, nor what with.

use crate::decision::{Checked, Reason};
use crate::trace::{Attribute, Open};

/// The name of a check's span: the method that Envoy calls.
pub const CHECK_SPAN: &str = "envoy.service.auth.v3.Authorization/Check";

/// Ends the span of a check.
pub fn end_span(span: Open, checked: &Checked) {
    let facts = &checked.facts;
    let mut attributes: Vec<Attribute> = vec![
        ("portcullis.decision", checked.decision().to_owned()),
        ("portcullis.reason", checked.reason.as_str().to_owned()),
    ];
    let names = [
        ("portcullis.portal", &facts.portal),
        ("portcullis.environment", &facts.environment),
        ("portcullis.product", &facts.product),
    ];
    attributes.extend(
        names.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?.to_string()))),
    );
    span.end(is_failure(checked.reason), attributes);
}

/// Whether a reason is a fault of ours, or of whom we need.
const fn is_failure(reason: Reason) -> bool {
    match reason {
        Reason::KeysUnavailable
        | Reason::StoreUnavailable
        | Reason::ProviderUnavailable
        | Reason::Internal
        | Reason::DeadlineTooShort => true,
        Reason::Granted
        | Reason::Public
        | Reason::Endpoint
        | Reason::NoCredentials
        | Reason::InvalidSession
        | Reason::InvalidToken
        | Reason::ExpiredToken
        | Reason::NotGranted
        | Reason::EmailUnverified
        | Reason::AmbiguousRequest
        | Reason::NoRoute
        | Reason::CrossSite
        | Reason::BadCallback
        | Reason::LoginLoop
        | Reason::Limit => false,
    }
}
