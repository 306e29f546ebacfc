//! Which path a request names.

use super::member;
use crate::policy::{as_member, two_products};
use crate::support::{API, Ask, Gateway, PORTAL};
use serde_json::json;

#[tokio::test]
async fn l15_a_final_slash_changes_nothing_and_what_is_more_is_refused() {
    let gateway = Gateway::with(two_products()).await;
    for path in ["/pets", "/pets/", "/pets/?a", "/pets?a/"] {
        gateway.ask(member(&gateway, path)).await.granted();
    }
    for path in ["/bank", "/bank/", "/bank/1/", "/bank/?x=/pets"] {
        let answer = gateway.ask(member(&gateway, path)).await;
        answer.refused(403, "not_granted");
        assert_eq!(answer.text("product"), "bank-product.default", "{path}");
    }
    // Contract §1.5: not the same rule but none at all.
    let refused =
        ["/bank//", "/bank/.", "/bank/./", "//bank", "/pets//", "/pets/.", "/./pets", "//"];
    for path in refused {
        gateway.ask(member(&gateway, path)).await.refused(400, "ambiguous_request");
    }
}

#[tokio::test]
async fn l16_letter_case_makes_another_path() {
    let gateway = Gateway::with(two_products()).await;
    for path in ["/PETS", "/Pets/1", "/pETS", "/%50ETS", "/BANK", "/Bank"] {
        gateway.ask(member(&gateway, path)).await.refused(403, "no_route");
    }
    gateway.ask(member(&gateway, "/pets/A")).await.granted();
}

#[tokio::test]
async fn l39_a_base_path_has_one_spelling() {
    let gateway =
        Gateway::with(two_products().edit("basePath: /bank", "basePath: /b%C3%A4nk%20x")).await;
    // Who does not decode serves something else there, and nobody knows whose.
    for path in ["/p%65ts/A", "/%70ets", "/%50%45ts", "/b%c3%a4%6ek%20x", "/%62%c3%a4nk%20x/1"] {
        gateway.ask(member(&gateway, path)).await.refused(403, "no_route");
    }
    for path in ["/b%c3%a4nk%20x", "/b%C3%A4nk%20x/1"] {
        let answer = gateway.ask(member(&gateway, path)).await;
        answer.refused(403, "not_granted");
        assert_eq!(answer.text("product"), "bank-product.default", "{path}");
    }
    // Below it, and where the gateway has named the product, every spelling is the product's.
    gateway.ask(member(&gateway, "/pets/%41")).await.granted();
    let named = member(&gateway, "/p%65ts/A").context("product", "petstore-product.default");
    gateway.ask(named).await.granted();
}

