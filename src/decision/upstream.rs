//! What changes in a request on its way to the upstream: identity in, what a client forged out.
//!
//! Pure: no I/O, no clock.

use super::protected::Protected;
use super::{FieldValue, Ready, ReadyField};
use crate::api_key::HEADER;
use crate::attributes::Headers;
use crate::credential::{Credential, classify_by};
use crate::identity::Identity;
use crate::name::ResourceName;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Longest value that we write; a list is never cut, and neither is anything else.
const MAX_VALUE_BYTES: usize = 8192;
/// Set in place of groups that are longer.
const GROUPS_OMITTED: &str = "x-portcullis-groups-omitted";
/// How every name of ours begins that is none of the settings'.
const OWN_PREFIX: &str = "x-portcullis-";
/// Names of Portal, Environment and product.
const ROUTE: [&str; 3] =
    ["x-portcullis-portal", "x-portcullis-environment", "x-portcullis-product"];
/// Envoy's own mark for a request that passed because its authorizer failed.
const FAILURE_MARK: &str = "x-envoy-auth-failure-mode-allowed";
/// The field of bearers.
const AUTHORIZATION: &str = "authorization";

/// The field of cookies.
const COOKIE: &str = "cookie";

/// Whether a value of so many bytes is set. An empty one says nothing, so its field is removed.
#[must_use]
pub const fn may_be_set(len: usize) -> bool {
    len > 0 && len <= MAX_VALUE_BYTES
}

/// `<name>.<namespace>` of Portal, Environment and product, where they apply.
pub type RouteNames = [Option<ResourceName>; 3];

/// Which header fields we write, and which never pass from a client.
#[derive(Debug, Default)]
pub struct HeaderPolicy {
    /// Fields that are set where there is something to say, and removed where there is not. Those of
    /// identity come first, [`GROUPS_OMITTED`] and [`ROUTE`] last.
    fields: Vec<(String, Slot)>,
    /// Go whether or not the gateway shows us that they are there, unless it shows everything.
    always: Vec<String>,
    /// The gateway is said to show every field of a request; see [`Self::seeing_all`].
    sees_all: bool,
    protected: Protected,
    /// Carries API keys, where that is not [`HEADER`].
    key_header: Option<String>,
    /// What of the answer is the same in each; see [`Upstream::write`].
    ready: OnceLock<Ready>,
}

/// A claim by the name that the settings use.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Claim {
    Subject,
    Issuer,
    Email,
    EmailVerified,
    Groups,
    Other(String),
}

/// What stands in a field that we set when there is something to say.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Slot {
    /// Something of who asks.
    Identity(Claim),
    GroupsOmitted,
    /// One of [`ROUTE`].
    Route(usize),
}

impl HeaderPolicy {
    /// `identity`: header and claim; `strip`: names, a final `*` for any rest. All in lower case.
    #[must_use]
    pub fn new(identity: &[(String, String)], strip: &[String]) -> Self {
        let identity = identity
            .iter()
            .map(|(header, claim)| (header.clone(), Slot::Identity(Claim::named(claim))));
        let route = ROUTE.into_iter().enumerate();
        let route = route.map(|(place, name)| (name.to_owned(), Slot::Route(place)));
        let omitted = (GROUPS_OMITTED.to_owned(), Slot::GroupsOmitted);
        let fields: Vec<_> = identity.chain([omitted]).chain(route).collect();
        let exact = strip.iter().filter(|pattern| !pattern.ends_with('*')).map(String::as_str);
        let written = fields.iter().map(|(name, _slot)| name.as_str());
        // Many servers read a name with underscores as the same name.
        let spellings = |name: &str| [name.to_owned(), name.replace('-', "_")];
        let names = written.clone().chain(exact).chain([FAILURE_MARK]);
        let always: BTreeSet<String> = names.flat_map(spellings).collect();
        let prefixes = strip.iter().filter_map(|pattern| pattern.strip_suffix('*'));
        let protected =
            Protected::new(always.iter().map(String::as_str), prefixes.chain([OWN_PREFIX]));
        let own: BTreeSet<&str> = written.collect();
        let always = always.into_iter().filter(|name| !own.contains(name.as_str())).collect();
        Self { fields, always, protected, ready: OnceLock::new(), ..Self::default() }
    }

    /// The same with API keys in this header, named in lower case.
    #[must_use]
    pub fn keys_in(self, header: &str) -> Self {
        Self { key_header: Some(header.to_owned()), ..self }
    }

    /// The same behind a gateway that shows every field of a request (`sees_all_headers`): then a name
    /// that is not there does not have to be removed.
    #[must_use]
    pub fn seeing_all(self, sees_all: bool) -> Self {
        Self { sees_all, ..self }
    }

