//! Which host a request names.

use crate::support::{API, Ask, Gateway, PORTAL, Setup};
use serde_json::json;

fn member(gateway: &Gateway, host: &str) -> Ask {
    let token = gateway.provider.id_token(&json!({}));
    Ask::get(&format!("{API}/pets")).host(host).bearer(&token)
}

#[tokio::test]
async fn l01_l02_letter_case_final_dot_and_port_make_no_other_host() {
    let gateway = Gateway::new().await;
    let forms = [
        "api.petstore.localhost",
        "API.PETSTORE.LOCALHOST",
        "aPi.PetStore.localhost:10000",
        "api.petstore.localhost.",
        "API.petstore.localhost.:10000",
        "api.petstore.localhost:65535",
    ];
    for host in forms {
        let answer = gateway.ask(member(&gateway, host)).await;
        answer.granted();
        assert_eq!(answer.text("environment"), "dev.default", "{host}");
        let ask = Ask::get(&format!("{API}/pets")).host(host);
        gateway.ask(ask.clone()).await.refused(401, "no_credentials");
        let post = ask.method("POST").bearer("x");
        gateway.ask(post).await.refused(401, "invalid_token");
    }
    for host in ["PORTAL.petstore.localhost:10000", "portal.petstore.localhost.:10000"] {
        let answer = gateway.ask(Ask::get(PORTAL).host(host).navigate()).await;
        answer.sent_to(&gateway.provider.issuer, "no_credentials");
        // The redirect URI is the settings', never the client's spelling.
        assert!(answer.location().contains("redirect_uri=http%3A%2F%2Fportal.petstore.localhost"));
    }
}

#[tokio::test]
async fn l08_a_host_that_only_looks_like_ours_is_nobody_s() {
    let gateway = Gateway::new().await;
    gateway.ask(member(&gateway, "api.petstore.localhost")).await.granted();
    let unknown = [
        // Cyrillic а, р, і; Greek ο; full-width; an umlaut; the Kelvin sign; dotless i.
        "\u{430}pi.petstore.localhost",
        "a\u{440}i.petstore.localhost",
        "ap\u{456}.petstore.localhost",
        "api.petst\u{3bf}re.localhost",
        "\u{ff41}pi.petstore.localhost",
        "\u{e4}pi.petstore.localhost",
        "\u{212a}.petstore.localhost",
        "ap\u{131}.petstore.localhost",
        // The same as a browser sends them.
        "xn--pi-7kc.petstore.localhost",
        "xn--api-.petstore.localhost",
        "xn--bcher-kva.example",
        "api_petstore.localhost",
        "_api.petstore.localhost",
        "api-.petstore.localhost",
        // Names around ours.
        "petstore.localhost",
        "x.api.petstore.localhost",
        "apii.petstore.localhost",
        "api.petstore.localhost.evil.example",
        "api.petstore.localhost.petstore.localhost",
        "localhost",
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]:80",
        "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
        &format!("{}.localhost", vec!["a"; 121].join(".")),
    ];
    for host in unknown {
        let answer = gateway.ask(member(&gateway, host)).await;
        assert_eq!((answer.status, answer.reason()), (403, "no_route"), "{host:?}");
        answer.refused(403, "no_route");
        let page = Ask::get(API).host(host).navigate();
        assert!(gateway.ask(page).await.refused(403, "no_route").set_cookies().is_empty());
    }
}

#[tokio::test]
async fn l08_a_host_that_reads_in_two_ways_is_none() {
    let gateway = Gateway::new().await;
    let api = "api.petstore.localhost";
    let ambiguous = [
        // None, two, or one with something around it.
        "".to_owned(),
        ".".to_owned(),
        format!("{api},{api}"),
        format!("{api},evil.localhost"),
        format!("evil.localhost, {api}"),
        format!("{api} evil.localhost"),
        format!(" {api}"),
        format!("{api} "),
        format!("{api}\t"),
        format!("evil@{api}"),
        format!("evil:80@{api}"),
        format!("{api}@evil.localhost"),
        format!("http://{api}"),
        format!("{api}/pets"),
        format!("{api}?x"),
        format!("{api}#x"),
        format!("{api}\\evil"),
        "%61pi.petstore.localhost".to_owned(),
        format!("{api}%00.evil.localhost"),
        // Dots.
        format!(".{api}"),
        format!("{api}.."),
        "api..petstore.localhost".to_owned(),
        // Ports.
        format!("{api}:"),
        format!("{api}:x"),
        format!("{api}:+80"),
        format!("{api}:-1"),
        format!("{api}:080"),
        format!("{api}:65536"),
        format!("{api}:99999999999999999999"),
        format!("{api}:80:80"),
        format!("{api}: 80"),
        // Addresses.
        "::1".to_owned(),
        "[::1".to_owned(),
        "::1]".to_owned(),
        "[::1]]".to_owned(),
        "[fe80::1%25lo]".to_owned(),
        "[127.0.0.1]".to_owned(),
        format!("[{api}]"),
        // Control characters, and what a reader does not see.
        format!("{api}\0"),
        format!("{api}\r\nx-evil: 1"),
        format!("{api}\n"),
        format!("{api}\u{7f}"),
        format!("{api}\u{200b}"),
        "api\u{ad}.petstore.localhost".to_owned(),
        "api\u{3002}petstore.localhost".to_owned(),
        "api\u{ff0e}petstore\u{ff61}localhost".to_owned(),
        // Longer than a name can be (RFC 1035 §2.3.4).
        format!("{}.petstore.localhost", "a".repeat(64)),
        format!("{}.{api}", vec!["a".repeat(63); 4].join(".")),
        "a.".repeat(127) + api,
        "a".repeat(64 * 1024),
        "*.petstore.localhost".to_owned(),
        "*".to_owned(),
    ];
    for host in ambiguous {
        let answer = gateway.ask(member(&gateway, &host)).await;
        assert_eq!((answer.status, answer.reason()), (400, "ambiguous_request"), "{host:?}");
        answer.refused(400, "ambiguous_request");
        let page = gateway.ask(Ask::get(API).host(&host).navigate()).await;
        assert!(page.refused(400, "ambiguous_request").set_cookies().is_empty());
    }
}

