//! P15: nothing that is secret stands in the log, whatever happens and however much is logged.

use crate::catalogue::j_logout::logout;
use crate::support::{API, Answer, Ask, Browser, Gateway, Log, PORTAL, SECRET, Setup};
use portcullis::config::LogFormat;
use serde_json::json;

/// Every secret of a test, as it goes along.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        self.0.push(secret.to_owned());
    }

    fn of_browser(&mut self, browser: &mut Browser) {
        for host in ["portal.petstore.localhost", "api.petstore.localhost"] {
            self.0.extend(browser.cookies(host).values().cloned());
        }
    }

    /// Cookies that were set, and what stands in the query of a redirect.
    fn of_answer(&mut self, answer: &Answer) {
        let values = answer.set_cookies().into_iter().filter_map(|cookie| {
            let value = cookie.split(';').next()?.split_once('=')?.1;
            (value.len() > 8).then(|| value.to_owned())
        });
        self.0.extend(values);
        if let Ok(to) = url::Url::parse(answer.location()) {
            let kept = ["state", "nonce", "code_challenge", "code", "id_token_hint", "continue"];
            let values = to.query_pairs().into_owned();
            self.0.extend(values.filter(|(name, _)| kept.contains(&name.as_str())).map(|(_, v)| v));
        }
    }

    /// Fails for each one that is in the log, whole or as any 16 bytes in a row.
    fn are_not_in(&self, log: &str) {
        assert!(self.0.len() > 100, "only {} secrets", self.0.len());
        for secret in self.0.iter().filter(|secret| !secret.is_empty()) {
            assert!(!log.contains(secret), "{secret} is logged: {log}");
            for part in secret.as_bytes().chunks_exact(16) {
                let part = String::from_utf8_lossy(part);
                assert!(!log.contains(part.as_ref()), "{part} of {secret} is logged: {log}");
            }
        }
        for never in ["eyJ", "ann@example.com", "00u1", "Bearer ", "Basic ", SECRET, "hush"] {
            let line = log.lines().find(|line| line.contains(never));
            assert_eq!(line, None, "{never} is logged");
        }
    }
}

/// Signs in on both hosts, is refreshed, and signs out.
async fn sessions(gateway: &Gateway, secrets: &mut Secrets) {
    let mut browser = Browser::default();
    for host in [PORTAL, API] {
        let mut at = format!("{host}/pets?token=in-the-query-{}", secrets.0.len());
        secrets.add("in-the-query-");
        for _hop in 0..10 {
            let answer = browser.load(gateway, &at).await;
            secrets.of_answer(&answer);
            secrets.of_browser(&mut browser);
            if answer.status != 302 && answer.status != 303 {
                answer.granted();
                break;
            }
            at = browser.next(gateway, &at, &answer);
        }
    }
    gateway.ask(browser.dress(Ask::get(&format!("{PORTAL}/.auth/userinfo")))).await;
    gateway.later(3550);
    for _time in 0..3 {
        let answer = browser.load(gateway, &format!("{PORTAL}/pets")).await;
        secrets.of_answer(&answer);
        secrets.of_browser(&mut browser);
    }
    gateway.ask(browser.dress(Ask::post(&format!("{API}/pets")))).await.refused(403, "cross_site");
    let answer = browser.send(gateway, logout(PORTAL)).await;
    secrets.of_answer(&answer);
    gateway.later(61);
}

