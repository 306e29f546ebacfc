//! Headers and methods that mean something elsewhere, and nothing here.

use super::member;
use crate::policy::two_products;
use crate::support::{API, Ask, Browser, Gateway, PORTAL};
use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};

#[tokio::test]
async fn l27_no_header_and_no_parameter_changes_the_method() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let names = [
        "x-http-method-override",
        "X-HTTP-Method-Override",
        "x-http-method",
        "x-method-override",
        "x_http_method_override",
        "_method",
        ":method",
    ];
    for name in names {
        // A POST stays one, and needs evidence of its origin.
        for method in ["GET", "HEAD", "OPTIONS"] {
            let post = browser.dress(Ask::post(&format!("{API}/pets?_method={method}")));
            let post = post.header(name, method).body(&format!("_method={method}"));
            gateway.ask(post).await.refused(403, "cross_site");
        }
        // And a GET stays one.
        for method in ["POST", "DELETE", "TRACE", "CONNECT", "nonsense"] {
            let get = browser.dress(Ask::get(&format!("{API}/pets?_method={method}")));
            gateway.ask(get.header(name, method)).await.granted();
            let logout = browser.dress(Ask::get(&format!("{PORTAL}/.auth/logout")));
            let answer = gateway.ask(logout.header(name, "POST")).await;
            assert!(answer.set_cookies().is_empty(), "{name}: signed out by a GET");
        }
    }
}

#[tokio::test]
async fn l27_a_method_is_one_of_the_registered_ones_letter_by_letter() {
    let gateway = Gateway::new().await;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        gateway.ask(member(&gateway, "/pets").method(method)).await.granted();
        gateway.ask(Ask::get(API).method(method)).await.refused(401, "no_credentials");
    }
    let long = "A".repeat(64 * 1024);
    let others = [
        "",
        "get",
        "Get",
        "gET",
        "post",
        "CONNECT",
        "TRACE",
        "TRACK",
        "PRI",
        "PROPFIND",
        "SEARCH",
        "QUERY",
        "FOO",
        "GETS",
        "GE",
        "GET ",
        " GET",
        "GET\0",
        "GET\r\n",
        "GET,POST",
        "GET POST",
        "\u{47}\u{415}T",
        "*",
        "-",
        &long,
    ];
    for method in others {
        for ask in [member(&gateway, "/pets"), Ask::get(PORTAL).navigate()] {
            let answer = gateway.ask(ask.method(method)).await;
            answer.refused(400, "ambiguous_request");
        }
        let public = Ask::get(API).method(method).context("access", "public");
        gateway.ask(public).await.refused(400, "ambiguous_request");
    }
}

#[tokio::test]
async fn l28_a_preflight_never_passes_as_somebody() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let preflight = |ask: Ask| {
        ask.method("OPTIONS")
            .header("origin", "http://evil.localhost")
            .header("access-control-request-method", "DELETE")
    };
    let asks = [
        preflight(Ask::get(&format!("{API}/pets"))),
        preflight(browser.dress(Ask::get(&format!("{API}/pets")))),
        preflight(member(&gateway, "/pets")),
        preflight(Ask::get(&format!("{API}/pets")).header("api-key", "k")),
        preflight(Ask::get(&format!("{PORTAL}/.auth/userinfo"))),
        preflight(Ask::get(&format!("{API}/pets"))).header("origin", PORTAL),
    ];
    for ask in asks {
        let answer = gateway.ask(ask).await;
        answer.refused(403, "no_credentials");
        assert_eq!(answer.text("sub"), "");
        assert!(answer.set_cookies().is_empty());
    }
    // Where nobody has to be known it passes, as nobody.
    let public = preflight(member(&gateway, "/pets")).context("access", "public");
    let answer = gateway.ask(public).await;
    assert!(answer.allowed && answer.reason() == "public", "{answer:?}");
    assert!(answer.removed.contains("x-user-id") && !answer.set.contains_key("x-user-id"));
    // An OPTIONS that is no preflight is judged like any other request.
    gateway.ask(Ask::get(API).method("OPTIONS")).await.refused(401, "no_credentials");
    gateway.ask(member(&gateway, "/pets").method("OPTIONS")).await.granted();
}

