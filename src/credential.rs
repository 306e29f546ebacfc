//! What a client brought to be known by.
//!
//! Pure: no I/O, no clock.

use crate::api_key::HEADER;
use crate::attributes::{Headers, split_at_commas};

/// A credential, as far as the header fields tell. Where one of the first four is there, cookies
/// are not looked at, not even when it does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credential<'a> {
    /// `authorization: Bearer`, two of them, or beside an API key: which one counts?
    Conflict,
    /// `authorization: Bearer` without a token that could be one (RFC 6750 §2.1).
    MalformedBearer,
    /// `authorization: Bearer` and a token.
    Bearer(&'a str),
    /// An API key, as it came.
    ApiKey(&'a str),
    /// None of ours: the session cookie decides, if there is one.
    Cookie,
}

/// Which credential was judged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CredentialKind {
    /// None came.
    #[default]
    None,
    /// A session cookie.
    Session,
    /// A bearer token that is an ID token.
    IdToken,
    /// A bearer token that is an access token.
    AccessToken,
    /// A bearer token that was not recognized.
    Bearer,
    /// An API key.
    ApiKey,
}

impl CredentialKind {
    /// For logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Session => "session",
            Self::IdToken => "id_token",
            Self::AccessToken => "access_token",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
        }
    }
}

/// Tells credentials apart. Envoy joins fields of one name with commas, so a comma counts as two.
///
/// Keys come in [`HEADER`].
#[must_use]
pub fn classify<'h>(headers: &'h Headers<'_>) -> Credential<'h> {
    classify_by(headers, HEADER)
}

/// The same with keys in this header, named in lower case.
#[must_use]
pub fn classify_by<'h>(headers: &'h Headers<'_>, key_header: &'h str) -> Credential<'h> {
    usual(headers, key_header).unwrap_or_else(|| by_count(headers, key_header))
}

/// What stands behind `Bearer` in the only field there is of one, where no key came: what [`classify_by`] takes
/// for the token, if it takes it for one. It is not looked through, so that who knows a token by all of its text
/// does not have to.
#[must_use]
pub fn lone_bearer<'h>(headers: &'h Headers<'_>, key_header: &str) -> Option<&'h str> {
    let token = headers.only("authorization")?.strip_prefix("Bearer ")?;
    (!token.is_empty() && !headers.has(key_header)).then_some(token)
}

/// One bearer, as nearly every client sends it, and no key.
fn usual<'h>(headers: &'h Headers<'_>, key_header: &str) -> Option<Credential<'h>> {
    let token = lone_bearer(headers, key_header)?;
    is_graphic(token, true).then_some(Credential::Bearer(token))
}

/// The same, whatever comes.
fn by_count<'h>(headers: &'h Headers<'_>, key_header: &'h str) -> Credential<'h> {
    let (mut bearers, mut fields) = (0_usize, 0_usize);
    for field in headers.all("authorization").flat_map(split_at_commas) {
        fields = fields.saturating_add(1);
        bearers = bearers.saturating_add(usize::from(is_bearer(field)));
    }
    let keys = headers.all(key_header).flat_map(split_at_commas).count();
    match (bearers, fields, keys) {
        (0, _, 0) => Credential::Cookie,
        (0, _, 1) => Credential::ApiKey(headers.only(key_header).unwrap_or_default()),
        (1, 1, 0) => token(headers.only("authorization").unwrap_or_default()),
        _ => Credential::Conflict,
    }
}

/// Whether a bearer is an API key, where keys may come as that: a JWT has dots, a key that comes so has none.
/// What it is not is not tried.
#[must_use]
pub fn is_key(bearer: &str) -> bool {
    !bearer.contains('.')
}

/// Whether a field means to be a bearer, well-formed or not.
fn is_bearer(field: &str) -> bool {
    behind_bearer(field.trim_start()).is_some()
}

/// What stands behind the scheme of a bearer. Schemes ignore letter case (RFC 9110 §11.1), and go on for as
/// long as they can.
fn behind_bearer(field: &str) -> Option<&str> {
    const BEARER: &str = "bearer";
    let (scheme, behind) = field.split_at_checked(BEARER.len())?;
    let goes_on = behind.bytes().next().is_some_and(is_of_scheme);
    (!goes_on && scheme.eq_ignore_ascii_case(BEARER)).then_some(behind)
}

/// Whether schemes are made of it (RFC 9110 §5.6.2).
const fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
        || matches!(byte, b'^' | b'_' | b'`' | b'|' | b'~')
}

/// The token behind the scheme and exactly one space.
fn token(field: &str) -> Credential<'_> {
    match behind_bearer(field).and_then(|behind| behind.strip_prefix(' ')) {
        Some(token) if !token.is_empty() && is_graphic(token, false) => Credential::Bearer(token),
        _ => Credential::MalformedBearer,
    }
}

