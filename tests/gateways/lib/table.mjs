// What each gateway makes of its file in deploy/gateways, as differences from the reference configuration. Taken from the
// gateways' own translators and their expected outputs; deploy/gateways/README.md names the versions.

const EXT_AUTHZ = 'envoy.filters.http.ext_authz';

/** Istio decides by a metadatum, which an RBAC filter before the check leaves behind: the rules of the AuthorizationPolicy. */
function istioRules(...rules) {
  const policies = rules.map(({ permissions, principals = [{ any: true }] }, index) => [
    `istio-ext-authz-ns[istio-system]-policy[portcullis]-rule[${index}]`,
    { permissions: [{ and_rules: { rules: permissions } }], principals: [{ and_ids: { ids: principals } }] },
  ]);
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      shadow_rules: { action: 'DENY', policies: Object.fromEntries(policies) },
      shadow_rules_stat_prefix: 'istio_ext_authz_',
    },
  };
}

const NOT_HEALTHZ = { not_rule: { url_path: { path: { exact: '/healthz' } } } };
const OPTIONS = { header: { name: ':method', string_match: { exact: 'OPTIONS' } } };

function retries(max_interval) {
  return { retry_on: 'connect-failure,reset,refused-stream,unavailable', num_retries: 2, retry_back_off: { base_interval: '0.01s', max_interval } };
}

/** What istio.yaml warns of: a list of hosts, which misses those with a port. */
export const ISTIO_HOSTS = istioRules({ permissions: [{ header: { name: ':authority', string_match: { exact: 'api.petstore.localhost', ignore_case: true } } }] });

/** The two rules that istio.yaml has as a comment, for preflights. */
export const ISTIO_PREFLIGHTS = istioRules(
  { permissions: [NOT_HEALTHZ, { not_rule: OPTIONS }] },
  { permissions: [NOT_HEALTHZ, OPTIONS], principals: [{ not_id: { header: { name: 'access-control-request-method', present_match: true } } }] },
);

/** kgateway's way to switch the check off: a filter that leaves a metadatum, itself off unless a route wants it. */
const KGATEWAY_OFF = {
  name: 'global_disable/ext_auth',
  disabled: true,
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config',
    metadata: [{ metadata_namespace: 'dev.kgateway.disable_ext_auth', value: { disable: true } }],
  },
};

/**
 * - `says`: lines of its file that the rest of the row follows from.
 * - `hot`, `endpoints`: the filter that ordinary routes and those of our endpoints use, its timeout (none: Envoy's own), further
 *   fields of it (`settings`), of its `grpc_service` (`service`) and of its routes' `check_settings` (`check`).
 * - `opt_in`: the filters are off until a route switches them on.
 * - `settings`: fields of both filters; `connection`: of the connection manager.
 * - `context`: whether routes can say something in the check.
 * - `off`: how a route is left out.
 * - `body`: whether our endpoints get the body of a request.
 * - `onError`: the status where nobody answers the check.
 */
