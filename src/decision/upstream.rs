//! What changes in a request on its way to the upstream: identity in, what a client forged out.
//!
//! Pure: no I/O, no clock.

use crate::attributes::Headers;
use crate::credential::{API_KEY_HEADER, Credential, classify};
use crate::identity::Identity;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;

/// Longest value that we write; a list is never cut, and neither is anything else.
const MAX_VALUE_BYTES: usize = 8192;
/// Set in place of groups that are longer.
const GROUPS_OMITTED: &str = "x-portcullis-groups-omitted";
/// How every name of ours begins that is none of the settings'.
const OWN_PREFIX: &str = "x-portcullis-";
/// Names besides the identity headers that we write.
const OWN: [&str; 4] =
    ["x-portcullis-portal", "x-portcullis-environment", "x-portcullis-product", GROUPS_OMITTED];
/// Envoy's own mark for a request that passed because its authorizer failed.
const FAILURE_MARK: &str = "x-envoy-auth-failure-mode-allowed";

/// All but visible ASCII, and `%` itself, so that two values never look alike.
const VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');
/// All but what RFC 3986 §2.3 calls unreserved.
const GROUP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes what is not visible ASCII.
#[must_use]
pub fn percent_encode_value(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// What changes in a request. A name stands in `set` or in `remove`, never in both: Envoy removes
/// last, and would remove what was just set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Upstream {
    /// Overwritten, or added: one value each, visible ASCII (the cookie as the client sent it).
    pub set: Vec<(String, String)>,
    /// Removed, every one of that name.
    pub remove: Vec<String>,
}

/// What the identity headers are made of. A value that is `None` leaves its header out.
#[derive(Clone, Copy, Debug)]
pub struct IdentityHeaders<'i> {
    /// The value of a claim, by the name that the settings use.
    pub claim: &'i dyn ClaimValue,
    /// The caller's groups.
    pub groups: &'i [String],
}

/// `<name>.<namespace>` of Portal, Environment and product, where they apply.
pub type RouteNames = [Option<String>; 3];

/// Gives claims by name.
pub trait ClaimValue: std::fmt::Debug {
    /// The claim's value as text; `None`: absent, or not to be shown.
    fn value(&self, claim: &str) -> Option<String>;
}

impl ClaimValue for Identity {
    fn value(&self, claim: &str) -> Option<String> {
        match claim {
            "sub" => Some(self.subject.to_string()),
            "iss" => Some(self.issuer.to_string()),
            "email" => self.shown_email().map(str::to_owned),
            "email_verified" => Some(self.email_verified.to_string()),
            other => self.claims.get(other).cloned(),
        }
    }
}

/// Which header fields we write, and which never pass from a client.
#[derive(Clone, Debug)]
pub struct HeaderPolicy {
    identity: Vec<(String, String)>,
    /// Go whether or not the gateway shows us that they are there.
    always: BTreeSet<String>,
    /// Names that are ours, or nobody's, as servers fold them.
    protected: BTreeSet<String>,
    /// Beginnings of such names.
    protected_prefixes: Vec<String>,
}

impl HeaderPolicy {
    /// `identity`: header and claim; `strip`: names, a final `*` for any rest. All in lower case.
    #[must_use]
    pub fn new(identity: &[(String, String)], strip: &[String]) -> Self {
        let written = identity.iter().map(|(header, _claim)| header.as_str()).chain(OWN);
        let exact = strip.iter().filter(|pattern| !pattern.ends_with('*')).map(String::as_str);
        let names = written.chain(exact).chain([FAILURE_MARK]);
        // Many servers read a name with underscores as the same name.
        let spellings = |name: &str| [name.to_owned(), name.replace('-', "_")];
        let always: BTreeSet<String> = names.flat_map(spellings).collect();
        let prefixes = strip.iter().filter_map(|pattern| pattern.strip_suffix('*'));
        Self {
            identity: identity.to_vec(),
            protected: always.iter().map(|name| folded(name)).collect(),
            protected_prefixes: prefixes.chain([OWN_PREFIX]).map(folded).collect(),
            always,
        }
    }

