//! The end of a session at the provider.
//!
//! Pure: no I/O, no clock.

use url::Url;

/// Where the browser goes to sign out (OpenID Connect RP-Initiated Logout 1.0 §2).
///
/// An expired `id_token_hint` is fine there; without one the provider asks the person. `back_to` is
/// one fixed URL, registered at the provider.
#[must_use]
pub fn end_session_url(endpoint: &Url, id_token_hint: &str, client_id: &str, back_to: &str) -> Url {
    let mut url = endpoint.clone();
    url.query_pairs_mut().append_pair("client_id", client_id);
    if !id_token_hint.is_empty() {
        url.query_pairs_mut().append_pair("id_token_hint", id_token_hint);
    }
    url.query_pairs_mut().append_pair("post_logout_redirect_uri", back_to);
    url
}
