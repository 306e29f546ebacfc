use super::*;
use crate::token::fixtures::b64;

/// ID token, access token, refresh token, seconds.
type Read = (Option<String>, String, Option<String>, Option<u64>);

fn read(body: &str) -> Result<Read, TokenEndpointError> {
    let response = TokenResponse::parse(body.as_bytes())?;
    let text = |secret: Option<Secret<String>>| secret.map(|secret| secret.expose().clone());
    let expires_in = response.expires_in.map(|span| span.as_secs());
    Ok((
        text(response.id_token),
        response.access_token.expose().clone(),
        text(response.refresh_token),
        expires_in,
    ))
}

#[test]
fn reads_a_token_response() {
    let whole = "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"id_token\":\"i\",\"refresh_token\":\"r\",\
        \"expires_in\":3600,\"scope\":\"openid\",\"more\":{}}";
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read(whole), Ok((some("i"), "a".to_owned(), some("r"), Some(3600))));
    let least = "{\"token_type\":\"bearer\",\"access_token\":\"a\"}";
    assert_eq!(read(least), Ok((None, "a".to_owned(), None, None)));
    let empty = "{\"token_type\":\"bearer\",\"access_token\":\"a\",\"id_token\":\"\"}";
    assert_eq!(read(empty), Ok((some(""), "a".to_owned(), None, None)));
}

#[test]
fn refuses_what_is_no_token_response() {
    let cases = [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("<html>", "no JSON object"),
        (
            "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"access_token\":\"b\"}",
            "no JSON object",
        ),
        ("{\"access_token\":\"a\"}", "token_type"),
        ("{\"token_type\":\"DPoP\",\"access_token\":\"a\"}", "token_type"),
        ("{\"token_type\":\"mac\",\"access_token\":\"a\"}", "token_type"),
        ("{\"token_type\":\"Bearer\"}", "access_token"),
        ("{\"token_type\":\"Bearer\",\"access_token\":\"\"}", "access_token"),
        ("{\"token_type\":\"Bearer\",\"access_token\":5}", "access_token"),
        ("{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"id_token\":null}", "id_token"),
        (
            "{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"refresh_token\":[]}",
            "refresh_token",
        ),
        ("{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":\"1\"}", "expires_in"),
        ("{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"expires_in\":-1}", "expires_in"),
    ];
    for (body, want) in cases {
        assert_eq!(read(body), Err(TokenEndpointError::Malformed(want)), "{body}");
    }
}

#[test]
fn encodes_id_and_secret_before_it_joins_them() {
    let secret = Secret::new("p:w d+%\u{e9}&=".to_owned());
    let client = RelyingParty {
        client_id: "my:id",
        client_secret: &secret,
        authentication: ClientAuthentication::Basic,
    };
    let message =
        Message::new(&client, &[("a", "b c&d")], || panic!("none is needed")).expect("a message");
    let header = message.authorization.expect("a header");
    let pair =
        STANDARD.decode(header.expose().strip_prefix("Basic ").expect("basic")).expect("base64");
    assert_eq!(String::from_utf8_lossy(&pair), "my%3Aid:p%3Aw+d%2B%25%C3%A9%26%3D");
    assert_eq!(message.form.expose(), "a=b+c%26d");
    assert_eq!(b64(b"\xff"), "_w");
}

#[test]
fn shows_the_secret_in_the_way_that_is_set() {
    let secret = Secret::new("s&1".to_owned());
    let assertion = || Ok(Secret::new("j.w.t".to_owned()));
    let cases = [
        (ClientAuthentication::Post, "g=1&client_id=c&client_secret=s%261"),
        (
            ClientAuthentication::PrivateKeyJwt,
            "g=1&client_id=c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type\
             %3Ajwt-bearer&client_assertion=j.w.t",
        ),
        (ClientAuthentication::None, "g=1&client_id=c"),
    ];
    for (authentication, want) in cases {
        let client = RelyingParty { client_id: "c", client_secret: &secret, authentication };
        let message = Message::new(&client, &[("g", "1")], assertion).expect("a message");
        assert_eq!(message.form.expose(), want);
        assert!(message.authorization.is_none());
        assert!(!format!("{message:?}").contains("s%261"));
    }
}