    /// The changes for a caller, or, without one, for somebody who passes unknown.
    #[must_use]
    pub fn apply(
        self: &Arc<Self>,
        request: &Headers<'_>,
        route: RouteNames,
        caller: Option<Arc<Identity>>,
    ) -> Upstream {
        // A gateway that filters fields takes the pseudo headers away, too, whatever the settings say.
        let mut came = (self.sees_all && request.has_all_pseudo()).then_some(Places::default());
        let mut forged = Vec::new();
        // Looked at from within: a field is passed over in a few steps.
        request.names().for_each(|name| {
            if self.protected.holds(name) {
                self.note(name, &mut came, &mut forged);
            }
        });
        let policy = Some(Arc::clone(self));
        Upstream { policy, caller, route, came, forged, ..Upstream::default() }
    }

    /// Notes a protected name that came, where it would not be set or removed anyway.
    #[inline(never)]
    fn note(&self, name: &str, came: &mut Option<Places>, forged: &mut Vec<String>) {
        let is_always = || self.always.binary_search_by(|own| own.as_str().cmp(name)).is_ok();
        let place = self.fields.iter().position(|(own, _slot)| own == name);
        match (place, came) {
            (Some(place), Some(came)) => came.add(place),
            (Some(_), None) => {}
            (None, None) if is_always() => {}
            (None, _) => forged.push(name.to_owned()),
        }
    }
}

/// Which of a policy's fields came in the request. Those beyond the first of them count as if they had.
#[derive(Clone, Copy, Debug, Default)]
struct Places(u64);

impl Places {
    fn bit(place: usize) -> Option<u64> {
        1_u64.checked_shl(u32::try_from(place).ok()?)
    }

    fn add(&mut self, place: usize) {
        self.0 |= Self::bit(place).unwrap_or_default();
    }

    fn has(self, place: usize) -> bool {
        Self::bit(place).is_none_or(|bit| self.0 & bit != 0)
    }
}

impl Slot {
    const fn is_groups(&self) -> bool {
        matches!(self, Self::Identity(Claim::Groups))
    }
}

impl Claim {
    fn named(name: &str) -> Self {
        match name {
            "sub" => Self::Subject,
            "iss" => Self::Issuer,
            "email" => Self::Email,
            "email_verified" => Self::EmailVerified,
            "groups" => Self::Groups,
            other => Self::Other(other.to_owned()),
        }
    }

    /// What stands in the field; `None`: absent, or not to be shown.
    #[inline]
    fn of<'i>(&self, identity: &'i Identity) -> Option<FieldValue<'i>> {
        let text = match self {
            Self::Subject => &*identity.subject,
            Self::Issuer => &*identity.issuer,
            Self::Email => identity.shown_email()?,
            Self::EmailVerified if identity.email_verified => "true",
            Self::EmailVerified => "false",
            Self::Groups => return Some(groups_of(identity)),
            Self::Other(name) => identity.claims.get(name)?,
        };
        Some(FieldValue::Encoded(text))
    }
}

fn groups_of(identity: &Identity) -> FieldValue<'_> {
    FieldValue::List(&identity.membership.groups)
}

/// What changes in a request. A name is set or removed, never both: Envoy removes last, and would
/// remove what was just set. Nothing is written before the answer is.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    policy: Option<Arc<HeaderPolicy>>,
    caller: Option<Arc<Identity>>,
    route: RouteNames,
    /// The policy's fields that came, where the gateway shows what comes: none else has to be removed.
    came: Option<Places>,
    /// Names that came, and that are none of the policy's fields: those that look like them, and where the
    /// gateway shows what comes, those that else are always removed.
    forged: Vec<String>,
    cookie: Cookie,
    /// Whether `authorization` and the header of API keys go.
    removes_credential: [bool; 2],
}

/// What becomes of the `cookie` field.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Cookie {
    #[default]
    Passes,
    Goes,
    Becomes(String),
}

impl Upstream {
    /// Keeps our cookies from the upstream: `rest` is what is left of the field.
    pub fn replace_cookie(&mut self, rest: Option<String>) {
        self.cookie = rest.map_or(Cookie::Goes, Cookie::Becomes);
    }

    /// Keeps the caller's bearer and API key from the upstream; what another scheme of
    /// `authorization` carries is not ours.
    pub fn remove_credential(&mut self, request: &Headers<'_>) {
        if self.has_credential(request) {
            self.remove_credential_fields(request);
        }
    }

    /// Keeps from the upstream a bearer or API key that nobody has verified, also where the gateway does
    /// not show it to us.
    pub fn remove_unverified_credential(&mut self, request: &Headers<'_>) {
        if !request.has(AUTHORIZATION) || self.has_credential(request) {
            self.remove_credential_fields(request);
        }
    }

    fn remove_credential_fields(&mut self, request: &Headers<'_>) {
        let goes = |name: &str| self.came.is_none() || request.has(name);
        self.removes_credential = [AUTHORIZATION, self.key_header()].map(goes);
    }

