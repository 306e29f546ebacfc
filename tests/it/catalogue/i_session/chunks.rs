//! Sessions over several cookies, and requests with very many.

use super::{HOST, SESSION, home, plain, stale, with_line};
use crate::support::{Ask, Browser, Gateway, PORTAL, Setup};
use serde_json::json;

const SECOND: &str = "__Host-portcullis-s-1";
const CHUNK: usize = 3800;

/// A service whose sessions take two cookies.
async fn large() -> Gateway {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.response = json!({"refresh_token": "r".repeat(3000)}));
    gateway
}

async fn in_two(gateway: &Gateway) -> Browser {
    let mut browser = Browser::signed_in(gateway, &home()).await;
    assert!(browser.cookies(HOST).contains_key(SECOND), "{:?}", browser.cookies(HOST).keys());
    browser
}

#[tokio::test]
async fn i12_a_part_is_never_taken_for_the_whole() {
    let gateway = large().await;
    let mut good = in_two(&gateway).await;
    plain(&gateway, &good).await.granted();
    gateway.later(1);
    let mut other = in_two(&gateway).await;
    let (first, second) = (good.cookies(HOST)[SESSION].clone(), good.cookies(HOST)[SECOND].clone());
    let foreign = other.cookies(HOST)[SECOND].clone();
    let third = "__Host-portcullis-s-2";
    let one = first.replacen("2.", "1.", 1);
    let three = first.replacen("2.", "3.", 1);
    let joined = format!("{one}{second}");
    let shorter: String = second.chars().take(second.len() - 4).collect();
    let cases: [(&str, &[(&str, &str)]); 16] = [
        ("second is missing", &[(SESSION, &first)]),
        ("first is missing", &[(SECOND, &second)]),
        ("the first alone, as if it were all", &[(SESSION, &one)]),
        ("first says one, second is there", &[(SESSION, &one), (SECOND, &second)]),
        ("an extra one", &[(SESSION, &first), (SECOND, &second), (third, &second)]),
        (
            "an extra one far away",
            &[(SESSION, &first), (SECOND, &second), ("__Host-portcullis-s-9", "x")],
        ),
        ("first says three", &[(SESSION, &three), (SECOND, &second)]),
        ("three, and the second twice", &[(SESSION, &three), (SECOND, &second), (third, &second)]),
        (
            "exchanged",
            &[(SESSION, &format!("2.{second}")), (SECOND, first.trim_start_matches("2."))],
        ),
        ("the second in the third place", &[(SESSION, &three), (third, &second)]),
        ("of another session", &[(SESSION, &first), (SECOND, &foreign)]),
        ("cut", &[(SESSION, &first), (SECOND, &shorter)]),
        ("longer", &[(SESSION, &first), (SECOND, &format!("{second}AAAA"))]),
        ("empty", &[(SESSION, &first), (SECOND, "")]),
        ("another number for it", &[(SESSION, &first), ("__Host-portcullis-s-01", &second)]),
        ("all of it in one, and another count", &[(SESSION, &joined.replacen("1.", "2.", 1))]),
    ];
    for (what, pairs) in cases {
        let line: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = with_line(&gateway, &line.join("; ")).await;
        assert_eq!((answer.status, answer.reason()), (401, "invalid_session"), "{what}");
        assert!(!answer.set_cookies().is_empty(), "{what}: cleared");
    }
    // The order of the cookies is the browser's to choose.
    with_line(&gateway, &format!("{SECOND}={second}; a=b; {SESSION}={first}")).await.granted();
    gateway.later(61);
    let mut broken = good.clone();
    broken.cookies(HOST).remove(SECOND);
    stale(&gateway, &broken).await;
}

#[tokio::test]
async fn i12_a_text_that_fills_its_cookies_exactly_is_whole() {
    for chunks in [1, 2] {
        let gateway = Gateway::new().await;
        let size = |browser: &mut Browser| -> usize {
            let parts = browser.cookies(HOST).iter().filter(|(name, _)| name.starts_with(SESSION));
            parts.map(|(_, value)| value.len()).sum::<usize>() - "1.".len()
        };
        let mut length = 100;
        let mut browser = Browser::default();
        for _try in 0..8 {
            let token = "r".repeat(length);
            gateway.provider.turn(|knobs| knobs.response = json!({ "refresh_token": token }));
            browser = Browser::signed_in(&gateway, &home()).await;
            // Three bytes are four characters; a byte or two more may be in a length before it.
            let missing = (chunks * CHUNK).cast_signed() - size(&mut browser).cast_signed();
            if missing == 0 {
                break;
            }
            let step = if missing.abs() < 4 { missing.signum() } else { missing * 3 / 4 };
            length = length.checked_add_signed(step).expect("a length");
        }
        assert_eq!(size(&mut browser), chunks * CHUNK);
        let parts = browser.cookies(HOST).keys().filter(|name| name.starts_with(SESSION)).count();
        assert_eq!(parts, chunks, "no empty one behind");
        plain(&gateway, &browser).await.granted();
        if chunks == 2 {
            browser.cookies(HOST).remove(SECOND);
            plain(&gateway, &browser).await.refused(401, "invalid_session");
        }
    }
}

