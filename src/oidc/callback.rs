//! What the browser brings back from the provider.
//!
//! Pure: no I/O, no clock.

use super::form::{Form, Repeated};
use crate::secret::Secret;
use crate::token::Issuer;
use url::Url;

/// Longest code or error that is looked at.
const MAX_PARAMETER_BYTES: usize = 4096;

/// The parameters of a callback (RFC 6749 §4.1.2, RFC 9207 §2), each at most once.
#[derive(Debug)]
pub struct CallbackParameters {
    state: Secret<String>,
    code: Option<Secret<String>>,
    iss: Option<String>,
    error: Option<String>,
}

/// What the callback of a login of this browser comes to.
#[derive(Debug)]
pub enum Callback {
    /// An authorization code.
    Code(Secret<String>),
    /// The provider, or the person there, said no.
    AccessDenied,
    /// Another error of the provider. The text is one of the registered codes.
    Failed(&'static str),
}

/// Why a callback is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CallbackFault {
    /// A parameter twice.
    #[error(transparent)]
    Repeated(#[from] Repeated),
    /// No `state`.
    #[error("no state")]
    NoState,
    /// A parameter is longer than any provider makes it.
    #[error("a parameter is too long")]
    TooLong,
    /// `iss` is not the issuer that the login went to (RFC 9207 §2.4).
    #[error("iss names another issuer")]
    OtherIssuer,
    /// No `iss`, although the provider announces it.
    #[error("iss is missing")]
    NoIssuer,
    /// Neither `code` nor `error`, or both.
    #[error("expected either code or error")]
    NeitherOrBoth,
}

impl CallbackParameters {
    /// Reads the query of a callback.
    ///
    /// # Errors
    ///
    /// [`CallbackFault`].
    pub fn parse(query: &str) -> Result<Self, CallbackFault> {
        let form = Form::parse(query);
        let short = |value: Option<&str>| match value {
            Some(value) if value.len() > MAX_PARAMETER_BYTES => Err(CallbackFault::TooLong),
            other => Ok(other.map(str::to_owned)),
        };
        let state = short(form.only("state")?)?;
        Ok(Self {
            code: short(form.only("code")?)?.map(Secret::new),
            iss: short(form.only("iss")?)?,
            error: short(form.only("error")?)?,
            state: Secret::new(
                state.filter(|state| !state.is_empty()).ok_or(CallbackFault::NoState)?,
            ),
        })
    }

    /// The sealed state.
    #[must_use]
    pub fn state(&self) -> &str {
        self.state.expose()
    }

    /// The same callback at the host where the login began: `code`, `state`, `iss`, `error` alone.
    #[must_use]
    pub fn forward_to(&self, mut callback: Url) -> Url {
        callback.query_pairs_mut().append_pair("state", self.state.expose());
        let rest = [
            ("code", self.code.as_ref().map(|code| code.expose().as_str())),
            ("iss", self.iss.as_deref()),
            ("error", self.error.as_deref()),
        ];
        for (name, value) in rest {
            if let Some(value) = value {
                callback.query_pairs_mut().append_pair(name, value);
            }
        }
        callback
    }

    /// Judges the answer of `issuer`; `iss_announced` where its metadata promises the parameter.
    ///
    /// # Errors
    ///
    /// [`CallbackFault`].
    pub fn judge(self, issuer: &Issuer, iss_announced: bool) -> Result<Callback, CallbackFault> {
        match self.iss.as_deref() {
            Some(iss) if iss != issuer.as_str() => return Err(CallbackFault::OtherIssuer),
            None if iss_announced => return Err(CallbackFault::NoIssuer),
            _ => {}
        }
        match (self.code, self.error) {
            (Some(code), None) if !code.expose().is_empty() => Ok(Callback::Code(code)),
            (None, Some(error)) if error == "access_denied" => Ok(Callback::AccessDenied),
            (None, Some(error)) => Ok(Callback::Failed(registered(&error))),
            _ => Err(CallbackFault::NeitherOrBoth),
        }
    }
}

/// The registered code that `error` is, so that nothing else reaches a log or page
/// (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6).
fn registered(error: &str) -> &'static str {
    const CODES: [&str; 13] = [
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
        "invalid_client",
        "unmet_authentication_requirements",
        "invalid_request_uri",
    ];
    CODES.into_iter().find(|code| *code == error).unwrap_or("an unregistered error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        Issuer::parse("https://id.example", false).expect("an issuer")
    }

    fn judged(query: &str, iss_announced: bool) -> String {
        let parameters = match CallbackParameters::parse(query) {
            Ok(parameters) => parameters,
            Err(fault) => return fault.to_string(),
        };
        match parameters.judge(&issuer(), iss_announced) {
            Ok(Callback::Code(code)) => format!("code {}", code.expose()),
            Ok(Callback::AccessDenied) => "denied".to_owned(),
            Ok(Callback::Failed(code)) => format!("failed {code}"),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn takes_one_code_for_one_state_of_one_issuer() {
        let cases = [
            ("state=s&code=c", false, "code c"),
            ("state=s&code=c&iss=https%3A%2F%2Fid.example", true, "code c"),
            ("state=s&code=c", true, "iss is missing"),
            ("state=s&code=c&iss=https%3A%2F%2Fevil.example", false, "iss names another issuer"),
            ("state=s&code=c&iss=https%3A%2F%2Fid.example%2F", false, "iss names another issuer"),
            ("state=s&error=access_denied", false, "denied"),
            ("state=s&error=access_denied", true, "iss is missing"),
            ("state=s&error=server_error", false, "failed server_error"),
            ("state=s&error=%3Cscript%3E", false, "failed an unregistered error"),
            ("state=s&code=c&error=x", false, "expected either code or error"),
            ("state=s&code=", false, "expected either code or error"),
            ("state=s", false, "expected either code or error"),
            ("code=c", false, "no state"),
            ("state=&code=c", false, "no state"),
            ("", false, "no state"),
            ("state=s&state=s&code=c", false, "parameter `state` stands there more than once"),
            ("state=s&code=c&code=d", false, "parameter `code` stands there more than once"),
            ("state=s&code=c&iss=a&iss=b", false, "parameter `iss` stands there more than once"),
            ("state=s&error=a&error=b", false, "parameter `error` stands there more than once"),
        ];
        for (query, announced, want) in cases {
            assert_eq!(judged(query, announced), want, "{query}");
        }
        let long = format!("state=s&code={}", "c".repeat(MAX_PARAMETER_BYTES + 1));
        assert_eq!(judged(&long, false), "a parameter is too long");
    }

    #[test]
    fn forwards_the_four_parameters_and_no_other() {
        let parameters =
            CallbackParameters::parse("state=s&code=c%26d&iss=i&foo=bar&error_description=x");
        let to = Url::parse("https://api.example/.auth/callback").expect("a URL");
        let forwarded = parameters.expect("reads").forward_to(to);
        assert_eq!(
            forwarded.as_str(),
            "https://api.example/.auth/callback?state=s&code=c%26d&iss=i"
        );
    }
}
