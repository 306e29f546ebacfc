//! P22: a session that was signed out does not come back with a copy of what it was.

use crate::catalogue::j_logout::logout;
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};

const STORES: [fn(Setup) -> Setup; 3] = [|setup| setup, Setup::in_memory, Setup::in_redis];

#[tokio::test]
async fn p22_a_copy_of_a_session_that_signed_out_is_refused_as_long_as_it_could_live() {
    for store in STORES {
        let lives = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";
        let gateway = Gateway::with(store(Setup::default()).setting("portals", lives)).await;
        let page = format!("{PORTAL}/a");
        let mut browser = Browser::signed_in(&gateway, &page).await;
        // Copies of every generation: as it began, as it was refreshed, as it was used last.
        let mut copies = vec![browser.clone()];
        for _time in 0..2 {
            gateway.later(3661);
            browser.load(&gateway, &page).await.granted();
            copies.push(browser.clone());
        }
        gateway.ask(copies[2].dress(Ask::get(&page))).await.granted();
        browser.send(&gateway, logout(PORTAL)).await;
        let refreshes = gateway.provider.calls("/token", "refresh_token");
        for _time in 0..4 {
            for copy in &copies {
                for method in ["GET", "HEAD"] {
                    let ask = copy.dress(Ask::get(&page).method(method));
                    gateway.ask(ask).await.refused(401, "invalid_session");
                }
                let userinfo = copy.dress(Ask::get(&format!("{PORTAL}/.auth/userinfo")));
                assert_eq!(gateway.ask(userinfo).await.status, 401);
                let start = format!("{}/authorize", gateway.provider.issuer);
                let page = gateway.ask(copy.dress(Ask::get(&page).navigate())).await;
                page.sent_to(&start, "invalid_session");
            }
            gateway.later(2 * 3600);
        }
        let after = gateway.provider.calls("/token", "refresh_token");
        assert_eq!(after, refreshes, "a copy was refreshed");
        // The person comes back, and it is another session.
        gateway.later(61);
        gateway.provider.turn(|knobs| knobs.person["sid"] = "session-2".into());
        let again = Browser::signed_in(&gateway, &page).await;
        gateway.ask(again.dress(Ask::get(&page))).await.granted();
        gateway.ask(copies[0].dress(Ask::get(&page))).await.refused(401, "invalid_session");
    }
}

#[tokio::test]
async fn p22_a_session_of_another_host_or_key_is_no_copy_that_holds() {
    let gateway = Gateway::new().await;
    let mut portal = Browser::signed_in(&gateway, &format!("{PORTAL}/a")).await;
    let cookies = portal.cookies("portal.petstore.localhost").clone();
    let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let ask = Ask::get(&format!("{API}/pets")).header("cookie", &line.join("; "));
    gateway.ask(ask).await.refused(401, "invalid_session");
    let gateway = gateway.restarted(Setup::default().keys(&[2])).await;
    gateway
        .ask(portal.dress(Ask::get(&format!("{PORTAL}/a"))))
        .await
        .refused(401, "invalid_session");
}
