//! What must not be wrong; each row is `full.yaml`, which holds, with one change.

use crate::support::{documents, faults};
use serde_json::{Value, json};

/// `full.yaml`'s resource of this kind.
fn full(kind: &str) -> Value {
    let all = documents(include_str!("full.yaml"));
    all.into_iter().find(|document| document["kind"] == kind).unwrap()
}

/// That a change is refused, and that the message names what is wrong.
fn refuse(kind: &str, pointer: &str, value: Value, said: &str) {
    let mut document = full(kind);
    match document.pointer_mut(pointer) {
        Some(field) if value.is_null() => {
            *field = Value::Null;
            remove_nulls(&mut document);
        }
        Some(field) => *field = value.clone(),
        None => panic!("{kind} has no {pointer}"),
    }
    let found = faults(&document);
    assert!(found.iter().any(|fault| fault.contains(said)), "{kind}{pointer} = {value}: {found:?}");
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[test]
fn a_portal() {
    let refuse = |pointer: &str, value: Value, said: &str| refuse("Portal", pointer, value, said);
    refuse("/spec", json!("text"), "expected \"object\"");
    refuse("/spec/domains", json!([]), ".spec.domains: 0 is not within");
    refuse("/spec/domains", json!(null), "expected \"domains\"");
    for wrong in [
        "https://portal.example.com",
        "portal.example.com/path",
        "a b",
        "portal.example.com:",
        "a@b",
    ] {
        refuse("/spec/domains/0", json!(wrong), "expected a host name such as");
    }
    for wrong in [
        "portal.example.com",
        "ftp://portal.example.com/",
        "https://portal.example.com/?a=b",
        "https://portal.example.com/#a",
        "https://user@portal.example.com/",
        "https://portal.example.com /",
        "https:///",
    ] {
        refuse(
            "/spec/portalUrlPrefix",
            json!(wrong),
            "spec.portalUrlPrefix: expected an https or http URL",
        );
        refuse(
            "/spec/oidcAuth/issuer",
            json!(wrong),
            "spec.oidcAuth.issuer: expected an https or http URL",
        );
        refuse("/spec/oidcAuth/callbackUrlPrefix", json!(wrong), "expected an https or http URL");
    }
    refuse(
        "/spec/portalUrlPrefix",
        json!("https://elsewhere.example.com/"),
        "to be among domains by its full name",
    );
    refuse("/spec/oidcAuth/issuer", json!(null), "expected \"issuer\"");
    refuse("/spec/oidcAuth/clientId", json!(null), "expected \"clientId\"");
    refuse("/spec/oidcAuth/clientId", json!(""), "clientId: 0 is not within");
    refuse("/spec/oidcAuth/groupClaimKey", json!(""), "groupClaimKey: 0 is not within");
    refuse("/spec/oidcAuth/clientSecret/key", json!(null), "expected \"key\"");
    refuse("/spec/oidcAuth/clientSecret/name", json!("Upper"), "clientSecret.name: expected");
    refuse(
        "/spec/oidcAuth/clientSecret",
        json!("the secret itself"),
        "clientSecret: expected \"object\"",
    );
    refuse("/spec/oidcAuth/additionalScopes", json!("email"), "expected \"array\"");
    for wrong in ["email profile", "a\"b", "a\\b"] {
        refuse("/spec/oidcAuth/additionalScopes/0", json!(wrong), "expected one scope");
    }
    refuse("/spec/publishedEnvironments/0", json!("dev"), "expected \"object\"");
    refuse("/spec/publishedEnvironments/0/name", json!("dev/default"), "name: expected");
    refuse("/spec/allApisPublicViewable", json!("yes"), "expected \"boolean\"");
}

#[test]
fn a_portal_with_a_login_and_no_url_of_its_own() {
    let mut portal = full("Portal");
    let spec = portal["spec"].as_object_mut().unwrap();
    spec.remove("portalUrlPrefix");
    assert_eq!(faults(&portal), [""; 0], "callbackUrlPrefix is one too");
    portal["spec"]["oidcAuth"].as_object_mut().unwrap().remove("callbackUrlPrefix");
    let found = faults(&portal);
    assert!(found[0].contains("expected portalUrlPrefix"), "{found:?}");
    portal["spec"].as_object_mut().unwrap().remove("oidcAuth");
    assert_eq!(faults(&portal), [""; 0], "without a login there is nothing to return to");
}

#[test]
fn a_group() {
    let refuse = |pointer: &str, value: Value, said: &str| refuse("Group", pointer, value, said);
    refuse("/spec/oidcGroup", json!({}), "expected groupNames, at least one");
    refuse("/spec/oidcGroup", json!({ "groupNames": [] }), "expected groupNames, at least one");
    refuse("/spec/oidcGroup/groupNames", json!("PetstoreUsers"), "expected \"array\"");
    refuse("/spec/oidcGroup/groupNames/0", json!(""), "0 is not within");
    refuse("/spec/oidcGroup/groupName", json!(["a"]), "expected \"string\"");
    refuse("/spec/accessLevel/apis/0/products", json!(null), "expected \"products\"");
    refuse("/spec/accessLevel/apis/0/environments", json!(null), "expected \"environments\"");
    refuse(
        "/spec/accessLevel/apis/0/environments/labels/0/operator",
        json!("equals"),
        "expected one of",
    );
}

#[test]
fn labels_with_too_many_or_too_few_values() {
    let at = "/spec/accessLevel/apis/0/environments/labels/0";
    for (operator, values, holds) in [
        ("Equals", json!(["a"]), true),
        ("Equals", json!(["a", "b"]), false),
        ("Equals", json!([]), false),
        ("DoubleEquals", json!([]), false),
        ("NotEquals", json!(["a", "b"]), false),
        ("In", json!(["a", "b"]), true),
        ("In", json!([]), false),
        ("NotIn", json!([]), false),
        ("Exists", json!([]), true),
        ("Exists", json!(["a"]), false),
        ("DoesNotExist", json!(["a"]), false),
    ] {
        let mut group = full("Group");
        *group.pointer_mut(at).unwrap() =
            json!({ "key": "stage", "operator": operator, "values": values });
        let found = faults(&group);
        assert_eq!(found.is_empty(), holds, "{operator} {values}: {found:?}");
        assert!(holds || found[0].contains("expected no values for Exists"), "{found:?}");
    }
}

#[test]
fn an_environment() {
    let refuse =
        |pointer: &str, value: Value, said: &str| refuse("Environment", pointer, value, said);
    refuse("/spec/domains", json!([]), "0 is not within");
    refuse("/spec/domains/0", json!("https://api.example.com"), "expected a host name such as");
    refuse("/spec/basePath", json!("petstore"), "expected a path that begins with /");
    refuse("/spec/apiProducts/0/basePath", json!("v1/"), "expected a path that begins with /");
    refuse(
        "/spec/apiProducts/0/usagePlans/0",
        json!("gold"),
        "expected every plan in apiProducts[].usagePlans",
    );
    refuse("/spec/parameters", json!(null), "expected every plan in apiProducts[].usagePlans");
    refuse("/spec/apiProducts/0/labels/0/values", json!([]), "expected no values for Exists");
    let plan = "/spec/parameters/usagePlans/basic";
    refuse(&format!("{plan}/rateLimit/unit"), json!("minute"), "expected one of");
    refuse(&format!("{plan}/rateLimit/requestsPerUnit"), json!(-1), "out of range");
    refuse(&format!("{plan}/rateLimit/requestsPerUnit"), json!(4_294_967_296_i64), "out of range");
    refuse(&format!("{plan}/rateLimit/unit"), json!(null), "expected \"unit\"");
    let oauth = format!("{plan}/authPolicy/oauth");
    refuse(
        &format!("{plan}/authPolicy"),
        json!({ "apiKey": {}, "oauth": {} }),
        "either apiKey or oauth",
    );
    refuse(
        &format!("{oauth}/jwtValidation/issuer"),
        json!("example.okta.com"),
        "https or http URL",
    );
    refuse(&format!("{oauth}/jwtValidation/issuer"), json!(null), "expected \"issuer\"");
    refuse(&format!("{oauth}/jwtValidation/remoteJwks/url"), json!("keys"), "https or http URL");
    refuse(&format!("{oauth}/jwtValidation/remoteJwks"), json!({}), "expected \"url\"");
}

#[test]
fn a_product_a_document_and_a_user() {
    refuse("APIProduct", "/spec/versions/0/name", json!(null), "expected \"name\"");
    refuse("APIProduct", "/spec/versions/0/apis/0/apiDoc", json!("doc"), "expected \"object\"");
    refuse("APIProduct", "/spec/versions/0/tags/stable", json!("yes"), "expected \"object\"");
    refuse("APIProduct", "/spec/usagePlans", json!("basic"), "expected \"array\"");
    refuse("APIDoc", "/spec/openApi/content/fetchUrl", json!({}), "expected \"string\"");
    refuse("APIDoc", "/spec/openApi/content/configMap/key", json!(null), "expected \"key\"");
    refuse(
        "User",
        "/spec/basicAuth/passwordSecretName",
        json!(null),
        "expected \"passwordSecretName\"",
    );
}
