// The shipped gateway, deploy/envoy/envoy.yaml, on loopback: other host names, addresses and ports, no TLS towards
// clients; everything else, and above all what stands around the check, is as it is shipped.
import { readFileSync } from 'node:fs';

const SHIPPED = new URL('../../../deploy/envoy/envoy.yaml', import.meta.url);

/** Replaces exactly what a test means to replace: a text that is not there is a fault of the test, not nothing to do. */
export function replaced(text, from, to) {
  if (!text.includes(from)) throw new Error(`nothing to replace: ${from}`);
  return text.replaceAll(from, to);
}

/**
 * Its configuration for these ports (`gateway`, `gatewayAdmin`, `portal`, `petstore`), with the service listening on every
 * one of `services`. Access logs cost more than the checks here, so there are none.
 */
export function reference({ gateway, gatewayAdmin, portal, petstore }, services) {
  let text = readFileSync(SHIPPED, 'utf8');
  const replace = (from, to) => {
    text = replaced(text, from, to);
  };
  text = without(text, '    - transport_socket:', '      filters:').replace('      filters:', '    - filters:');
  text = without(text, '          access_log:', '          http_filters:');
  replace('0.0.0.0, port_value: 8443', `127.0.0.1, port_value: ${gateway}`);
  replace('port_value: 9901', `port_value: ${gatewayAdmin}`);
  replace('"https://petstore.example.com"', `"http://portal.petstore.localhost:${gateway}"`);
  replace('domains: [petstore.example.com]', 'domains: [portal.petstore.localhost]');
  replace('domains: [api.example.com]', 'domains: [api.petstore.localhost]');
  replace('STRICT_DNS', 'STATIC');
  replace('address: portal, port_value: 8080', `address: 127.0.0.1, port_value: ${portal}`);
  replace('address: petstore, port_value: 8080', `address: 127.0.0.1, port_value: ${petstore}`);
  const endpoint = '        - endpoint: { address: { socket_address: { address: portcullis, port_value: 9001 } } }\n';
  replace(endpoint, services.map((port) => endpoint.replace('address: portcullis, port_value: 9001', `address: 127.0.0.1, port_value: ${port}`)).join(''));
  return text;
}

/** The text without what stands from one line up to, and not including, another; or with `instead` there. */
export function without(text, from, to, instead = '') {
  const start = text.indexOf(`${from}\n`);
  const end = text.indexOf(`${to}\n`, start);
  if (start < 0 || end < 0) throw new Error(`not found: ${from} … ${to}`);
  return text.slice(0, start) + instead + text.slice(end);
}