#[tokio::test]
async fn l17_l18_l19_l20_l21_a_path_that_reads_in_two_ways_is_none() {
    let gateway = Gateway::with(two_products()).await;
    let paths = [
        // L17: control characters, as they are and escaped.
        "/pets%00",
        "/pets%00.png",
        "/pets%0a",
        "/pets%0d%0ax",
        "/pets%09",
        "/pets%7f",
        "/pets%1b",
        "/pets%c2%85",
        "/pets\0",
        "/pets\n",
        "/pets\r\n",
        "/pets\t",
        "/pets\u{7f}",
        "/pets ",
        " /pets",
        "/pets?a\0b",
        "/pets?a b",
        "/pets?a\r\nx: 1",
        // L18: escaped slashes.
        "/pets%2fbank",
        "/pets%2Fbank",
        "/pets/..%2fbank",
        "/pets/..%2Fbank",
        "/%2fpets",
        "/%2Fbank",
        "/pets/%2e%2e%2fbank",
        "/pets%2f",
        "/pets%2f..%2fbank",
        "/pets/%2e%2e/bank",
        "/pets/.%2e/bank",
        "/pets/%2E./bank",
        "/pets/../bank",
        "/pets/..",
        "/..",
        "/../pets",
        "/pets/./bank",
        "/pets/.../bank",
        "/pets/%2e",
        "/pets/%2e%2e%2e",
        // L19: backslashes.
        "\\bank",
        "/\\bank",
        "/pets\\..\\bank",
        "/%5cbank",
        "/pets/..%5cbank",
        "/pets%5C..%5Cbank",
        "/pets/..\\bank",
        "/pets/..%3f",
        "/pets/..%23/bank",
        "/pets/.%3fx",
        // L20: escaped twice.
        "/pets/%252e%252e/bank",
        "/pets/%25%32%65%25%32%65/bank",
        "/pets%252fbank",
        "/pets%255cbank",
        "/%2570ets",
        "/pets/%25252e%25252e/bank",
        "/pets%2500",
        "/pets/%253b",
        "/pets/%25%32%66",
        "/pets/%2525",
        // L21: what is no UTF-8, and no escape.
        "/%c0%ae%c0%ae/bank",
        "/pets/%c0%ae%c0%ae/bank",
        "/pets/%e0%80%ae/x",
        "/pets%c0%afbank",
        "/pets/%ff",
        "/pets/%80",
        "/pets/%f8%80%80%80%ae",
        "/pets/%ed%a0%80",
        "/pets/%zz",
        "/pets/%",
        "/pets/%2",
        "/pets/%u002e%u002e/bank",
        "/pets%u2215bank",
        "/pets/%-1",
        "/pets/% 2e",
        // Neighbours: parameters, and what only looks like a separator.
        "/pets;x=1",
        "/pets;/bank",
        "/pets/..;/bank",
        "/pets/..;x=1/bank",
        "/pets/;/bank",
        "/;/bank",
        "/pets%3b",
        "/pets/..%3b/bank",
        "/pets/.;/bank",
        "/pets/%2e%2e;/bank",
        "/pets/%20../bank",
        "/pets/..%20/bank",
        "/pets/%20/bank",
        "/pets/%ef%bc%8e%ef%bc%8e/bank",
        "/pets%ef%bc%8fbank",
        "/pets%e2%88%95bank",
        "/pets%ef%bc%bcbank",
        "/pets%ef%bc%9bx",
        "/pets/%ef%bc%852e",
        "/pets%e2%80%a8x",
        "/pets/\u{ff0e}\u{ff0e}/bank",
        "/p\u{e4}ts",
        // Neighbours: not the path at all.
        "http://api.petstore.localhost/pets",
        "https://evil.localhost/pets",
        "//evil.localhost/pets",
        "///pets",
        "/pets//bank",
        "/http://evil.localhost",
    ];
    for path in paths {
        let answer = gateway.ask(member(&gateway, path)).await;
        assert_eq!((answer.status, answer.reason()), (400, "ambiguous_request"), "{path:?}");
        answer.refused(400, "ambiguous_request");
        // Also where the gateway has named the product, and where nobody has to be known.
        let named = member(&gateway, path).context("product", "petstore-product.default");
        gateway.ask(named).await.refused(400, "ambiguous_request");
        let public = Ask::get(API).path(path).context("access", "public");
        gateway.ask(public).await.refused(400, "ambiguous_request");
        let page = gateway.ask(Ask::get(PORTAL).path(path).navigate()).await;
        assert!(page.refused(400, "ambiguous_request").is_page());
    }
    let plain = [
        "/pets/%70",
        "/pets/a%20b",
        "/pets/100%25",
        "/pets/%c3%a4",
        "/pets/a.b",
        "/pets/..a",
        "/pets/a..",
        "/pets/.a",
        "/pets/~a!$&'()*+,=:@",
        "/pets?a=%2f..%2f;%00&b=../%252e",
    ];
    for path in plain {
        gateway.ask(member(&gateway, path)).await.granted();
    }
}

#[tokio::test]
async fn l22_query_and_fragment_are_no_part_of_the_path() {
    let gateway = Gateway::with(two_products()).await;
    for path in ["/pets?/../bank", "/pets?x=/bank", "/pets??/bank", "/pets/?//bank"] {
        gateway.ask(member(&gateway, path)).await.granted();
    }
    for path in ["/bank?/pets", "/bank?x=/pets", "/bank?../pets", "/bank/x?"] {
        gateway.ask(member(&gateway, path)).await.refused(403, "not_granted");
    }
    let elsewhere =
        ["/?/pets", "/?x=/pets", "/%3f/pets", "/%23/pets", "/pets%3f", "/pets%23", "/x%3f/pets"];
    for path in elsewhere {
        gateway.ask(member(&gateway, path)).await.refused(403, "no_route");
    }
    let fragments =
        ["/pets#/../bank", "/pets#", "#/pets", "/pets?a#b", "/pets%23/../bank", "/bank#/pets"];
    for path in fragments {
        gateway.ask(member(&gateway, path)).await.refused(400, "ambiguous_request");
    }
    // An endpoint of ours is one by its path alone.
    for path in ["/pets?/.auth/userinfo", "/pets?x=/.auth/logout"] {
        assert_eq!(gateway.ask(member(&gateway, path)).await.reason(), "granted", "{path}");
    }
}