    /// The changes for a caller, or, without one, for somebody who passes unknown.
    #[must_use]
    pub fn apply(
        &self,
        request: &Headers<'_>,
        route: RouteNames,
        identity: Option<IdentityHeaders<'_>>,
    ) -> Upstream {
        let mut set = identity.map(|identity| self.values(identity)).unwrap_or_default();
        let named = OWN.into_iter().zip(route);
        set.extend(named.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let is_set = |name: &str| set.iter().any(|(own, _)| own == name);
        let forged = request.names().filter(|name| self.is_protected(name));
        let names: BTreeSet<&str> = self.always.iter().map(String::as_str).chain(forged).collect();
        let remove = names.into_iter().filter(|name| !is_set(name)).map(str::to_owned).collect();
        Upstream { set, remove }
    }

    fn values(&self, identity: IdentityHeaders<'_>) -> Vec<(String, String)> {
        let mut set: Vec<(String, String)> = Vec::new();
        for (header, claim) in &self.identity {
            if claim == "groups" {
                let groups: Vec<String> =
                    identity.groups.iter().map(|group| encode_group(group)).collect();
                let joined = groups.join(",");
                if joined.len() > MAX_VALUE_BYTES {
                    set.retain(|(name, _)| name != GROUPS_OMITTED);
                    set.push((GROUPS_OMITTED.to_owned(), "true".to_owned()));
                } else if !joined.is_empty() {
                    set.push((header.clone(), joined));
                }
            } else if let Some(value) = identity.claim.value(claim) {
                let value = percent_encode_value(&value);
                if (1..=MAX_VALUE_BYTES).contains(&value.len()) {
                    set.push((header.clone(), value));
                }
            }
        }
        set
    }

    /// Whether a name is one of ours, or looks like one to a server that folds names.
    fn is_protected(&self, name: &str) -> bool {
        let name = folded(name);
        self.protected.contains(&name)
            || self.protected_prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// A name as servers fold it that make variables of fields: CGI turns `-` into `_` (RFC 3875 §4.1.18),
/// PHP `.` as well, others whatever is neither letter nor digit.
fn folded(name: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(fold).collect()
}

fn encode_group(group: &str) -> String {
    utf8_percent_encode(group, GROUP).to_string()
}

impl Upstream {
    /// Keeps our cookies from the upstream: `rest` is what is left of the field.
    pub fn replace_cookie(&mut self, rest: Option<String>) {
        match rest {
            Some(rest) => self.set.push(("cookie".to_owned(), rest)),
            None => self.remove.push("cookie".to_owned()),
        }
    }

    /// Keeps the caller's bearer and API key from the upstream; what another scheme of
    /// `authorization` carries is not ours.
    pub fn remove_credential(&mut self, request: &Headers<'_>) {
        if !matches!(classify(request), Credential::Cookie) {
            self.remove.push("authorization".to_owned());
            self.remove.push(API_KEY_HEADER.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Claims(&'static [(&'static str, &'static str)]);

    impl ClaimValue for Claims {
        fn value(&self, claim: &str) -> Option<String> {
            let found = self.0.iter().find(|(name, _)| *name == claim);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    fn policy() -> HeaderPolicy {
        let identity =
            [("x-user-id", "sub"), ("x-user-email", "email"), ("x-user-groups", "groups")]
                .map(|(header, claim)| (header.to_owned(), claim.to_owned()));
        HeaderPolicy::new(&identity, &["x-forwarded-user".to_owned(), "x-jwt-*".to_owned()])
    }

    fn apply(
        claims: &'static [(&'static str, &'static str)],
        groups: &[&str],
        forged: &[&str],
    ) -> Upstream {
        let mut request = Headers::default();
        for name in forged {
            request.add(*name, "forged");
        }
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let claim = Claims(claims);
        let identity = IdentityHeaders { claim: &claim, groups: &groups };
        let route = [None, Some("dev.default".to_owned()), None];
        policy().apply(&request, route, Some(identity))
    }

    fn value<'u>(upstream: &'u Upstream, name: &str) -> Option<&'u str> {
        let mut values = upstream.set.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{name} is set twice");
        value
    }

    #[test]
    fn overwrites_what_it_knows_and_removes_what_it_does_not() {
        let forged = [
            "x-user-id",
            "X_User_Id",
            "x-user_id",
            "x.user.id",
            "x-user-email",
            "x_user_email",
            "x-forwarded-user",
            "X_Forwarded_User",
            "x-jwt-assertion",
            "x_jwt_sub",
            "x-portcullis-product",
            "x-envoy-auth-failure-mode-allowed",
            "x-user-idx",
            "accept",
        ];
        let upstream = apply(&[("sub", "00u1")], &["a"], &forged);
        assert_eq!(value(&upstream, "x-user-id"), Some("00u1"));
        assert_eq!(value(&upstream, "x-user-groups"), Some("a"));
        assert_eq!(value(&upstream, "x-portcullis-environment"), Some("dev.default"));
        let removed = [
            "x_user_id",
            "x-user_id",
            "x.user.id",
            "x-user-email",
            "x_user_email",
            "x-forwarded-user",
            "x_forwarded_user",
            "x-jwt-assertion",
            "x_jwt_sub",
            "x-portcullis-product",
            "x-envoy-auth-failure-mode-allowed",
        ];
        for name in removed {
            assert!(upstream.remove.iter().any(|own| own == name), "{name}");
        }
        for (name, _) in &upstream.set {
            assert!(!upstream.remove.contains(name), "{name} is set and removed");
        }
        for name in ["x-user-idx", "accept"] {
            assert!(!upstream.remove.iter().any(|own| own == name), "{name}");
        }
    }

    #[test]
    fn removes_every_identity_header_where_nobody_is_known() {
        let upstream = policy().apply(&Headers::default(), RouteNames::default(), None);
        assert!(upstream.set.is_empty());
        for name in
            ["x-user-id", "x-user-email", "x-user-groups", "x_user_email", "x-forwarded-user"]
        {
            assert!(upstream.remove.iter().any(|own| own == name), "{name}");
        }
    }

    #[test]
    fn encodes_values_so_that_they_are_one_line_and_unambiguous() {
        let upstream =
            apply(&[("sub", "a\r\nx: 1\u{e9} %"), ("email", "")], &["a,b", "c d", "\u{e9}"], &[]);
        assert_eq!(value(&upstream, "x-user-id"), Some("a%0D%0Ax:%201%C3%A9%20%25"));
        assert_eq!(value(&upstream, "x-user-email"), None);
        assert_eq!(value(&upstream, "x-user-groups"), Some("a%2Cb,c%20d,%C3%A9"));
    }

    #[test]
    fn leaves_out_groups_that_are_too_many_and_says_so() {
        let group = "g".repeat(100);
        let groups = vec![group.as_str(); 100];
        let upstream = apply(&[], &groups, &[]);
        assert_eq!(value(&upstream, "x-user-groups"), None);
        assert_eq!(value(&upstream, GROUPS_OMITTED), Some("true"));
        assert!(upstream.remove.iter().any(|name| name == "x-user-groups"));
    }
}
