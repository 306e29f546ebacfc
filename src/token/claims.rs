//! What a token says, once its signature holds.
//!
//! Pure: no I/O, no clock.

use super::strict_json::{Item, Members};
use super::{Algorithm, Jws, TokenError, TokenType};
use crate::time::UnixTime;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Longest `sub` (OpenID Connect Core 1.0 §2).
const MAX_SUBJECT: usize = 255;

/// The claims of a token whose signature holds: typed, not yet judged.
///
/// A registered claim of a wrong type refuses the whole token; `null` is a wrong type, but for
/// `email`, where it means that there is none.
#[derive(Clone, Eq, PartialEq)]
pub struct Claims {
    /// `iss`
    pub issuer: String,
    /// `aud`: one or more, each once, sorted.
    pub audience: Vec<String>,
    /// `sub`: 1 to 255 visible ASCII characters.
    pub subject: Option<String>,
    /// `exp`, fractions of a second cut off.
    pub expires_at: Option<UnixTime>,
    /// `nbf`
    pub not_before: Option<UnixTime>,
    /// `iat`
    pub issued_at: Option<UnixTime>,
    /// `auth_time`
    pub auth_time: Option<UnixTime>,
    /// `nonce`
    pub nonce: Option<String>,
    /// `at_hash`
    pub access_token_hash: Option<String>,
    /// `c_hash`
    pub code_hash: Option<String>,
    /// `azp`
    pub authorized_party: Option<String>,
    /// `sid`
    pub session_id: Option<String>,
    /// `jti`
    pub token_id: Option<String>,
    /// `acr`
    pub acr: Option<String>,
    /// `cid` (Okta)
    pub cid: Option<String>,
    /// `uid` (Okta): the user's id; not in a service's token.
    pub uid: Option<String>,
    /// `scp` (Okta): an array.
    pub scp: Option<Vec<String>>,
    /// `client_id` (RFC 9068 §2.2)
    pub client_id: Option<String>,
    /// `scope` (RFC 9068 §2.2.3), split at the spaces.
    pub scope: Option<Vec<String>>,
    /// `email`, where it is not empty.
    pub email: Option<String>,
    /// Whether there is an e-mail, and `email_verified` is the boolean `true`; any other value is not.
    pub email_verified: bool,
    /// `cnf` is there (RFC 7800 §3.1).
    pub is_bound: bool,
    /// `typ` of the header.
    pub token_type: TokenType,
    /// `alg` of the header, which is that of the key.
    pub algorithm: Algorithm,
    /// `kid` of the header: with this key gone, the token is to be forgotten.
    pub kid: String,
    /// `nbf` and `iat`, a part of a second counted as a whole one.
    to_come: [Option<UnixTime>; 2],
    has_events: bool,
    all: Arc<Members>,
}

/// The claims that are read into a place of their own.
#[derive(Default)]
struct Registered<'m> {
    iss: Option<Item<'m>>,
    aud: Option<Item<'m>>,
    sub: Option<Item<'m>>,
    exp: Option<Item<'m>>,
    nbf: Option<Item<'m>>,
    iat: Option<Item<'m>>,
    auth_time: Option<Item<'m>>,
    nonce: Option<Item<'m>>,
    at_hash: Option<Item<'m>>,
    c_hash: Option<Item<'m>>,
    azp: Option<Item<'m>>,
    sid: Option<Item<'m>>,
    jti: Option<Item<'m>>,
    acr: Option<Item<'m>>,
    cid: Option<Item<'m>>,
    uid: Option<Item<'m>>,
    scp: Option<Item<'m>>,
    client_id: Option<Item<'m>>,
    scope: Option<Item<'m>>,
    email: Option<Item<'m>>,
    email_verified: Option<Item<'m>>,
    cnf: Option<Item<'m>>,
    events: Option<Item<'m>>,
}

impl<'m> Registered<'m> {
    fn among(all: &'m Members) -> Self {
        let mut found = Self::default();
        for (name, value) in all.iter() {
            let place = match name {
                "iss" => &mut found.iss,
                "aud" => &mut found.aud,
                "sub" => &mut found.sub,
                "exp" => &mut found.exp,
                "nbf" => &mut found.nbf,
                "iat" => &mut found.iat,
                "auth_time" => &mut found.auth_time,
                "nonce" => &mut found.nonce,
                "at_hash" => &mut found.at_hash,
                "c_hash" => &mut found.c_hash,
                "azp" => &mut found.azp,
                "sid" => &mut found.sid,
                "jti" => &mut found.jti,
                "acr" => &mut found.acr,
                "cid" => &mut found.cid,
                "uid" => &mut found.uid,
                "scp" => &mut found.scp,
                "client_id" => &mut found.client_id,
                "scope" => &mut found.scope,
                "email" => &mut found.email,
                "email_verified" => &mut found.email_verified,
                "cnf" => &mut found.cnf,
                "events" => &mut found.events,
                _ => continue,
            };
            *place = Some(value);
        }
        found
    }
}

