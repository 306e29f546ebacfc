//! Who asks.
//!
//! Pure: no I/O, no clock.

use crate::credential::CredentialKind;
use crate::policy::Membership;
use crate::session::Session;
use crate::token::Claims;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A caller whose credential holds. Kept for each remembered token, so it is small: what many callers
/// have in common is shared, and no text has room to grow.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Identity {
    /// Who says so.
    pub issuer: Arc<str>,
    /// The principal, unique for the issuer.
    pub subject: Box<str>,
    /// As the provider has it.
    pub email: Option<Box<str>>,
    /// Whether the provider has verified it.
    pub email_verified: bool,
    /// Whether an e-mail goes out although it is not verified.
    pub send_unverified_email: bool,
    /// What counts for access.
    pub membership: Arc<Membership>,
    /// Whether the token had a groups claim at all.
    pub groups_claimed: bool,
    /// By which credential.
    pub credential: CredentialKind,
    /// The usage plan whose issuer it is.
    pub usage_plan: Option<Arc<str>>,
    /// Further claims that go upstream.
    pub claims: BTreeMap<String, String>,
}

impl fmt::Debug for Identity {
    /// Shows the kind of credential: the rest says who somebody is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.credential.as_str())
    }
}

impl Identity {
    /// The e-mail, where it may be seen.
    #[must_use]
    pub fn shown_email(&self) -> Option<&str> {
        let shown = self.email_verified || self.send_unverified_email;
        self.email.as_deref().filter(|_| shown)
    }

    /// The caller of a session of `issuer`.
    #[must_use]
    pub fn of_session(
        session: &Session,
        issuer: Arc<str>,
        membership: Arc<Membership>,
        send_unverified_email: bool,
    ) -> Self {
        Self {
            issuer,
            subject: match session.principal.as_str() {
                "" => session.subject.as_str().into(),
                principal => principal.into(),
            },
            email: Some(session.email.as_str()).filter(|email| !email.is_empty()).map(Box::from),
            email_verified: session.email_verified,
            send_unverified_email,
            membership,
            groups_claimed: session.groups_claimed,
            credential: CredentialKind::Session,
            usage_plan: None,
            claims: session
                .claims
                .iter()
                .map(|(name, text)| (name.clone(), text.clone()))
                .collect(),
        }
    }
}

/// The principal of a client that acts on its own behalf.
#[must_use]
pub fn client_principal(client_id: &str) -> String {
    format!("client:{client_id}")
}

/// Whether `value` can be a person's principal: not empty, and not what a client's looks like
/// (RFC 9700 §4.15).
#[must_use]
pub fn is_user_principal(value: &str) -> bool {
    !value.is_empty() && !value.starts_with("client:")
}

/// The person that the claim `name` names. An e-mail names somebody only once it is verified: before
/// that, anybody could have entered it.
#[must_use]
pub fn user_principal<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    let holds = name != "email" || claims.email_verified;
    claims.string(name).filter(|value| holds && is_user_principal(value))
}

/// Those claims that the identity headers name, as text: a string as it is, anything else as JSON.
#[must_use]
pub fn wanted_claims(
    claims: &Claims,
    identity_headers: &[(String, String)],
) -> BTreeMap<String, String> {
    const OWN: [&str; 5] = ["sub", "iss", "email", "email_verified", "groups"];
    let names = identity_headers.iter().map(|(_header, claim)| claim);
    let wanted = names.filter(|name| !OWN.contains(&name.as_str()));
    wanted
        .filter_map(|name| {
            let text = match claims.value(name)? {
                Value::Null => return None,
                Value::String(text) => text,
                other => other.to_string(),
            };
            Some((name.clone(), text))
        })
        .collect()
}
