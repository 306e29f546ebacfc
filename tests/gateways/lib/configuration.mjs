// A gateway's Envoy configuration: the reference on loopback (tests/gateway/lib/reference.mjs), with a row of the table in the
// place of its filters, hosts and cluster.
import { reference, replaced, without } from '../../gateway/lib/reference.mjs';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';
const CORS = { name: 'envoy.filters.http.cors', typed_config: { '@type': `${TYPE}.cors.v3.Cors` } };
const PER_ROUTE = `${TYPE}.ext_authz.v3.ExtAuthzPerRoute`;
const ENABLED = { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', config: {} };
const ROUTER = { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.router.v3.Router` } };

/** What Envoy writes down of each request, as in the reference. */
const SEEN = {
  host: '%REQ(:AUTHORITY)%',
  path: '%PATH(NQ)%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  decision: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:decision)%',
  reason: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:reason)%',
  product: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:product)%',
};

/** The text of a row's configuration for these ports; access is written to the file `log`. */
export function configuration(row, ports, log) {
  const text = logged(reference(ports, [ports.checks]), log);
  if (row.change) return row.change(text);
  let changed = text;
  const replace = (from, to) => {
    changed = replaced(changed, from, to);
  };
  replace('path_with_escaped_slashes_action: REJECT_REQUEST', `path_with_escaped_slashes_action: ${row.connection.slashes}`);
  replace('headers_with_underscores_action: DROP_HEADER', `headers_with_underscores_action: ${row.connection.underscores}`);
  replace('merge_slashes: true', `merge_slashes: ${row.connection.merge ?? true}`);
  changed = without(changed, '          http_filters:', '          route_config:', `          http_filters: ${JSON.stringify(filters(row))}\n`);
  changed = without(changed, '            virtual_hosts:', '  clusters:', `            virtual_hosts: ${JSON.stringify(hosts(row, ports))}\n`);
  return without(changed, '  - name: portcullis', '  - name: portal', `  - ${JSON.stringify(cluster(row, ports))}\n`);
}

function logged(text, path) {
  const log = { name: 'envoy.access_loggers.file', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog', path, log_format: { json_format: SEEN } } };
  return replaced(text, '          http_filters:\n', `          access_log: [${JSON.stringify(log)}]\n          http_filters:\n`);
}

function filters(row) {
  const checks = [row.hot, row.endpoints].filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index);
  const before = [...(row.before ?? []), ...checks.map((check) => filter(row, check))];
  return row.corsLast ? [...before, CORS, ROUTER] : [CORS, ...before, ROUTER];
}

function filter(row, { name, timeout, service, settings }) {
  const envoyGrpc = { cluster_name: row.cluster, ...(row.authority && { authority: row.authority }) };
  return {
    name,
    disabled: row.opt_in ?? false,
    typed_config: {
      '@type': `${TYPE}.ext_authz.v3.ExtAuthz`,
      grpc_service: { envoy_grpc: envoyGrpc, ...(timeout && { timeout }), ...service },
      ...row.settings,
      ...settings,
    },
  };
}

function hosts(row, { gateway }) {
  const to = (cluster) => ({ route: { cluster } });
  const answered = { direct_response: { status: 404 } };
  const route = (name, match, action, check, context) => ({ name, match, ...action, ...perRoute(row, check, context), metadata: { filter_metadata: row.metadata ?? {} } });
  const endpoints = (context, ...matches) => (row.oneRoute ? [] : matches.map((match, index) => route(`endpoints-${index}`, match, answered, row.endpoints, context)));
  const stated = (context) => (row.context ? context : undefined);
  const portal = stated({ portal: 'petstore-portal.default' });
  const api = stated({ environment: 'dev.default' });
  const said = row.context ? [
    route('another-product', { path: '/another-product' }, to('petstore'), row.hot, { ...api, product: 'another.default' }),
    route('public', { path: '/public' }, to('petstore'), row.hot, { ...api, access: 'public' }),
  ] : [];
  const cors = {
    '@type': `${TYPE}.cors.v3.CorsPolicy`,
    allow_origin_string_match: [{ exact: `http://portal.petstore.localhost:${gateway}` }],
    allow_credentials: true,
    allow_methods: 'GET, POST',
    allow_headers: 'authorization',
  };
  return [
    {
      name: 'portal',
      domains: ['portal.petstore.localhost'],
      routes: [...endpoints(portal, { path: '/callback' }, { path_separated_prefix: '/.auth' }), route('portal', { prefix: '/' }, to('portal'), row.hot, portal)],
    },
    {
      name: 'api',
      domains: ['api.petstore.localhost'],
      typed_per_filter_config: { 'envoy.filters.http.cors': cors },
      routes: [
        ...endpoints(api, { path_separated_prefix: '/.auth' }),
        { name: 'healthz', match: { path: '/healthz' }, ...to('petstore'), ...leftOut(row) },
        ...said,
        ...(row.routes ?? []),
        route('api', { prefix: '/' }, to('petstore'), row.hot, api),
      ],
    },
  ];
}

/** What switches the check on for a route, and what the route says in it. */
function perRoute(row, { name, check }, context) {
  const said = { ...(context && { context_extensions: context }), ...check };
  if (Object.keys(said).length > 0) return { typed_per_filter_config: { [name]: { '@type': PER_ROUTE, check_settings: said } } };
  return row.opt_in ? { typed_per_filter_config: { [name]: ENABLED } } : {};
}

function leftOut({ off, hot }) {
  if (off === 'absent' || off === 'rule') return {};
  return { typed_per_filter_config: off === 'disabled' ? { [hot.name]: { '@type': PER_ROUTE, disabled: true } } : { [off]: ENABLED } };
}

/** As the gateways make them: no health checks, no retries of its own, Envoy's limits. */
function cluster({ cluster: name }, { checks }) {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: checks } } } }] }] },
  };
}