impl Claims {
    pub(super) fn parse(jws: &Jws<'_>) -> Result<Self, TokenError> {
        let all = jws.members().ok_or(TokenError::BadPayload)?;
        let found = Registered::among(all);
        let no_email = found.email.is_some_and(Item::is_null);
        let email = if no_email { None } else { text(found.email, "email")? };
        let email = email.filter(|email| !email.is_empty());
        let says_verified = found.email_verified.is_some_and(Item::is_true);
        let scope = |all: String| all.split(' ').map(str::to_owned).collect();
        // In the order of the fields: the first that is wrong is what is said.
        let issuer = text(found.iss, "iss")?.ok_or(TokenError::BadClaim("iss"))?;
        let audience = found.aud.and_then(audience).ok_or(TokenError::BadClaim("aud"))?;
        let subject = text(found.sub, "sub")?.map(subject).transpose()?;
        let expires_at = time(found.exp, "exp")?;
        let not_before = time(found.nbf, "nbf")?;
        let issued_at = time(found.iat, "iat")?;
        Ok(Self {
            issuer,
            audience,
            subject,
            expires_at: expires_at.map(whole),
            not_before: not_before.map(whole),
            issued_at: issued_at.map(whole),
            auth_time: time(found.auth_time, "auth_time")?.map(whole),
            nonce: text(found.nonce, "nonce")?,
            access_token_hash: text(found.at_hash, "at_hash")?,
            code_hash: text(found.c_hash, "c_hash")?,
            authorized_party: text(found.azp, "azp")?,
            session_id: text(found.sid, "sid")?,
            token_id: text(found.jti, "jti")?,
            acr: text(found.acr, "acr")?,
            cid: text(found.cid, "cid")?,
            uid: text(found.uid, "uid")?,
            scp: found.scp.map(scp).transpose()?,
            client_id: text(found.client_id, "client_id")?,
            scope: text(found.scope, "scope")?.map(scope),
            email_verified: says_verified && email.is_some(),
            email,
            is_bound: found.cnf.is_some(),
            token_type: jws.token_type(),
            algorithm: jws.algorithm(),
            kid: jws.kid().to_owned(),
            to_come: [not_before, issued_at].map(|time| time.map(rounded_up)),
            has_events: found.events.is_some(),
            all: Arc::clone(all),
        })
    }

    /// A copy of the claim `name`; names are compared byte for byte, dots mean nothing.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        self.all.get(name).map(Item::to_value)
    }

    /// `nbf`, a part of a second counted as a whole one: for what is still to come.
    pub(super) const fn not_before_rounded_up(&self) -> Option<UnixTime> {
        let [not_before, _] = self.to_come;
        not_before
    }

    /// The same of `iat`.
    pub(super) const fn issued_at_rounded_up(&self) -> Option<UnixTime> {
        let [_, issued_at] = self.to_come;
        issued_at
    }

    /// When the token began to hold, by `nbf` and `iat`: a part of a second counts as a whole one.
    pub(crate) fn holds_from(&self) -> UnixTime {
        self.to_come.into_iter().flatten().max().unwrap_or_default()
    }

    /// The claim `name`, where it is a string.
    #[must_use]
    pub fn string(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Item::as_str)
    }

    /// The group names in the claim `name`, in its order: a string is one, an array is many.
    ///
    /// `None`: there is no such claim, so another source may be asked. An array with anything but
    /// strings, or a claim of another type, is no groups at all, and no other source is asked.
    #[must_use]
    pub fn groups(&self, name: &str) -> Option<Vec<&str>> {
        let value = self.all.get(name)?;
        Some(match value.as_str() {
            Some(group) => vec![group],
            None => value.as_texts().unwrap_or_default(),
        })
    }

    /// A copy of the members of `events` (RFC 8417 §2.2), where it is an object.
    #[must_use]
    pub fn events(&self) -> Option<Map<String, Value>> {
        match self.value("events")? {
            Value::Object(events) => Some(events),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => None,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match name {
            // Where one of these is there, it was read, or the token refused.
            "nonce" => self.nonce.is_some(),
            "at_hash" => self.access_token_hash.is_some(),
            "c_hash" => self.code_hash.is_some(),
            "cid" => self.cid.is_some(),
            "scp" => self.scp.is_some(),
            "scope" => self.scope.is_some(),
            "cnf" => self.is_bound,
            "events" => self.has_events,
            _ => self.all.get(name).is_some(),
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(secret)")
    }
}

fn text(value: Option<Item<'_>>, name: &'static str) -> Result<Option<String>, TokenError> {
    let Some(value) = value else { return Ok(None) };
    let text = value.as_str().ok_or(TokenError::BadClaim(name))?;
    Ok(Some(text.to_owned()))
}

fn time(value: Option<Item<'_>>, name: &'static str) -> Result<Option<Duration>, TokenError> {
    let Some(value) = value else { return Ok(None) };
    numeric_date(value).map(Some).ok_or(TokenError::BadClaim(name))
}

/// Reads a `NumericDate` (RFC 7519 §2): not negative, less than 2^64.
fn numeric_date(value: Item<'_>) -> Option<Duration> {
    let value = value.as_number()?;
    let fraction = || {
        let seconds = value.as_f64().filter(|_| value.is_f64())?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    value.as_u64().map(Duration::from_secs).or_else(fraction)
}

/// Fractions of a second are cut off.
const fn whole(since: Duration) -> UnixTime {
    UnixTime(since.as_secs())
}

/// A part of a second counts as a whole one.
fn rounded_up(since: Duration) -> UnixTime {
    UnixTime(since.as_secs().saturating_add(u64::from(since.subsec_nanos() > 0)))
}

fn audience(value: Item<'_>) -> Option<Vec<String>> {
    let audience = match value.as_str() {
        Some(one) => vec![one.to_owned()],
        None => {
            let mut many = owned(&value.as_texts()?);
            many.sort_unstable();
            many.dedup();
            many
        }
    };
    let fits = !audience.is_empty() && audience.iter().all(|one| !one.is_empty());
    fits.then_some(audience)
}

fn subject(text: String) -> Result<String, TokenError> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = visible && (1..=MAX_SUBJECT).contains(&text.len());
    if fits { Ok(text) } else { Err(TokenError::BadClaim("sub")) }
}

/// Okta's `scp` is an array of strings; nothing else is taken for one.
fn scp(value: Item<'_>) -> Result<Vec<String>, TokenError> {
    value.as_texts().map(|texts| owned(&texts)).ok_or(TokenError::BadClaim("scp"))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