export const GATEWAYS = {
  'gloo-edge': {
    file: 'gloo-edge.yaml',
    says: ['requestTimeout: 10s', 'statusOnError: 503', 'failureModeAllow: false', 'clearRouteCache: false', '{ extauth: { disable: true } }'],
    cluster: 'portcullis_gloo-system',
    hot: { name: EXT_AUTHZ, timeout: '10s' },
    endpoints: { name: EXT_AUTHZ, timeout: '10s' },
    settings: { transport_api_version: 'V3', status_on_error: { code: 503 }, metadata_context_namespaces: ['envoy.filters.http.jwt_authn'] },
    connection: { slashes: 'KEEP_UNCHANGED', underscores: 'ALLOW', merge: false },
    context: true,
    off: 'disabled',
    onError: 503,
  },
  istio: {
    file: 'istio-mesh.yaml',
    says: ['timeout: 10s', 'statusOnError: "503"', 'failOpen: false', 'clearRouteCache: false', 'DECODE_AND_MERGE_SLASHES'],
    cluster: 'outbound|9001||portcullis.portcullis.svc.cluster.local',
    authority: 'outbound_.9001_._.portcullis.portcullis.svc.cluster.local',
    before: [istioRules({ permissions: [NOT_HEALTHZ] })],
    corsLast: true,
    hot: { name: EXT_AUTHZ, timeout: '10s' },
    endpoints: { name: EXT_AUTHZ, timeout: '10s' },
    settings: {
      transport_api_version: 'V3',
      status_on_error: { code: 503 },
      filter_enabled_metadata: {
        filter: 'envoy.filters.http.rbac',
        path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
        value: { string_match: { prefix: 'istio-ext-authz' } },
      },
    },
    connection: { slashes: 'UNESCAPE_AND_FORWARD', underscores: 'ALLOW' },
    context: false,
    off: 'rule',
    onError: 503,
  },
  'envoy-gateway': {
    file: 'envoy-gateway.yaml',
    says: ['timeout: 500ms', 'timeout: 10s', 'statusOnError: 503', 'failOpen: false', 'recomputeRoute: false', 'includeRouteMetadata: true', 'escapedSlashesAction: RejectRequest', 'withUnderscoresAction: DropHeader', 'baseInterval: 10ms, maxInterval: 500ms', 'baseInterval: 10ms, maxInterval: 10s', 'triggers: [connect-failure, reset, refused-stream, unavailable]', 'maxRequestBytes: 16384'],
    cluster: 'securitypolicy/petstore/portcullis-api/extauth/0',
    authority: 'portcullis.portcullis:9001',
    opt_in: true,
    hot: { name: `${EXT_AUTHZ}/securitypolicy/petstore/portcullis-api`, timeout: '0.5s', service: { retry_policy: retries('0.5s') } },
    endpoints: { name: `${EXT_AUTHZ}/securitypolicy/petstore/portcullis-endpoints`, timeout: '10s', service: { retry_policy: retries('10s') }, settings: { with_request_body: { max_request_bytes: 16384 } } },
    body: true,
    settings: { transport_api_version: 'V3', status_on_error: { code: 503 }, route_metadata_context_namespaces: ['envoy-gateway'] },
    metadata: { 'envoy-gateway': { resources: [{ kind: 'HTTPRoute', name: 'api', namespace: 'petstore' }] } },
    connection: { slashes: 'REJECT_REQUEST', underscores: 'DROP_HEADER' },
    context: true,
    off: 'absent',
    onError: 503,
  },
  kgateway: {
    file: 'kgateway.yaml',
    says: ['requestTimeout: 500ms', 'requestTimeout: 10s', 'statusOnError: 503', 'failOpen: false', 'clearRouteCache: false', 'authority: portcullis', 'maxRequestBytes: 16384'],
    cluster: 'kube_portcullis_portcullis_9001',
    authority: 'portcullis',
    opt_in: true,
    before: [KGATEWAY_OFF],
    hot: { name: 'ext_auth/petstore/portcullis', timeout: '0.5s' },
    endpoints: { name: 'ext_auth/petstore/portcullis-endpoints', timeout: '10s', check: { with_request_body: { max_request_bytes: 16384 } } },
    body: true,
    // It says no version, and Envoy takes V3 then.
    settings: {
      status_on_error: { code: 503 },
      filter_enabled_metadata: { filter: 'dev.kgateway.disable_ext_auth', invert: true, path: [{ key: 'disable' }], value: { bool_match: true } },
    },
    connection: { slashes: 'KEEP_UNCHANGED', underscores: 'ALLOW' },
    context: true,
    off: 'global_disable/ext_auth',
    onError: 503,
  },
  contour: {
    file: 'contour.yaml',
    says: ['responseTimeout: 10s', 'failOpen: false', 'protocol: h2c', 'authPolicy: { disabled: true }'],
    cluster: 'extension/portcullis/portcullis',
    authority: 'extension.portcullis.portcullis',
    hot: { name: EXT_AUTHZ, timeout: '10s' },
    endpoints: { name: EXT_AUTHZ, timeout: '10s' },
    settings: { transport_api_version: 'V3', status_on_error: { code: 403 }, clear_route_cache: true, include_peer_certificate: true },
    connection: { slashes: 'KEEP_UNCHANGED', underscores: 'ALLOW' },
    context: true,
    off: 'disabled',
    onError: 403,
  },
  emissary: {
    file: 'emissary.yaml',
    says: ['timeout_ms: 10000', 'status_on_error: { code: 503 }', 'failure_mode_allow: false', 'protocol_version: v3', 'bypass_auth: true'],
    cluster: 'cluster_extauth_portcullis_portcullis_9001_emissary',
    hot: { name: EXT_AUTHZ, timeout: '10s' },
    endpoints: { name: EXT_AUTHZ, timeout: '10s' },
    settings: { transport_api_version: 'V3', status_on_error: { code: 503 }, clear_route_cache: true },
    connection: { slashes: 'KEEP_UNCHANGED', underscores: 'ALLOW', merge: false },
    // Its endpoints are not routes of their own: that for `/` is theirs as well.
    oneRoute: true,
    context: true,
    off: 'disabled',
    onError: 503,
  },
  // The filter says nothing of time, status or context: an implementation that leaves all of it to Envoy.
  'gateway-api': {
    file: 'gateway-api.yaml',
    says: ['protocol: GRPC', 'forwardBody: { maxSize: 16384 }'],
    cluster: 'httproute/petstore/portal/extauth',
    authority: 'portcullis.portcullis:9001',
    opt_in: true,
    hot: { name: `${EXT_AUTHZ}/rule-0` },
    endpoints: { name: `${EXT_AUTHZ}/rule-1`, settings: { with_request_body: { max_request_bytes: 16384 } } },
    body: true,
    settings: { transport_api_version: 'V3' },
    connection: { slashes: 'KEEP_UNCHANGED', underscores: 'ALLOW' },
    context: false,
    off: 'absent',
    onError: 403,
  },
  'bare Envoy': {
    hot: { timeout: '0.5s' },
    endpoints: { timeout: '10s' },
    file: '../envoy/envoy.yaml',
    says: ['timeout: 0.5s', 'timeout: 10s', 'status_on_error: { code: ServiceUnavailable }', 'failure_mode_allow: false'],
    // As it is, and with each header line on its own, which no gateway above offers.
    change: (text) => text.replace('clear_route_cache: false', 'clear_route_cache: false\n              encode_raw_headers: true'),
    body: true,
    context: false,
    onError: 503,
  },
};
