//! Calls to a provider on behalf of one caller: code exchange, refresh, userinfo, revocation.

use super::answer::Answer;
use super::client::ClientError;
use super::fetch::{Entry, Shared};
use super::metadata::ProviderMetadata;
use super::registry::Providers;
use super::token_endpoint::{
    Message, RelyingParty, TokenEndpointError, TokenResponse, parse_userinfo, refusal,
};
use crate::random;
use crate::secret::Secret;
use crate::token::{Issuer, client_assertion};
use crate::trace;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;
use url::Url;

/// What a callback brings to the token endpoint (RFC 6749 §4.1.3, RFC 7636 §4.5).
#[derive(Clone, Copy, Debug)]
pub struct CodeGrant<'a> {
    /// The authorization code.
    pub code: &'a Secret<String>,
    /// The verifier of the challenge that the login sent.
    pub code_verifier: &'a Secret<String>,
    /// The redirect URI that the login sent, byte for byte.
    pub redirect_uri: &'a str,
}

/// What a call is for, and on whose account.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    /// Of whoever brings a code.
    Exchange,
    /// Of somebody who is signed in.
    Refresh,
    /// Besides one of those: userinfo, revocation.
    Aside,
}

impl Providers {
    /// Exchanges an authorization code. Never tried twice: a code counts once.
    ///
    /// # Errors
    ///
    /// [`TokenEndpointError`].
    pub async fn exchange_code(
        &self,
        issuer: &Issuer,
        client: &RelyingParty<'_>,
        grant: &CodeGrant<'_>,
    ) -> Result<TokenResponse, TokenEndpointError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", grant.code.expose()),
            ("redirect_uri", grant.redirect_uri),
            ("code_verifier", grant.code_verifier.expose()),
        ];
        self.token(Kind::Exchange, issuer, client, &fields).await
    }

    /// Exchanges a refresh token for fresh tokens, an ID token among them (`openid` is in `scopes`).
    ///
    /// # Errors
    ///
    /// [`TokenEndpointError`].
    pub async fn refresh(
        &self,
        issuer: &Issuer,
        client: &RelyingParty<'_>,
        refresh_token: &Secret<String>,
        scopes: &[String],
    ) -> Result<TokenResponse, TokenEndpointError> {
        let scope = scopes.join(" ");
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose().as_str()),
        ];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        self.token(Kind::Refresh, issuer, client, &fields).await
    }

    async fn token(
        &self,
        kind: Kind,
        issuer: &Issuer,
        client: &RelyingParty<'_>,
        fields: &[(&str, &str)],
    ) -> Result<TokenResponse, TokenEndpointError> {
        let call = Call::new(self, issuer)?;
        let endpoint = call.metadata.token_endpoint.clone();
        let span = trace::call("provider token", issuer.as_str());
        let answer = call.post(&endpoint, client, fields, kind).await;
        span.end(answer.is_err());
        TokenResponse::parse(&answer?.body)
    }

    /// Asks for claims about the person whose access token this is. Its `sub` must be compared with
    /// the ID token's (OpenID Connect Core 1.0 §5.3.2).
    ///
    /// # Errors
    ///
    /// [`TokenEndpointError`].
    pub async fn userinfo(
        &self,
        issuer: &Issuer,
        access_token: &Secret<String>,
    ) -> Result<Map<String, Value>, TokenEndpointError> {
        let call = Call::new(self, issuer)?;
        let endpoint = call.metadata.userinfo_endpoint.as_ref();
        let endpoint = endpoint.ok_or(TokenEndpointError::NoEndpoint)?;
        let span = trace::call("provider userinfo", issuer.as_str());
        let _turn = call.turn(Kind::Aside).await?;
        let answer = call.shared.client.get(endpoint, Some(access_token)).await;
        let answer = call.judge(Kind::Aside, answer);
        span.end(answer.is_err());
        parse_userinfo(&answer?)
    }

    /// Takes a refresh token back (RFC 7009). Whether it worked changes nothing for the caller.
    ///
    /// # Errors
    ///
    /// [`TokenEndpointError`], for the log.
    pub async fn revoke(
        &self,
        issuer: &Issuer,
        client: &RelyingParty<'_>,
        refresh_token: &Secret<String>,
    ) -> Result<(), TokenEndpointError> {
        let call = Call::new(self, issuer)?;
        let endpoint = call.metadata.revocation_endpoint.clone();
        let endpoint = endpoint.ok_or(TokenEndpointError::NoEndpoint)?;
        let fields =
            [("token", refresh_token.expose().as_str()), ("token_type_hint", "refresh_token")];
        let span = trace::call("provider revocation", issuer.as_str());
        let answer = call.post(&endpoint, client, &fields, Kind::Aside).await;
        span.end(answer.is_err());
        answer.map(|_answer| ())
    }
}

