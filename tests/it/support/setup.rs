//! Settings and resources: valid unless a test changes something.

use super::RedisServer;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The resources of the guide. `{ISSUER}` is the provider's.
const RESOURCES: &str = "\
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIDoc
metadata: {name: petstore-schema, namespace: default}
spec: {openApi: {content: {fetchUrl: 'http://petstore.default:8080/swagger.json'}}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: petstore-product, namespace: default, labels: {app: petstore}}
spec:
  versions:
  - name: v1
    apis: [{apiDoc: {name: petstore-schema, namespace: default}}]
    tags: {stable: {}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: dev, namespace: default}
spec:
  domains: [api.petstore.localhost, 'api.petstore.localhost:10000']
  apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: oidc-group, namespace: default}
spec:
  accessLevel:
    apis:
    - products: {names: [petstore-product], namespaces: [default]}
      environments: {names: [dev], namespaces: [default]}
    portals: [{name: petstore-portal, namespace: default}]
  oidcGroup: {groupNames: [PetstoreUsers]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: petstore-portal, namespace: default}
spec:
  domains: [portal.petstore.localhost, 'portal.petstore.localhost:10000']
  portalUrlPrefix: http://portal.petstore.localhost:10000/
  publishedEnvironments: [{name: dev, namespace: default}]
  oidcAuth:
    clientId: 0oaPetstore
    clientSecret: {name: petstore-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: '{ISSUER}'
    additionalScopes: [groups, email, offline_access]
---
apiVersion: v1
kind: Secret
metadata: {name: petstore-secret, namespace: default}
stringData: {client_secret: \"hush hush\\n\"}
";

/// Settings, resources and sealing keys of a gateway.
#[derive(Clone)]
pub(crate) struct Setup {
    settings: BTreeMap<String, String>,
    resources: String,
    keys: String,
    files: BTreeMap<String, String>,
    /// Kept while a gateway of this setup lives.
    pub(crate) redis: Option<Arc<RedisServer>>,
}

impl Default for Setup {
    fn default() -> Self {
        let settings = [
            ("listen", "{grpc: '127.0.0.1:0', admin: '127.0.0.1:0'}"),
            ("resources", "{paths: [portal]}"),
            ("session", "{keys_file: session.keys}"),
            ("provider", "{allow_http: true, allow_addresses: [127.0.0.0/8]}"),
            ("log", "{level: error}"),
        ];
        Self {
            settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            resources: RESOURCES.to_owned(),
            keys: key(1),
            files: BTreeMap::new(),
            redis: None,
        }
    }
}

impl Setup {
    /// The same with this section of the settings.
    pub(crate) fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same with one thing written otherwise in the resources.
    pub(crate) fn edit(mut self, from: &str, to: &str) -> Self {
        assert!(self.resources.contains(from), "the resources have no {from}");
        self.resources = self.resources.replace(from, to);
        self
    }

    /// The same with further resources.
    pub(crate) fn add(mut self, document: &str) -> Self {
        self.resources.push_str("---\n");
        self.resources.push_str(document);
        self
    }

    /// The same with a further file beside the settings.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// The same with other sealing keys, newest first.
    pub(crate) fn keys(mut self, seeds: &[u8]) -> Self {
        self.keys = seeds.iter().map(|seed| key(*seed)).collect();
        self
    }

    /// The same without a refresh token.
    pub(crate) fn without_refresh(self) -> Self {
        self.edit("[groups, email, offline_access]", "[groups, email]")
    }

    /// The same with sessions in memory.
    pub(crate) fn in_memory(self) -> Self {
        self.setting("session", "{store: memory, keys_file: session.keys}")
    }

    /// The same with sessions in a Redis of its own.
    pub(crate) fn in_redis(self) -> Self {
        self.beside(&Arc::new(RedisServer::start()), "store: redis")
    }

    /// The same with this Redis, and what else section `session` says.
    pub(crate) fn beside(mut self, redis: &Arc<RedisServer>, session: &str) -> Self {
        let session = format!("{session}, keys_file: session.keys, redis: {{{}}}", redis.place());
        self.redis = Some(Arc::clone(redis));
        self.setting("session", &format!("{{{session}}}"))
    }

    /// The resources with the provider's issuer filled in.
    pub(crate) fn resources(&self, issuer: &str) -> String {
        self.resources.replace("{ISSUER}", issuer)
    }

    /// Writes everything into `folder`; the settings are `portcullis.yaml`.
    pub(crate) fn write(&self, folder: &Path, issuer: &str) {
        let settings: String =
            self.settings.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let settings = settings.replace("{ISSUER}", issuer);
        std::fs::create_dir_all(folder.join("portal")).expect("a folder");
        std::fs::write(folder.join("portcullis.yaml"), settings).expect("settings");
        std::fs::write(folder.join("portal/all.yaml"), self.resources(issuer)).expect("resources");
        std::fs::write(folder.join("session.keys"), &self.keys).expect("keys");
        for (name, text) in &self.files {
            std::fs::write(folder.join(name), text).expect("a file");
        }
    }
}

/// A sealing key, made of `seed`.
fn key(seed: u8) -> String {
    use base64::Engine;
    let bytes: Vec<u8> =
        (0..32).map(|at: u8| at.wrapping_mul(37) ^ seed.wrapping_mul(91)).collect();
    format!("{}\n", base64::engine::general_purpose::STANDARD.encode(bytes))
}
