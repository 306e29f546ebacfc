//! Calls to a provider on behalf of one caller: code exchange, refresh, userinfo, revocation.

use super::client::{Answer, ClientError};
use super::fetch::{Entry, Shared};
use super::metadata::ProviderMetadata;
use super::registry::Providers;
use super::token_endpoint::{
    Message, RelyingParty, TokenEndpointError, TokenResponse, parse_userinfo, refusal,
};
use crate::random;
use crate::secret::Secret;
use crate::token::{Issuer, client_assertion};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};
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

/// What is shown to the token endpoint.
#[derive(Clone, Copy)]
enum Grant {
    Code,
    Refresh,
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
        self.token(Grant::Code, issuer, client, &fields).await
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
        self.token(Grant::Refresh, issuer, client, &fields).await
    }

    async fn token(
        &self,
        kind: Grant,
        issuer: &Issuer,
        client: &RelyingParty<'_>,
        fields: &[(&str, &str)],
    ) -> Result<TokenResponse, TokenEndpointError> {
        let call = Call::new(self, issuer)?;
        let endpoint = call.metadata.token_endpoint.clone();
        let turns = match kind {
            Grant::Code => &call.entry.exchanges,
            Grant::Refresh => &call.entry.renewals,
        };
        let answer = call.post(&endpoint, client, fields, turns).await?;
        TokenResponse::parse(&answer.body)
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
        let _turn = call.turn(&call.entry.renewals).await?;
        let answer = call.shared.client.get(endpoint, Some(access_token)).await;
        parse_userinfo(&call.judge(answer)?)
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
        call.post(&endpoint, client, &fields, &call.entry.renewals).await.map(|_answer| ())
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
        heard.ok_or_else(|| TokenEndpointError::Unavailable {
            reason: "its metadata were never had".to_owned(),
            retry_after: None,
        })
    }

    /// Waits for one of the few calls that may run at a time, no longer than a call may take.
    async fn turn<'t>(
        &self,
        turns: &'t Semaphore,
    ) -> Result<SemaphorePermit<'t>, TokenEndpointError> {
        match timeout(self.shared.timeout, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(TokenEndpointError::Unavailable {
                reason: "too many calls at a time".to_owned(),
                retry_after: None,
            }),
        }
    }

    async fn post(
        &self,
        endpoint: &Url,
        client: &RelyingParty<'_>,
        fields: &[(&str, &str)],
        turns: &Semaphore,
    ) -> Result<Answer, TokenEndpointError> {
        let _turn = self.turn(turns).await?;
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
        self.judge(answer)
    }

    /// Sorts an answer, and writes down whether the provider works.
    fn judge(&self, answer: Result<Answer, ClientError>) -> Result<Answer, TokenEndpointError> {
        let judged = match answer {
            Ok(answer) if answer.is_ok() => Ok(answer),
            Ok(answer) => Err(refusal(&answer, self.shared.clock.now())),
            Err(error) => Err(TokenEndpointError::from_client(&error)),
        };
        let outcome = match &judged {
            Err(error) if error.is_outage() => Err(error.to_string()),
            Ok(_) | Err(_) => Ok(()),
        };
        self.entry.record(outcome, self.shared);
        judged
    }
}