    fn has_credential(&self, request: &Headers<'_>) -> bool {
        !matches!(classify_by(request, self.key_header()), Credential::Cookie)
    }

    fn key_header(&self) -> &str {
        let policy = self.policy.as_deref();
        policy.and_then(|policy| policy.key_header.as_deref()).unwrap_or(HEADER)
    }

    /// Fields that are overwritten, or added: one value each, visible ASCII (the cookie as the client
    /// sent it).
    pub fn set(&self) -> impl Iterator<Item = (&str, FieldValue<'_>)> {
        let fields = self.fields().into_iter();
        let set = fields.filter_map(|(name, value)| Some((name, value?)));
        set.chain(self.cookie_set().map(|rest| (COOKIE, rest)))
    }

    /// What of the `cookie` field still passes, where something goes.
    #[must_use]
    pub fn cookie_set(&self) -> Option<FieldValue<'_>> {
        match &self.cookie {
            Cookie::Becomes(rest) => Some(FieldValue::Text(rest).one_line()),
            Cookie::Passes | Cookie::Goes => None,
        }
    }

    /// Fields that are removed, every one of that name.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields().into_iter();
        let unset = fields.enumerate().filter(|(_place, (_name, value))| value.is_none());
        let unset = unset.filter(|(place, _field)| self.may_have_come(*place));
        let unset = unset.map(|(_place, (name, _none))| name);
        let always = self.policy.iter().filter(|_| self.came.is_none());
        let always = always.flat_map(|policy| &policy.always);
        unset.chain(always.map(String::as_str)).chain(self.removed_here())
    }

    /// Those of [`Self::removed`] that go for what came in this request.
    pub fn removed_here(&self) -> impl Iterator<Item = &str> {
        let forged = self.forged.iter().map(String::as_str);
        let cookie = (self.cookie == Cookie::Goes).then_some(COOKIE);
        let credential = [AUTHORIZATION, self.key_header()];
        let credential = credential.into_iter().zip(self.removes_credential);
        let credential = credential.filter(|(_name, goes)| *goes).map(|(name, _goes)| name);
        forged.chain(cookie).chain(credential)
    }

    /// Whether a field of the policy may be in the request. Where nobody is known, a gateway that hides some
    /// although it is said to hide none must not make somebody of them.
    fn may_have_come(&self, place: usize) -> bool {
        self.caller.is_none() || self.came.is_none_or(|came| came.has(place))
    }

    /// The policy's fields, each with what is set, or without where it is removed.
    fn fields(&self) -> Vec<(&str, Option<FieldValue<'_>>)> {
        let mut groups_len = 0;
        let policy = self.policy.iter();
        let fields = policy.flat_map(|policy| &policy.fields).map(|(name, slot)| {
            let value = self.value(slot, groups_len);
            let len = value.map_or(0, FieldValue::len);
            if slot.is_groups() {
                groups_len = len;
            }
            (name.as_str(), value.filter(|_| may_be_set(len)))
        });
        fields.collect()
    }

    /// Appends the same to an answer, without a list of them, and what always goes. `set` appends what sets a
    /// field, if [`may_be_set`] says so, and says how long the value is. What comes of the policy alone, the
    /// fields' names and what removes them, is made once, by `prepare`.
    pub fn write(
        &self,
        to: &mut Vec<u8>,
        prepare: impl FnOnce(&mut dyn Iterator<Item = &str>, &[String]) -> Ready,
        set: impl Fn(&mut Vec<u8>, &ReadyField, FieldValue<'_>) -> usize,
    ) {
        let Some(policy) = self.policy.as_deref() else { return };
        let names = || policy.fields.iter().map(|(name, _slot)| name.as_str());
        let ready = policy.ready.get_or_init(|| prepare(&mut names(), &policy.always));
        let mut groups_len = 0;
        for (place, ((_name, slot), field)) in policy.fields.iter().zip(&ready.fields).enumerate() {
            let len = self.value(slot, groups_len).map_or(0, |value| set(to, field, value));
            if !may_be_set(len) && self.may_have_come(place) {
                to.extend_from_slice(&field.removed);
            }
            if slot.is_groups() {
                groups_len = len;
            }
        }
        if self.came.is_none() {
            to.extend_from_slice(&ready.always);
        }
    }

    /// What stands in a field of ours; `None`: nothing, so that it is removed.
    #[inline]
    fn value(&self, slot: &Slot, groups_len: usize) -> Option<FieldValue<'_>> {
        match slot {
            Slot::Identity(claim) => claim.of(self.caller.as_deref()?),
            Slot::Route(place) => {
                let name = self.route.get(*place)?.as_ref()?;
                // One line, as every name is.
                Some(FieldValue::Text(name.as_str()))
            }
            Slot::GroupsOmitted => {
                (groups_len > MAX_VALUE_BYTES).then_some(FieldValue::Text("true"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
