//! The table of answers.

use crate::support::{API, Ask, Browser, Gateway, PORTAL};

#[tokio::test]
async fn a_page_load_without_session_goes_to_the_provider() {
    let gateway = Gateway::new().await;
    let answer = gateway.ask(Ask::get(&format!("{PORTAL}/pets")).navigate()).await;
    let start = format!("{}/authorize?", gateway.provider.issuer);
    answer.sent_to(&start, "no_credentials");
}

#[tokio::test]
async fn a_login_ends_on_the_page_asked_for() {
    let gateway = Gateway::new().await;
    for page in [format!("{PORTAL}/a?b=c"), format!("{API}/api/pets?limit=1")] {
        let mut browser = Browser::default();
        let (at, answer) = browser.visit(&gateway, &page).await;
        assert_eq!(at, page);
        answer.granted();
    }
}