/// Bearers and keys, good and bad.
async fn credentials(gateway: &Gateway, secrets: &mut Secrets) {
    let provider = &gateway.provider;
    let good = provider.id_token(&json!({}));
    let stranger = crate::support::token::Signer::new("key-of-a-stranger");
    let mut tokens = vec![
        good.clone(),
        provider.id_token(&json!({"exp": 1})),
        provider.id_token(&json!({"aud": "somebody-else-entirely"})),
        provider.id_token(&json!({"iss": "https://unknown.example"})),
        provider.access_token("api://nobody", &json!({})),
        stranger.sign(&provider.bearer_claims(&json!({}))),
        format!("{}x", good.split_at(good.len() - 2).0),
        "not-a-token-but-a-secret-all-the-same".to_owned(),
        "eyJhbGciOiJkaXIifQ..AAAAAAAAAAAA.secretciphertext.AAAA".to_owned(),
        "a.b.c".repeat(3000),
    ];
    for token in &tokens {
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await;
        gateway.ask(Ask::get(&format!("{API}/pets?access_token={token}"))).await;
        gateway.ask(Ask::get(&format!("{API}/pets")).header("api-key", token)).await;
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token).header("api-key", "k")).await;
        let cookie = format!("__Host-portcullis-s={token}; other=a-cookie-of-the-upstream");
        gateway.ask(Ask::get(&format!("{API}/pets")).header("cookie", &cookie)).await;
        let basic =
            Ask::get(&format!("{API}/pets")).header("authorization", &format!("Basic {token}"));
        gateway.ask(basic).await;
    }
    tokens.push("a-cookie-of-the-upstream".to_owned());
    secrets.0.append(&mut tokens);
}

/// Callbacks that do not hold, each of a login of its own.
async fn callbacks(gateway: &Gateway, secrets: &mut Secrets) {
    let spoil: [fn(&str) -> String; 7] = [
        |url| url.replace("code=code-", "code=stolen-code-of-another-"),
        |url| url.replace("state=", "state=A"),
        |url| url.replace("state=", "other="),
        |url| url.replace("iss=", "iss=https%3A%2F%2Fevil.example"),
        |url| {
            url.replace("code=", "error=access_denied&error_description=a-secret-description&code=")
        },
        |url| format!("{url}&code=a-second-code-in-the-query"),
        |url| url.to_owned(),
    ];
    for spoil in spoil {
        gateway.later(61);
        let mut browser = Browser::default();
        let url = browser.callback(gateway, &format!("{PORTAL}/pets")).await;
        secrets.of_browser(&mut browser);
        for _time in 0..2 {
            let answer = browser.load(gateway, &spoil(&url)).await;
            secrets.of_answer(&answer);
        }
        // The same without the flow cookie.
        gateway.ask(Ask::get(&spoil(&url)).navigate()).await;
    }
    secrets.0.extend(
        ["stolen-code-of-another-", "a-secret-description", "a-second-code-in-the-query"]
            .map(str::to_owned),
    );
}

/// Logouts by the provider, good and bad.
async fn logouts(gateway: &Gateway, secrets: &mut Secrets) {
    let provider = &gateway.provider;
    for changes in [json!({}), json!({"aud": "other"}), json!({"nonce": "n"}), json!({"jti": null})]
    {
        let token = provider.logout_token(&changes);
        let ask = Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"));
        let ask = ask.header("content-type", "application/x-www-form-urlencoded");
        gateway.ask(ask.body(&format!("logout_token={token}"))).await;
        secrets.add(&token);
        let token = provider.revocation_token(&changes);
        let ask = Ask::post(&format!("{PORTAL}/.auth/global-token-revocation"));
        let ask = ask.header("content-type", "application/json").bearer(&token);
        gateway
            .ask(ask.body("{\"sub_id\":{\"format\":\"email\",\"email\":\"ann@example.com\"}}"))
            .await;
        secrets.add(&token);
    }
}