#[tokio::test]
async fn l22_a_server_that_decodes_before_it_cuts_the_query_off_comes_to_the_same_product() {
    // Nested: `/pets` is the members', `/pets/bank` is not.
    let gateway =
        Gateway::with(two_products().edit("basePath: /bank", "basePath: /pets/bank")).await;
    let cases = [
        ("/pets/1", 200, "granted"),
        ("/pets/1%3fx/bank", 200, "granted"),
        ("/pets/bankers%3f", 200, "granted"),
        ("/pets/bank", 403, "not_granted"),
        ("/pets/bank/a%3fb", 403, "not_granted"),
        ("/pets/bank%3f", 403, "no_route"),
        ("/pets/bank%3Fx=1", 403, "no_route"),
        ("/pets/bank%23", 403, "no_route"),
        ("/pets/bank%23/x", 403, "no_route"),
        ("/pets/bank/%3f", 403, "not_granted"),
    ];
    for (path, status, reason) in cases {
        let answer = gateway.ask(member(&gateway, path)).await;
        assert_eq!((answer.status, answer.reason()), (status, reason), "{path}");
    }
}

#[tokio::test]
async fn l24_l25_a_path_is_bounded_and_begins_with_a_slash() {
    let gateway = Gateway::with(two_products()).await;
    let long = |bytes: usize| format!("/pets/{}", "a".repeat(bytes - 6));
    gateway.ask(member(&gateway, &long(8192))).await.granted();
    let deep = "/a".repeat(4000);
    gateway.ask(member(&gateway, &format!("/pets{deep}"))).await.granted();
    for bytes in [8193, 16 * 1024, 64 * 1024, 128 * 1024] {
        gateway.ask(member(&gateway, &long(bytes))).await.refused(400, "ambiguous_request");
        let query = format!("/pets?{}", "a".repeat(bytes));
        gateway.ask(member(&gateway, &query)).await.refused(400, "ambiguous_request");
    }
    let dots = "/..".repeat(20_000);
    gateway.ask(member(&gateway, &dots)).await.refused(400, "ambiguous_request");
    for path in ["", "*", "pets", "pets/1", "?", "?/pets", "%2fpets", "./pets", "~", "api:443"] {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            let ask = member(&gateway, path).method(method);
            gateway.ask(ask).await.refused(400, "ambiguous_request");
        }
    }
    // A whole server's OPTIONS leads to no product; it is refused as well.
    gateway.ask(member(&gateway, "*").method("OPTIONS")).await.refused(400, "ambiguous_request");
    gateway.ask(member(&gateway, "/*").method("OPTIONS")).await.refused(403, "no_route");
}

#[tokio::test]
async fn l29_no_path_and_no_user_agent_of_a_health_check_passes() {
    let gateway = Gateway::with(two_products()).await;
    let agents = [
        "kube-probe/1.30",
        "GoogleHC/1.0",
        "ELB-HealthChecker/2.0",
        "Envoy/HC",
        "Consul Health Check",
    ];
    let paths = [
        "/healthz",
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/ping",
        "/favicon.ico",
        "/robots.txt",
        "/.well-known/openid-configuration",
        "/bank",
    ];
    for path in paths {
        for agent in agents {
            let ask = Ask::get(API).path(path).header("user-agent", agent);
            let ask = ask.header("x-envoy-internal", "true").header("x-forwarded-for", "127.0.0.1");
            let answer = gateway.ask(ask.clone()).await;
            let reason = if path == "/bank" { (401, "no_credentials") } else { (403, "no_route") };
            answer.refused(reason.0, reason.1);
            let answer = gateway.ask(ask.host("portal.petstore.localhost")).await;
            answer.refused(401, "no_credentials");
        }
    }
    for path in ["/healthz/../bank", "/livez/..;/bank", "/healthz%2f..%2fbank"] {
        gateway.ask(Ask::get(API).path(path)).await.refused(400, "ambiguous_request");
    }
}

#[tokio::test]
async fn l33_nothing_in_a_path_is_a_pattern() {
    // Base paths are words, whatever characters they have.
    let setup = two_products().edit("basePath: /bank", "basePath: '/b.nk/(a+)+$'");
    let gateway = Gateway::with(setup).await;
    let bank = |path: &str| as_member(&gateway, json!([]), Ask::get(API).path(path));
    assert_eq!(bank("/b.nk/(a+)+$/1").await.text("product"), "bank-product.default");
    for path in ["/bank/a", "/b.nk/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "/b.nk"]
    {
        bank(path).await.refused(403, "no_route");
    }
}
