//! What is set, what is removed, and what passes.

use super::*;

fn policy() -> HeaderPolicy {
    let identity = [("x-user-id", "sub"), ("x-user-email", "email"), ("x-user-groups", "groups")]
        .map(|(header, claim)| (header.to_owned(), claim.to_owned()));
    HeaderPolicy::new(&identity, &["x-forwarded-user".to_owned(), "x-jwt-*".to_owned()])
}

fn identity(subject: &str, email: Option<&str>, groups: &[&str]) -> Identity {
    let mut identity = Identity {
        subject: subject.into(),
        email: email.map(Into::into),
        email_verified: true,
        ..Identity::default()
    };
    Arc::make_mut(&mut identity.membership).groups =
        groups.iter().map(|group| (*group).to_owned()).collect();
    identity
}

fn apply(identity: Identity, forged: &[&str]) -> Upstream {
    let mut request = Headers::default();
    for name in forged {
        request.add(*name, "forged");
    }
    let route = [None, Some(ResourceName::new("dev", "default")), None];
    Arc::new(policy()).apply(&request, route, Some(Arc::new(identity)))
}

fn value(upstream: &Upstream, name: &str) -> Option<String> {
    let mut values = upstream.set().filter(|(own, ..)| *own == name);
    let value = values.next().map(|(_, value)| value.to_text());
    assert!(values.next().is_none(), "{name} is set twice");
    value
}

fn removes(upstream: &Upstream, name: &str) -> bool {
    upstream.removed().any(|own| own == name)
}

#[test]
fn overwrites_what_it_knows_and_removes_what_it_does_not() {
    let forged = [
        "x-user-id",
        "X_User_Id",
        "x-user_id",
        "x.user.id",
        "x-user-email",
        "x_user_email",
        "x-forwarded-user",
        "X_Forwarded_User",
        "x-jwt-assertion",
        "x_jwt_sub",
        "x-portcullis-product",
        "x-envoy-auth-failure-mode-allowed",
        "x-user-idx",
        "accept",
    ];
    let upstream = apply(identity("00u1", None, &["a"]), &forged);
    assert_eq!(value(&upstream, "x-user-id"), Some("00u1".to_owned()));
    assert_eq!(value(&upstream, "x-user-groups"), Some("a".to_owned()));
    assert_eq!(value(&upstream, "x-portcullis-environment"), Some("dev.default".to_owned()));
    let removed = [
        "x_user_id",
        "x-user_id",
        "x.user.id",
        "x-user-email",
        "x_user_email",
        "x-forwarded-user",
        "x_forwarded_user",
        "x-jwt-assertion",
        "x_jwt_sub",
        "x-portcullis-product",
        "x-envoy-auth-failure-mode-allowed",
    ];
    for name in removed {
        assert!(removes(&upstream, name), "{name}");
    }
    for (name, ..) in upstream.set() {
        assert!(!removes(&upstream, name), "{name} is set and removed");
    }
    for name in ["x-user-idx", "accept"] {
        assert!(!removes(&upstream, name), "{name}");
    }
}

#[test]
fn removes_every_identity_header_where_nobody_is_known() {
    let policy = Arc::new(policy());
    let upstream = policy.apply(&Headers::default(), RouteNames::default(), None);
    assert_eq!(upstream.set().count(), 0);
    for name in ["x-user-id", "x-user-email", "x-user-groups", "x_user_email", "x-forwarded-user"] {
        assert!(removes(&upstream, name), "{name}");
    }
}

/// What a gateway shows of a request is removed, and nothing else; `pseudo` are those that came.
#[test]
fn removes_what_came_where_the_gateway_shows_what_comes() {
    let policy = || Arc::new(policy().keys_in("x-key").seeing_all(true));
    let forged = ["X_User_Id", "x-user-email", "x-forwarded-user", "x.jwt.sub", "accept"];
    let route = || [None, Some(ResourceName::new("dev", "default")), None];
    let of = |pseudo: bool, names: &[&str], caller: Option<Identity>| {
        let mut request = Headers::default();
        names.iter().for_each(|name| request.add(*name, "forged"));
        if pseudo {
            request.note_all_pseudo();
        }
        let mut upstream = policy().apply(&request, route(), caller.map(Arc::new));
        upstream.remove_unverified_credential(&request);
        upstream
    };
    let removed = |upstream: &Upstream| -> BTreeSet<String> {
        upstream.removed().map(str::to_owned).collect()
    };
    let known = || Some(identity("00u1", None, &[]));
    let upstream = of(true, &forged, known());
    let want = ["x_user_id", "x-user-email", "x-forwarded-user", "x.jwt.sub"];
    assert_eq!(removed(&upstream), want.map(str::to_owned).into());
    assert_eq!(value(&upstream, "x-user-id"), Some("00u1".to_owned()));
    assert_eq!(removed(&of(true, &["x-user-id", "accept"], known())), BTreeSet::new());
    // Nobody becomes somebody by a field that the gateway hides after all.
    let unset = ["user-id", "user-email", "user-groups", "portcullis-groups-omitted"]
        .into_iter()
        .chain(["portcullis-portal", "portcullis-product"]);
    let unset: BTreeSet<String> = unset.map(|name| format!("x-{name}")).collect();
    assert_eq!(removed(&of(true, &["x-user-id"], None)), unset);
    let with_key = unset.into_iter().chain(["x-key".to_owned()]).collect();
    assert_eq!(removed(&of(true, &["x-key"], None)), with_key);
    // Where not all of it comes, it is as ever.
    let hidden = removed(&of(false, &forged, known()));
    let always = ["x-user-groups", "x_user_email", "x_forwarded_user", "authorization"];
    for name in want.iter().chain(&always) {
        assert!(hidden.contains(*name), "{name}");
    }
}

#[test]
fn places_beyond_those_that_are_noted_count_as_come() {
    let mut places = Places::default();
    for place in [0, 7, 63, 64, 1000] {
        assert_eq!(places.has(place), place > 63, "{place}");
        places.add(place);
        assert!(places.has(place), "{place}");
    }
    assert!(!places.has(1) && !places.has(62));
}

#[test]
fn encodes_values_so_that_they_are_one_line_and_unambiguous() {
    let groups = ["a,b", "c d", "\u{e9}"];
    let upstream = apply(identity("a\r\nx: 1\u{e9} %", Some(""), &groups), &[]);
    assert_eq!(value(&upstream, "x-user-id"), Some("a%0D%0Ax:%201%C3%A9%20%25".to_owned()));
    assert_eq!(value(&upstream, "x-user-email"), None);
    assert_eq!(value(&upstream, "x-user-groups"), Some("a%2Cb,c%20d,%C3%A9".to_owned()));
}

#[test]
fn leaves_out_groups_that_are_too_many_and_says_so() {
    let group = "g".repeat(100);
    let groups = vec![group.as_str(); 100];
    let upstream = apply(identity("", None, &groups), &[]);
    assert_eq!(value(&upstream, "x-user-groups"), None);
    assert_eq!(value(&upstream, GROUPS_OMITTED), Some("true".to_owned()));
    assert!(removes(&upstream, "x-user-groups"));
}