#[tokio::test]
async fn i12_a_smaller_session_clears_the_cookies_of_a_larger_one() {
    let gateway = large().await;
    let mut browser = in_two(&gateway).await;
    gateway.provider.turn(|knobs| knobs.response = json!({}));
    gateway.later(61);
    browser.visit(&gateway, &format!("{PORTAL}/.auth/signup?return_to=/home")).await.1.granted();
    assert!(!browser.cookies(HOST).contains_key(SECOND));
    plain(&gateway, &browser).await.granted();
}

#[tokio::test]
async fn i11_very_many_cookies_are_bounded_work_and_a_bounded_answer() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    let session = browser.cookies(HOST)[SESSION].clone();
    let many = |name: &dyn Fn(usize) -> String, value: &str, count: usize| {
        (0..count).map(|at| format!("{}={value}", name(at))).collect::<Vec<_>>().join("; ")
    };
    // Others are no business of ours, and go on as they are.
    let others = many(&|at| format!("c{at}"), &"x".repeat(200), 300);
    assert!(others.len() > 60_000);
    let answer = with_line(&gateway, &format!("{others}; {SESSION}={session}")).await;
    assert_eq!(answer.granted().set["cookie"], others);
    let answer = with_line(&gateway, &others).await;
    answer.refused(401, "no_credentials");
    let hostile = [
        ("the same again", many(&|_| SESSION.to_owned(), "1.x", 3000)),
        ("parts", many(&|at| format!("{SESSION}-{at}"), "x", 2500)),
        ("logins", many(&|at| format!("__Host-portcullis-l-{at}"), "x", 2500)),
        ("one login again", many(&|_| "__Host-portcullis-l-a".to_owned(), "x", 2500)),
        ("ours, of no use", many(&|at| format!("__Host-portcullis-{at}"), "x", 2500)),
        ("behind commas", many(&|at| format!("a{at}"), "1,__Host-portcullis-s=x", 2000)),
        ("one large", format!("{SESSION}=1.{}", "A".repeat(64_000))),
        ("nothing but separators", "; ,".repeat(20_000)),
        ("no names", "=;".repeat(30_000)),
    ];
    for (what, line) in &hostile {
        let page = Ask::get(&home()).navigate().header("cookie", line);
        let answer = gateway.ask(page).await;
        assert_eq!(answer.status, 302, "{what}: a login");
        let bytes: usize =
            answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(answer.set_cookies().len() <= 64 && bytes < 12_000, "{what}: {bytes} bytes");
        let mut names: Vec<&str> =
            answer.set_cookies().into_iter().filter_map(|field| field.split('=').next()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{what}: a name twice");
    }
    plain(&gateway, &browser).await.granted();
}

#[tokio::test]
async fn i13_a_user_with_500_groups_signs_in() {
    let names: Vec<String> = (0..500).map(|at| format!("g-{at}")).collect();
    let long: Vec<String> =
        (0..500).map(|at| format!("okta-group-with-a-long-name-{at}")).collect();
    let all = |setup: Setup| setup.edit("[PetstoreUsers]", &json!(names).to_string());
    let wide = |setup: Setup| setup.setting("tokens", "{max_bytes: 65536}");
    let few = "[okta-group-with-a-long-name-7]";
    let cases = [
        ("all of them count", all(Setup::default()), &names),
        ("one of them counts", wide(Setup::default().edit("[PetstoreUsers]", few)), &long),
        ("in memory", all(Setup::default().in_memory()), &names),
    ];
    for (what, setup, groups) in cases {
        let gateway = Gateway::with(setup).await;
        gateway.provider.turn(|knobs| knobs.person["groups"] = json!(groups));
        // The form of each cookie, and its size, is judged with every answer.
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let total: usize =
            browser.cookies(HOST).iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        assert!(total < 9000, "{what}: {total} bytes");
        let answer = plain(&gateway, &browser).await;
        let sent = answer.granted().set["x-user-groups"].split(',').count();
        assert_eq!(sent, if what.starts_with("one") { 1 } else { 500 }, "{what}");
        gateway.later(3500);
        browser.load(&gateway, &home()).await.granted();
    }
}

#[tokio::test]
async fn i13_a_session_that_does_not_fit_is_refused_and_says_so() {
    let gateway = Gateway::new().await;
    gateway.provider.turn(|knobs| knobs.response = json!({"refresh_token": "r".repeat(9000)}));
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &home()).await;
    let answer = browser.load(&gateway, &callback).await;
    answer.refused(400, "bad_callback");
    assert!(answer.body.contains("does not fit"), "{}", answer.body);
    assert!(answer.set_cookie(SESSION).is_none());
}