/// Headers that other servers take the host from.
const OTHER_HOSTS: [&str; 14] = [
    "x-forwarded-host",
    "X-Forwarded-Host",
    "x_forwarded_host",
    "x-forwarded-server",
    "x-host",
    "x-original-host",
    "x-envoy-original-host",
    "x-real-host",
    "x-http-host-override",
    "x-http-destinationurl",
    "x-forwarded-for",
    "x-forwarded-proto",
    "referer",
    "via",
];

#[tokio::test]
async fn l09_no_other_header_names_the_host() {
    let gateway = Gateway::new().await;
    let spoofs = |ask: Ask, host: &str| {
        let ask = OTHER_HOSTS.into_iter().fold(ask, |ask, name| ask.header(name, host));
        ask.header("forwarded", &format!("for=1.2.3.4;host={host};proto=https"))
            .header("Forwarded", &format!("host=\"{host}\""))
            .header(":authority", host)
            .header("origin", &format!("https://{host}"))
    };
    for host in ["evil.localhost", "portal.petstore.localhost", "a,b", ""] {
        let answer = gateway.ask(spoofs(member(&gateway, "api.petstore.localhost"), host)).await;
        answer.granted();
        assert_eq!(answer.text("environment"), "dev.default");
        let page = Ask::get(&format!("{API}/pets")).navigate();
        let answer = gateway.ask(spoofs(page, host)).await;
        answer.sent_to(&gateway.provider.issuer, "no_credentials");
        assert!(
            answer.location().contains("redirect_uri=http%3A%2F%2Fportal.petstore.localhost%3A")
        );
        assert!(host.is_empty() || !answer.location().contains("evil"), "{}", answer.location());
    }
    let answer = gateway.ask(spoofs(member(&gateway, "evil.localhost"), "api.petstore.localhost"));
    answer.await.refused(403, "no_route");
}

#[tokio::test]
async fn l09_a_host_field_beside_another_authority_is_a_second_host() {
    let gateway = Gateway::new().await;
    let ask = |name: &str, host: &str| {
        member(&gateway, "api.petstore.localhost:10000").header(name, host)
    };
    for host in
        ["api.petstore.localhost:10000", "api.petstore.localhost", "API.petstore.localhost."]
    {
        gateway.ask(ask("host", host)).await.granted();
    }
    for host in ["portal.petstore.localhost:10000", "evil", "api.petstore.localhost:1", "a,b", ""] {
        for name in ["host", "Host", "HOST"] {
            gateway.ask(ask(name, host)).await.refused(400, "ambiguous_request");
        }
    }
}

#[tokio::test]
async fn l08_a_wildcard_takes_names_below_it_alone() {
    let setup = Setup::default().edit(
        "domains: [api.petstore.localhost, 'api.petstore.localhost:10000']",
        "domains: ['*.wild.localhost', exact.localhost]",
    );
    let gateway = Gateway::with(setup).await;
    for host in
        ["a.wild.localhost", "A.Wild.localhost.:80", "a.b.wild.localhost", "exact.localhost"]
    {
        gateway.ask(member(&gateway, host)).await.granted();
    }
    let others = [
        "wild.localhost",
        "evilwild.localhost",
        "a.wild.localhost.evil",
        "a.exact.localhost",
        "\u{430}.wild.localhost",
        "b.\u{ff41}.wild.localhost",
        "b\u{fc}cher.wild.localhost",
    ];
    for host in others {
        gateway.ask(member(&gateway, host)).await.refused(403, "no_route");
    }
    for host in [".wild.localhost", "a..wild.localhost", "*.wild.localhost"] {
        gateway.ask(member(&gateway, host)).await.refused(400, "ambiguous_request");
    }
}
