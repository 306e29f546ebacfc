// The demo's gateway, on ports of its own, and how the shapes vary it.
import { readFileSync } from 'node:fs';

import { movePorts } from '../../../deploy/demo/lib/ports.mjs';
import { CERTIFICATE, KEY } from '../../../tests/gateway/lib/certificate.mjs';
import { replaced } from '../../../tests/gateway/lib/reference.mjs';

const SHIPPED = new URL('../../../deploy/demo/envoy.yaml', import.meta.url);
const ALLOWED = new URL('../../../deploy/envoy/allowed-headers.yaml', import.meta.url);

/** Changes of the configuration, by name. */
const VARIANTS = {
  shipped: (text) => text,
  'context-extensions': (text) => replaced(
    text,
    '                envoy.filters.http.ext_authz: *check\n',
    '                envoy.filters.http.ext_authz:\n' +
      '                  "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute\n' +
      '                  check_settings: { context_extensions: { environment: dev.default, product: petstore-product.default } }\n',
  ),
  'raw-headers': (text) => filter(text, 'encode_raw_headers: true'),
  'allowed-headers': (text) => filter(text, ...readFileSync(ALLOWED, 'utf8').trimEnd().split('\n')),
  websocket: (text) => manager(text, 'upgrade_configs: [{ upgrade_type: websocket }]'),
  // A gateway that passes on what a client makes up: what we advise against, and must survive.
  careless: (text) => {
    const kept = ['normalize_path: true', 'merge_slashes: true', 'path_with_escaped_slashes_action: REJECT_REQUEST'];
    const without = kept.reduce((rest, line) => replaced(rest, `          ${line}\n`, ''), text);
    return replaced(without, 'headers_with_underscores_action: DROP_HEADER', 'headers_with_underscores_action: ALLOW');
  },
  mtls: (text) => {
    const pem = (bytes) => `{ inline_string: ${JSON.stringify(bytes)} }`;
    const tls =
      '    - transport_socket:\n        name: envoy.transport_sockets.tls\n        typed_config:\n' +
      '          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n' +
      '          require_client_certificate: true\n          common_tls_context:\n            alpn_protocols: [h2]\n' +
      `            tls_certificates: [{ certificate_chain: ${pem(CERTIFICATE)}, private_key: ${pem(KEY)} }]\n` +
      `            validation_context: { trusted_ca: ${pem(CERTIFICATE)} }\n      filters:\n`;
    const served = replaced(text, '    - filters:\n', tls);
    const told = manager(served, 'forward_client_cert_details: SANITIZE_SET', 'set_current_client_cert_details: { subject: true, dns: true }');
    const asked = filter(told, 'include_peer_certificate: true', 'include_tls_session: true', 'with_request_body: { max_request_bytes: 16384, pack_as_bytes: true }');
    return VARIANTS['context-extensions'](asked);
  },
};

/** The configuration of a variant, with these ports. */
export function configuration(variant, ports) {
  return movePorts(VARIANTS[variant](readFileSync(SHIPPED, 'utf8')), ports);
}

function filter(text, ...lines) {
  return after(text, '              validate_mutations: true\n', lines);
}

function manager(text, ...lines) {
  return after(text, '          stream_idle_timeout: 300s\n', lines);
}

function after(text, line, lines) {
  const indent = /^ */.exec(line)[0];
  return replaced(text, line, line + lines.map((each) => `${indent}${each}\n`).join(''));
}