/// A provider that fails in every way, and says so at length.
async fn faults(gateway: &Gateway, secrets: &mut Secrets) {
    let errors = [
        (500, "server_error"),
        (400, "invalid_grant"),
        (401, "invalid_client"),
        (429, "slow_down"),
        (400, "an-error-with-refresh-1-in-it"),
    ];
    for error in errors {
        gateway.later(61);
        gateway.provider.turn(|knobs| {
            knobs.token_error = None;
            // The one before was signed out.
            knobs.person["sid"] = "session-2".into();
        });
        let mut browser = Browser::signed_in(gateway, &format!("{PORTAL}/pets")).await;
        secrets.of_browser(&mut browser);
        gateway.provider.turn(|knobs| knobs.token_error = Some(error));
        gateway.later(3661);
        browser.load(gateway, &format!("{PORTAL}/pets")).await;
        let mut other = Browser::default();
        let answer = other.load(gateway, &format!("{PORTAL}/pets")).await;
        if answer.status == 302 {
            let url = other.next(gateway, PORTAL, &answer);
            secrets.of_browser(&mut other);
            other.load(gateway, &url).await;
        }
    }
    gateway.provider.turn(|knobs| knobs.token_error = None);
    for response in [
        json!({"id_token": "eyJub3QiOiJhIHRva2VuIn0.secret-and-no-token.x"}),
        json!({"access_token": null}),
        json!({"token_type": "a-secret-token-type"}),
    ] {
        gateway.later(61);
        gateway.provider.turn(|knobs| knobs.response = response);
        let mut browser = Browser::default();
        let url = browser.callback(gateway, &format!("{PORTAL}/pets")).await;
        secrets.of_browser(&mut browser);
        browser.load(gateway, &url).await;
    }
    gateway.provider.turn(|knobs| knobs.response = json!({}));
}

/// Edits that do not hold, in the places where secrets stand.
async fn edits(gateway: &Gateway, secrets: &mut Secrets) {
    let folder = gateway.folder.path();
    let good = std::fs::read_to_string(folder.join("portal/all.yaml")).expect("resources");
    let keys = std::fs::read_to_string(folder.join("session.keys")).expect("keys");
    secrets.add(keys.trim());
    let written = "stringData: {client_secret: \"hush hush\\n\"}";
    assert!(good.contains(written));
    for secret in [
        "{client_secret: {a-secret-as-a-key: b}}",
        "{client_secret: [a-secret-in-a-list]}",
        "a-secret-alone",
        "{client_secret: 'a-secret-that-never-ends",
        "{client_secret: !!binary a-secret-tag}",
    ] {
        let text = good.replace(written, &format!("stringData: {secret}"));
        std::fs::write(folder.join("portal/all.yaml"), text).expect("written");
        std::fs::write(folder.join("session.keys"), format!("a-secret-in-base64-{keys}"))
            .expect("written");
        gateway.load().await;
    }
    let base64 = good.replace(written, "data: {client_secret: 'a-secret-that-is-no-base64'}");
    std::fs::write(folder.join("portal/all.yaml"), base64).expect("written");
    gateway.load().await;
    secrets.add("a-secret-");
}

#[tokio::test]
async fn p15_no_secret_is_ever_logged() {
    let in_memory = Setup::default().in_memory();
    for (format, level, setup) in [
        (LogFormat::Json, tracing::Level::DEBUG, Setup::default()),
        (LogFormat::Json, tracing::Level::TRACE, in_memory.clone()),
        (LogFormat::Text, tracing::Level::TRACE, in_memory),
    ] {
        let log = Log::start(format, level);
        let gateway = Gateway::with(setup).await;
        let mut secrets = Secrets::default();
        sessions(&gateway, &mut secrets).await;
        credentials(&gateway, &mut secrets).await;
        callbacks(&gateway, &mut secrets).await;
        logouts(&gateway, &mut secrets).await;
        faults(&gateway, &mut secrets).await;
        edits(&gateway, &mut secrets).await;
        secrets.0.extend(gateway.provider.secrets());
        let log = log.text();
        secrets.are_not_in(&log);
        // The log was there, and says what happened.
        for said in [
            "granted",
            "invalid_token",
            "expired_token",
            "bad_callback",
            "invalid_session",
            "login started",
            "logout",
            "refresh",
            "reload",
        ] {
            assert!(log.contains(said), "{said} is not in the log");
        }
    }
}