#[tokio::test]
async fn l32_no_header_and_no_metadata_stands_in_for_the_gateway_s_context() {
    let gateway = Gateway::with(two_products()).await;
    let words = [
        ("access", "public"),
        ("context-access", "public"),
        ("context_extensions", "access=public"),
        ("x-context-extensions", "{\"access\":\"public\"}"),
        ("environment", "dev.default"),
        ("product", "petstore-product.default"),
        ("portal", "petstore-portal.default"),
        ("x-portcullis-product", "petstore-product.default"),
        ("x-portcullis-environment", "dev.default"),
        ("x-envoy-original-path", "/pets"),
        ("x-original-url", "/pets"),
        ("x-original-uri", "/pets"),
        ("x-rewrite-url", "/pets"),
        ("x-forwarded-uri", "/pets"),
        ("x-forwarded-path", "/pets"),
        ("x-forwarded-prefix", "/pets"),
        ("x-accel-redirect", "/pets"),
        ("x-envoy-decorator-operation", "/pets"),
        ("x-envoy-external-address", "127.0.0.1"),
        ("x-envoy-internal", "true"),
        ("x-envoy-auth-failure-mode-allowed", "true"),
        ("x-ext-authz", "allow"),
        (":path", "/pets"),
        (":method", "OPTIONS"),
        (":scheme", "https"),
    ];
    let all = |ask: Ask| words.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    let answer = gateway.ask(all(member(&gateway, "/bank"))).await;
    answer.refused(403, "not_granted");
    assert_eq!(answer.text("product"), "bank-product.default");
    gateway.ask(all(member(&gateway, "/elsewhere"))).await.refused(403, "no_route");
    gateway.ask(all(Ask::get(&format!("{API}/pets")))).await.refused(401, "no_credentials");
    gateway.ask(all(member(&gateway, "/pets"))).await.granted();
    // The other way round: they do not spoil what is granted either.
    let spoiled = member(&gateway, "/pets").header("x-original-url", "/bank");
    gateway.ask(spoiled.header("product", "bank-product.default")).await.granted();

    let fields = words.map(|(name, value)| {
        (name.to_owned(), Value { kind: Some(Kind::StringValue(value.to_owned())) })
    });
    let metadata = Struct { fields: fields.into() };
    let namespaces = ["envoy.filters.http.ext_authz", "portcullis", "envoy.filters.http.jwt_authn"];
    let filter_metadata = namespaces.map(|name| (name.to_owned(), metadata.clone())).into();
    let metadata = Metadata { filter_metadata, ..Metadata::default() };
    let mut message = Ask::get(&format!("{API}/pets")).message();
    let attributes = message.attributes.as_mut().expect("attributes");
    attributes.metadata_context = Some(metadata.clone());
    attributes.route_metadata_context = Some(metadata);
    gateway.send(message).await.refused(401, "no_credentials");
}

#[tokio::test]
async fn l32_a_context_extension_that_is_empty_unknown_or_another_s_is_refused() {
    let gateway = Gateway::with(two_products()).await;
    let refused = [
        ("environment", ""),
        ("environment", " "),
        ("environment", "dev"),
        ("environment", "dev."),
        ("environment", ".default"),
        ("environment", "DEV.default"),
        ("environment", "dev.default "),
        ("environment", "dev.default,prod.default"),
        ("environment", "prod.default"),
        ("product", ""),
        ("product", "petstore-product"),
        ("product", "petstore-product.other"),
        ("product", "*"),
        ("portal", ""),
        ("portal", "other-portal.default"),
        ("portal", "petstore-portal"),
        ("access", ""),
        ("access", "none"),
        ("access", "PUBLIC"),
        ("access", "public "),
    ];
    for (key, value) in refused {
        for ask in [member(&gateway, "/pets"), Ask::get(API).path("/pets")] {
            let answer = gateway.ask(ask.context(key, value)).await;
            assert_eq!((answer.status, answer.reason()), (403, "no_route"), "{key}={value:?}");
        }
    }
    // A key that is not ours says nothing, whatever it looks like.
    for key in ["Access", "ACCESS", "access ", "policy", "environments", ""] {
        let ask = || Ask::get(API).path("/pets").context(key, "public");
        gateway.ask(ask()).await.refused(401, "no_credentials");
    }
    let portal = Ask::get(PORTAL).context("portal", "other-portal.default");
    gateway.ask(portal).await.refused(403, "no_route");
}

#[tokio::test]
async fn l28_upgrades_and_grpc_are_requests_like_others() {
    let gateway = Gateway::new().await;
    let browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    let kinds = [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/grpc-web-text+proto",
        "APPLICATION/GRPC",
        "application/grpc;charset=utf-8",
    ];
    for kind in kinds {
        let ask = Ask::get(&format!("{API}/pets")).navigate().header("content-type", kind);
        let answer = gateway.ask(ask).await;
        answer.refused(401, "no_credentials");
        assert!(!answer.is_page() && answer.location().is_empty(), "{kind}");
    }
    for upgrade in ["websocket", "WebSocket", "h2c", "", "websocket, h2c", "connect-udp"] {
        let ask = || Ask::get(&format!("{API}/pets")).header("upgrade", upgrade);
        let answer = gateway.ask(ask().navigate()).await;
        answer.refused(401, "no_credentials");
        assert!(answer.location().is_empty());
        gateway.ask(browser.dress(ask())).await.refused(403, "cross_site");
        let own = browser.dress(ask()).header("origin", API);
        gateway.ask(own).await.granted();
    }
}
