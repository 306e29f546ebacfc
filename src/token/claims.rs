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
    all: Arc<Members>,
}

impl Claims {
    pub(super) fn parse(jws: &Jws<'_>) -> Result<Self, TokenError> {
        let all = jws.members().ok_or(TokenError::BadPayload)?;
        let text = |name| optional_text(all, name);
        let time_of = |name| optional_time(all, name);
        let no_email = all.get("email").is_some_and(Item::is_null);
        let email = if no_email { None } else { text("email")? };
        let email = email.filter(|email| !email.is_empty());
        let says_verified = all.get("email_verified").is_some_and(Item::is_true);
        Ok(Self {
            issuer: text("iss")?.ok_or(TokenError::BadClaim("iss"))?,
            audience: audience(all).ok_or(TokenError::BadClaim("aud"))?,
            subject: text("sub")?.map(subject).transpose()?,
            expires_at: time_of("exp")?,
            not_before: time_of("nbf")?,
            issued_at: time_of("iat")?,
            auth_time: time_of("auth_time")?,
            nonce: text("nonce")?,
            access_token_hash: text("at_hash")?,
            code_hash: text("c_hash")?,
            authorized_party: text("azp")?,
            session_id: text("sid")?,
            token_id: text("jti")?,
            acr: text("acr")?,
            cid: text("cid")?,
            uid: text("uid")?,
            scp: scp(all)?,
            client_id: text("client_id")?,
            scope: text("scope")?.map(|all| all.split(' ').map(str::to_owned).collect()),
            email_verified: says_verified && email.is_some(),
            email,
            is_bound: all.get("cnf").is_some(),
            token_type: jws.token_type(),
            algorithm: jws.algorithm(),
            kid: jws.kid().to_owned(),
            all: Arc::clone(all),
        })
    }

    /// A copy of the claim `name`; names are compared byte for byte, dots mean nothing.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        self.all.get(name).map(Item::to_value)
    }

    /// The time `name`, a part of a second counted as a whole one: for what is still to come.
    pub(super) fn time_rounded_up(&self, name: &str) -> Option<UnixTime> {
        let since = time(self.all.get(name)?)?;
        Some(UnixTime(since.as_secs().saturating_add(u64::from(since.subsec_nanos() > 0))))
    }

    /// When the token began to hold, by `nbf` and `iat`: a part of a second counts as a whole one.
    pub(crate) fn holds_from(&self) -> UnixTime {
        let times = ["nbf", "iat"].map(|name| self.time_rounded_up(name).unwrap_or_default());
        times.into_iter().max().unwrap_or_default()
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
        self.all.get(name).is_some()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(secret)")
    }
}

fn optional_text(all: &Members, name: &'static str) -> Result<Option<String>, TokenError> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let text = value.as_str().ok_or(TokenError::BadClaim(name))?;
    Ok(Some(text.to_owned()))
}

/// Fractions of a second are cut off.
fn optional_time(all: &Members, name: &'static str) -> Result<Option<UnixTime>, TokenError> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let since = time(value).ok_or(TokenError::BadClaim(name))?;
    Ok(Some(UnixTime(since.as_secs())))
}

/// Reads a `NumericDate` (RFC 7519 §2): not negative, less than 2^64.
fn time(value: Item<'_>) -> Option<Duration> {
    let value = value.as_number()?;
    let fraction = || {
        let seconds = value.as_f64().filter(|_| value.is_f64())?;
        Duration::try_from_secs_f64(seconds).ok()
    };
    value.as_u64().map(Duration::from_secs).or_else(fraction)
}

fn audience(all: &Members) -> Option<Vec<String>> {
    let value = all.get("aud")?;
    let mut audience = match value.as_str() {
        Some(one) => vec![one],
        None => value.as_texts()?,
    };
    audience.sort_unstable();
    audience.dedup();
    let fits = !audience.is_empty() && !audience.contains(&"");
    fits.then(|| owned(&audience))
}

fn subject(text: String) -> Result<String, TokenError> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = visible && (1..=MAX_SUBJECT).contains(&text.len());
    if fits { Ok(text) } else { Err(TokenError::BadClaim("sub")) }
}

/// Okta's `scp` is an array of strings; nothing else is taken for one.
fn scp(all: &Members) -> Result<Option<Vec<String>>, TokenError> {
    let Some(value) = all.get("scp") else { return Ok(None) };
    let texts = value.as_texts().ok_or(TokenError::BadClaim("scp"))?;
    Ok(Some(owned(&texts)))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
