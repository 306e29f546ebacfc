//! The words and statuses of every refusal.

use super::call::Call;
use crate::decision::{Challenge, Denied, Reason, Status};
use crate::limits::Quota;
use crate::policy::PortalId;
use std::time::Duration;
use url::form_urlencoded;

/// Seconds after which a client may try again while something is out of reach.
const RETRY_AFTER: &str = "5";
/// Longest that a provider can have a browser wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Host, path or context lead nowhere.
pub(super) fn no_route() -> Denied {
    Denied::refuse(
        Reason::NoRoute,
        Status::Forbidden,
        "Nothing to be found here",
        "This address belongs to no portal, environment or API product.",
    )
}

/// A preflight that the gateway's CORS filter did not answer: no origin of ours sent it.
pub(super) fn preflight() -> Denied {
    Denied::refuse(
        Reason::NoCredentials,
        Status::Forbidden,
        "Preflight refused",
        "Requests from this origin are not allowed here.",
    )
}

/// No credential, and no login can be offered to this client.
pub(super) fn no_credentials() -> Denied {
    let denied = Denied::refuse(
        Reason::NoCredentials,
        Status::Unauthorized,
        "Please sign in",
        "You have to sign in to see this. A program sends a token.",
    );
    denied.challenge(Challenge::Bearer)
}

/// The same, and several Portals have a login for this host.
pub(super) fn several_logins() -> Denied {
    let denied = Denied::refuse(
        Reason::NoCredentials,
        Status::Unauthorized,
        "Please sign in at your portal",
        "Several portals publish this API. Sign in at yours first, then come back.",
    );
    denied.challenge(Challenge::Bearer)
}

/// A session cookie that does not hold.
pub(super) fn invalid_session() -> Denied {
    let denied = Denied::refuse(
        Reason::InvalidSession,
        Status::Unauthorized,
        "Please sign in again",
        "Your session has ended.",
    );
    denied.challenge(Challenge::Bearer)
}

/// A bearer, or API key, that does not hold. All faults look alike; the log has the difference.
pub(super) fn invalid_token() -> Denied {
    let denied = Denied::refuse(
        Reason::InvalidToken,
        Status::Unauthorized,
        "Token refused",
        "The token is not valid here.",
    );
    denied.challenge(Challenge::InvalidToken)
}

/// An API key that does not hold: unknown, taken back, expired, or none at all.
pub(super) fn invalid_key() -> Denied {
    let denied = Denied::refuse(
        Reason::InvalidToken,
        Status::Unauthorized,
        "API key refused",
        "The API key is not valid here.",
    );
    denied.challenge(Challenge::InvalidToken)
}

/// An API key that holds, for something else, or whose owner has it no longer.
pub(super) fn key_not_granted() -> Denied {
    Denied::refuse(
        Reason::NotGranted,
        Status::Forbidden,
        "No access",
        "The API key is not for this. If you think it should be, ask the people who run this API.",
    )
}

/// Too many API keys from one address that did not hold.
pub(super) fn too_many_failures(wait: Duration) -> Denied {
    let denied = Denied::refuse(
        Reason::Limit,
        Status::TooManyRequests,
        "Too many attempts",
        "Too many API keys that are not valid came from your address. A key that is valid passes at any \
         time.",
    );
    denied.header("retry-after", wait.as_secs().to_string())
}

/// A bearer whose time is over.
pub(super) fn expired_token() -> Denied {
    let denied = Denied::refuse(
        Reason::ExpiredToken,
        Status::Unauthorized,
        "Token expired",
        "The token has expired. Get a new one and try again.",
    );
    denied.challenge(Challenge::InvalidToken)
}

/// Two credentials: which one would count?
pub(super) fn conflict() -> Denied {
    Denied::refuse(
        Reason::AmbiguousRequest,
        Status::BadRequest,
        "More than one credential",
        "The request carries more than one credential, so none of them counts.",
    )
}

