//! Where refresh tokens are seen.

use super::{home, plain, refreshes, setup};
use crate::support::{Ask, Browser, Gateway, PORTAL};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn k12_no_refresh_token_is_seen_in_logs_headers_cookies_or_metrics() {
    let lines = Lines::default();
    let to = lines.clone();
    // All of it, from every crate; the tasks of this test run in this thread.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || to.clone())
        .finish();
    let _logs = tracing::subscriber::set_default(subscriber);
    for memory in [false, true] {
        let setup = if memory { setup().in_memory() } else { setup() };
        let gateway = Gateway::with(setup).await;
        let mut said = Vec::new();
        let mut browser = Browser::default();
        let callback = browser.callback(&gateway, &home()).await;
        said.push(format!("{:?}", browser.load(&gateway, &callback).await));
        gateway.later(3660);
        said.push(format!("{:?}", browser.load(&gateway, &home()).await));
        let userinfo = Ask::get(&format!("{PORTAL}/.auth/userinfo")).fetch();
        said.push(format!("{:?}", browser.send(&gateway, userinfo).await));
        for error in [(500, "server_error"), (401, "invalid_client"), (400, "invalid_grant")] {
            gateway.provider.turn(|knobs| knobs.token_error = Some(error));
            gateway.later(3660 + 600);
            said.push(format!("{:?}", plain(&gateway, &browser).await));
        }
        assert!(refreshes(&gateway) >= 3);
        said.push(gateway.admin("/metrics").await.1);
        said.push(gateway.admin("/readyz").await.1);
        let mut logged = String::from_utf8_lossy(&lines.0.lock().expect("a lock")).into_owned();
        assert!(logged.contains("refresh"), "there are logs");
        logged.push_str(&said.concat());
        let tokens = gateway.provider.refresh_tokens();
        assert!(tokens.len() >= 2, "{tokens:?}");
        for token in tokens {
            assert!(!logged.contains(&token), "{token}");
        }
        for secret in ["hush hush", "hush+hush", "access-1", "code-1"] {
            assert!(!said.concat().contains(secret), "{secret}");
        }
    }
}