/// Whether all of it is visible ASCII, and there is no comma, where there may be none. Looks at every byte,
/// whatever it finds, and only adds up what it finds in bytes: so it looks at many at once.
#[inline]
fn is_graphic(token: &str, is_alone: bool) -> bool {
    // Without commas no byte counts as one that has its value.
    let comma = if is_alone { b',' } else { 0 };
    // Not zero for every byte but those from `!` to `~`, and for a comma.
    let excess =
        |byte: u8| byte.wrapping_sub(b'!').saturating_sub(b'~' - b'!') | u8::from(byte == comma);
    let (blocks, rest) = token.as_bytes().as_chunks::<32>();
    let mut found = [0; 32];
    for block in blocks {
        for (found, byte) in found.iter_mut().zip(block) {
            *found |= excess(*byte);
        }
    }
    found.into_iter().chain(rest.iter().map(|byte| excess(*byte))).fold(0, |all, one| all | one)
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As it says: the scheme is what stands before the first character that no scheme has.
    fn behind_scheme_bearer(field: &str) -> Option<&str> {
        let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let end = field.bytes().take_while(goes_on).count();
        let (scheme, behind) = field.split_at_checked(end)?;
        scheme.eq_ignore_ascii_case("bearer").then_some(behind)
    }

    proptest! {
        #[test]
        fn finds_the_scheme_as_the_plain_way_does(
            field in "([Bb][Ee][Aa][Rr][Ee][Rr]?|[a-z]{0,7})\\PC{0,2}.{0,2}",
            byte in 0_u8..0x80,
        ) {
            prop_assert_eq!(behind_bearer(&field), behind_scheme_bearer(&field));
            let field = format!("BEARER{}x", char::from(byte));
            prop_assert_eq!(behind_bearer(&field), behind_scheme_bearer(&field));
        }

        #[test]
        fn finds_what_is_not_visible_wherever_it_stands(
            length in 0_usize..200,
            place in any::<prop::sample::Index>(),
            character in prop_oneof![
                any::<char>(),
                (0_u8..0x80).prop_map(char::from),
                prop::sample::select(vec!['\0', '\t', ' ', '!', ',', '~', '\u{7f}', '\u{80}', '\u{ff}']),
            ],
        ) {
            let mut text = "x".repeat(length);
            prop_assert!(is_graphic(&text, false) && is_graphic(&text, true));
            text.insert(place.index(length + 1), character);
            let all = text.bytes().all(|byte| byte.is_ascii_graphic());
            prop_assert_eq!(is_graphic(&text, false), all);
            prop_assert_eq!(is_graphic(&text, true), all && !text.contains(','));
        }

        #[test]
        fn what_is_usual_is_what_it_is_by_count(
            fields in prop::collection::vec(
                ("authorization|api-key|other", "([Bb]earer ?)?[a-z.]{0,40}[ ,\\PC]?[a-z.]{0,40}(,Bearer x)?"),
                0..3,
            ),
        ) {
            let mut headers = Headers::default();
            fields.iter().for_each(|(name, value)| headers.add(name.as_str(), value.as_str()));
            if let Some(usual) = usual(&headers, HEADER) {
                prop_assert_eq!(usual, by_count(&headers, HEADER));
            }
            let bearer = format!("Bearer {}", "x.y".repeat(fields.len() + 1));
            let mut headers = Headers::default();
            headers.add("authorization", bearer.as_str());
            prop_assert!(usual(&headers, HEADER).is_some());
        }
    }

    #[test]
    fn tells_credentials_apart() {
        use Credential::{ApiKey, Bearer, Conflict, Cookie, MalformedBearer};
        const AUTHORIZATION: &str = "authorization";
        const KEY: &str = "api-key";
        type Case<'c> = (&'c [(&'c str, &'c str)], Credential<'c>);
        let cases: [Case<'_>; 29] = [
            (&[], Cookie),
            (&[(AUTHORIZATION, "Basic dTpw")], Cookie),
            (&[(AUTHORIZATION, "Basic a"), (AUTHORIZATION, "Basic b")], Cookie),
            (&[(AUTHORIZATION, "Bearer x.y.z")], Bearer("x.y.z")),
            (&[(AUTHORIZATION, "bEARER x.y.z")], Bearer("x.y.z")),
            (&[(AUTHORIZATION, "Bearer")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer ")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer  x")], MalformedBearer),
            (&[(AUTHORIZATION, " Bearer x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer\tx")], MalformedBearer),
            (&[(AUTHORIZATION, "\u{b}Bearer x")], MalformedBearer),
            (&[(AUTHORIZATION, "\u{a0}Bearer x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer x y")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer x\u{e9}")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer=x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer\t x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer= x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer:x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer\u{a0}x")], MalformedBearer),
            (&[(AUTHORIZATION, "\u{a0}Bearer x")], MalformedBearer),
            (&[(AUTHORIZATION, "Bearer-x y")], Cookie),
            (&[(AUTHORIZATION, "Bearer a,Bearer b")], Conflict),
            (&[(AUTHORIZATION, "Bearer a"), (AUTHORIZATION, "Bearer a")], Conflict),
            (&[(AUTHORIZATION, "Bearer a"), (AUTHORIZATION, "Basic b")], Conflict),
            (&[(AUTHORIZATION, "Basic a, Bearer b")], Conflict),
            (&[(KEY, "k")], ApiKey("k")),
            (&[(KEY, "k"), (AUTHORIZATION, "Basic b")], ApiKey("k")),
            (&[(KEY, "k,l")], Conflict),
            (&[(KEY, "k"), (AUTHORIZATION, "Bearer a")], Conflict),
        ];
        for (fields, want) in cases {
            let mut headers = Headers::default();
            for (name, value) in fields {
                headers.add(*name, *value);
            }
            assert_eq!(classify(&headers), want, "{fields:?}");
        }
    }
}