/// A known caller whom no Group grants it.
pub(super) fn not_granted(call: &Call<'_>) -> Denied {
    let denied = Denied::refuse(
        Reason::NotGranted,
        Status::Forbidden,
        "No access",
        "You are signed in, but none of your groups has access to this. \
         If you think it should, ask the people who run this portal.",
    );
    with_sign_out(call, denied)
}

/// The limit of the usage plan is reached, until its window ends.
pub(super) fn over_limit(quota: Quota, told: bool) -> Denied {
    let denied = Denied::refuse(
        Reason::Limit,
        Status::TooManyRequests,
        "Too many requests",
        "Your usage plan allows no more requests for now. Please wait, and then try again.",
    );
    let denied = denied.header("retry-after", quota.reset.to_string());
    if !told {
        return denied;
    }
    quota.fields().into_iter().fold(denied, |denied, (name, value)| denied.header(name, value))
}

/// The Portal wants a verified e-mail.
pub(super) fn email_unverified(call: &Call<'_>) -> Denied {
    let denied = Denied::refuse(
        Reason::EmailUnverified,
        Status::Forbidden,
        "Please confirm your e-mail address",
        "You are signed in, but your e-mail address is not confirmed yet. \
         Follow the link in the message that was sent to you, then try again.",
    );
    with_sign_out(call, link(call, denied, "Try again", login_again))
}

fn with_sign_out(call: &Call<'_>, denied: Denied) -> Denied {
    if !call.client.kind().reads_pages() {
        return denied;
    }
    denied.button("Sign out", format!("{}/logout", call.settings().endpoints.base))
}