/// A call to an issuer that was heard before.
struct Call<'a> {
    shared: &'a Shared,
    entry: Arc<Entry>,
    metadata: Arc<ProviderMetadata>,
}

impl<'a> Call<'a> {
    fn new(providers: &'a Providers, issuer: &Issuer) -> Result<Self, TokenEndpointError> {
        let entry = providers.entry(&issuer.into());
        let heard = entry.and_then(|entry| {
            let metadata = entry.state().metadata.clone()?;
            Some(Self { shared: providers.shared(), entry, metadata })
        });
        heard.ok_or_else(|| TokenEndpointError::unasked("its metadata were never had", None))
    }

    /// Waits for one of the few calls that may run at a time, no longer than a call may take. There is
    /// none while refreshes pause.
    async fn turn(&self, kind: Kind) -> Result<SemaphorePermit<'_>, TokenEndpointError> {
        let turns = match kind {
            Kind::Exchange => &self.entry.exchanges,
            Kind::Refresh | Kind::Aside => &self.entry.others,
        };
        let Ok(Ok(turn)) = timeout(self.shared.timeout, turns.acquire()).await else {
            return Err(TokenEndpointError::unasked("too many calls at a time", None));
        };
        // After the wait: those before may have found out that it is no use.
        let pause = self.entry.state().refreshes_pause(self.shared.clock.now());
        match pause.filter(|_| kind == Kind::Refresh) {
            Some(pause) => Err(TokenEndpointError::unasked("refreshes pause", Some(pause))),
            None => Ok(turn),
        }
    }

    async fn post(
        &self,
        endpoint: &Url,
        client: &RelyingParty<'_>,
        fields: &[(&str, &str)],
        kind: Kind,
    ) -> Result<Answer, TokenEndpointError> {
        let _turn = self.turn(kind).await?;
        let now = self.shared.clock.now();
        let message = Message::new(client, fields, || {
            let id = random::token()?;
            let made = client_assertion(
                client.client_secret,
                client.client_id,
                endpoint.as_str(),
                &id,
                now,
            );
            Ok(made?)
        })?;
        let authorization = message.authorization.as_ref();
        let answer = self.shared.client.post(endpoint, authorization, &message.form).await;
        self.judge(kind, answer)
    }

    /// Sorts an answer, and writes down whether the provider works.
    ///
    /// Anybody can bring codes, and could have the provider turn us away (429): that has a fetch find
    /// out, and says nothing by itself. Nor does userinfo, which some providers have trouble with.
    fn judge(
        &self,
        kind: Kind,
        answer: Result<Answer, ClientError>,
    ) -> Result<Answer, TokenEndpointError> {
        let now = self.shared.clock.now();
        let judged = match answer {
            Ok(answer) if answer.is_ok() => Ok(answer),
            Ok(answer) => Err(refusal(&answer, now)),
            Err(error) => Err(TokenEndpointError::from_client(&error)),
        };
        match (&judged, kind) {
            (Err(TokenEndpointError::Unavailable { reason, retry_after, .. }), kind) => {
                if kind == Kind::Refresh {
                    self.entry.state().refresh_failed(reason.clone(), *retry_after, now);
                }
                self.entry.look(now);
            }
            (Ok(_) | Err(_), kind) => {
                if kind == Kind::Refresh {
                    self.entry.state().refresh_answered();
                }
                self.entry.reached(now);
            }
        }
        judged
    }
}