/// Adds a link for people. A program gets none, so none is made for it.
fn link(
    call: &Call<'_>,
    denied: Denied,
    text: &'static str,
    to: fn(&Call<'_>) -> String,
) -> Denied {
    if call.client.kind().reads_pages() { denied.link(text, to(call)) } else { denied }
}

/// A cookie, and no evidence that our own page sent the request.
pub(super) fn cross_site() -> Denied {
    Denied::refuse(
        Reason::CrossSite,
        Status::Forbidden,
        "Request from another site refused",
        "This request came with your session, but nothing shows that a page of this site sent it. \
         It was not passed on.",
    )
}

/// The issuer's keys cannot be had.
pub(super) fn keys_unavailable() -> Denied {
    unavailable(
        Reason::KeysUnavailable,
        "Not available right now",
        "The keys to check this sign-in with cannot be fetched right now. Nothing is wrong with the \
         sign-in itself: please try again in a few minutes.",
    )
}

/// A session cannot be had.
pub(super) fn store_unavailable() -> Denied {
    unavailable(
        Reason::StoreUnavailable,
        "Not available right now",
        "Your sign-in cannot be looked up right now. Please try again in a few minutes.",
    )
}

/// A login cannot begin: the provider cannot be reached.
pub(super) fn provider_unavailable(call: &Call<'_>) -> Denied {
    let denied = unavailable(
        Reason::ProviderUnavailable,
        "Signing in is not possible right now",
        "The sign-in service cannot be reached. It is not your account or your browser: please try \
         again in a few minutes.",
    );
    link(call, denied, "Try again", same_page)
}

/// A login cannot begin: the provider lacks what every login here needs.
pub(super) fn provider_unfit(call: &Call<'_>) -> Denied {
    let denied = unavailable(
        Reason::ProviderUnavailable,
        "Signing in is not possible right now",
        "The sign-in service lacks something that this portal asks of it. It is not your account or \
         your browser: please tell the people who run this portal.",
    );
    link(call, denied, "Try again", same_page)
}

/// A login cannot end: the provider cannot be reached. The code that came is spent.
pub(super) fn login_unavailable(call: &Call<'_>, retry_after: Option<Duration>) -> Denied {
    let mut denied = unavailable(
        Reason::ProviderUnavailable,
        "Signing in is not possible right now",
        "The sign-in service did not answer, so this sign-in could not be finished. It is not your \
         account or your browser: please sign in again in a few minutes.",
    );
    if let Some(wait) = retry_after.filter(|wait| wait.as_secs() > 0) {
        let seconds = wait.min(LONGEST_RETRY_AFTER).as_secs().to_string();
        denied.headers.retain(|(name, _)| *name != "retry-after");
        denied = denied.header("retry-after", seconds);
    }
    link(call, denied, "Sign in again", login_start)
}

/// A session whose identity is over, and cannot be renewed while the provider is out of reach.
pub(super) fn session_unavailable(call: &Call<'_>) -> Denied {
    let denied = unavailable(
        Reason::ProviderUnavailable,
        "Your sign-in cannot be renewed right now",
        "The sign-in service cannot be reached, and your sign-in is too old to go on without it. \
         You stay signed in, and can go on as soon as it is back: please try again in a few minutes.",
    );
    let denied = link(call, denied, "Try again", same_page);
    link(call, denied, "Sign in anew", login_again)
}

/// The system gives no randomness, or the cipher failed.
pub(super) fn internal() -> Denied {
    unavailable(
        Reason::Internal,
        "Not available right now",
        "Something went wrong on our side. Please try again.",
    )
}

fn unavailable(reason: Reason, title: &'static str, detail: &'static str) -> Denied {
    let status = Status::ServiceUnavailable;
    Denied::refuse(reason, status, title, detail).header("retry-after", RETRY_AFTER)
}

/// A login that came back wrong. The link starts again.
pub(super) fn bad_callback(call: &Call<'_>) -> Denied {
    let denied = Denied::refuse(
        Reason::BadCallback,
        Status::BadRequest,
        "Sign-in did not work",
        "What came back from the sign-in service cannot be used. Perhaps this sign-in was used \
         already, took too long, or began in another browser. Please start again.",
    );
    link(call, denied, "Sign in again", login_start)
}

/// The provider, or the person there, said no.
pub(super) fn access_denied(call: &Call<'_>) -> Denied {
    let denied = Denied::refuse(
        Reason::BadCallback,
        Status::Forbidden,
        "Sign-in was refused",
        "The sign-in service did not let you in. Perhaps your account is not assigned to this \
         portal yet; the people who run it can do that.",
    );
    link(call, denied, "Sign in again", login_start)
}

/// What a session needs does not fit into cookies.
pub(super) fn too_large(call: &Call<'_>) -> Denied {
    let denied = Denied::refuse(
        Reason::BadCallback,
        Status::BadRequest,
        "Sign-in did not work",
        "What has to be remembered of this sign-in does not fit into a browser's cookies. \
         Please tell the people who run this portal.",
    );
    link(call, denied, "Sign in again", login_start)
}

/// Login after login, and no session that holds.
pub(super) fn login_loop(call: &Call<'_>) -> Denied {
    let denied = Denied::refuse(
        Reason::LoginLoop,
        Status::Forbidden,
        "Signed in, but the browser does not remember",
        "You signed in several times within a minute, and each time the session was gone. \
         Perhaps this browser does not keep cookies for this site.",
    );
    link(call, denied, "Sign in again", login_start)
}

/// An endpoint that takes another method.
pub(super) fn method_not_allowed(allow: &'static str) -> Denied {
    let denied = Denied::refuse(
        Reason::Endpoint,
        Status::MethodNotAllowed,
        "Method not allowed",
        "This endpoint takes another method.",
    );
    denied.header("allow", allow)
}

/// The link that signs in and comes back to the page asked for.
pub(super) fn login_again(call: &Call<'_>) -> String {
    let return_to: String =
        form_urlencoded::byte_serialize(call.attributes.path.as_str().as_bytes()).collect();
    format!("{}/login?return_to={return_to}", call.settings().endpoints.base)
}

fn same_page(call: &Call<'_>) -> String {
    call.attributes.path.as_str().to_owned()
}

fn login_start(call: &Call<'_>) -> String {
    format!("{}/login", call.settings().endpoints.base)
}

/// Adds to a refusal the link that signs in, where there is a login.
pub(super) fn with_login(call: &Call<'_>, portal: Option<PortalId>, denied: Denied) -> Denied {
    match portal {
        Some(_) => link(call, denied, "Sign in", login_again),
        None => denied,
    }
}
