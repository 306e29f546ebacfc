// The demo's ports. They move together: PORTCULLIS_DEMO_PORT is the gateway's, the others keep their distance to it.

export const DEFAULT_BASE = 10000;

/** As they stand in the files of this folder. */
const DEFAULTS = {
  gateway: 10000,
  gatewayAdmin: 10001,
  provider: 10100,
  petstore: 10200,
  portal: 10300,
  checks: 9001,
  admin: 9002,
};

/** Besides, with Redis: it, and a second replica. */
const WITH_REDIS = { redis: 10400, secondChecks: 9003, secondAdmin: 9004 };

/** All ports for a demo whose gateway listens on `base`. */
export function portsFrom(base, { redis = false } = {}) {
  if (!Number.isInteger(base) || base < 3000 || base > 65000) {
    throw new Error('PORTCULLIS_DEMO_PORT must be a port between 3000 and 65000');
  }
  return Object.fromEntries(Object.entries({ ...DEFAULTS, ...(redis ? WITH_REDIS : {}) }).map(([name, port]) => [name, port + base - DEFAULT_BASE]));
}

/** The text of a configuration file with its ports moved. */
export function movePorts(text, ports) {
  const names = Object.keys(DEFAULTS);
  const moved = new Map(names.map((name) => [String(DEFAULTS[name]), String(ports[name])]));
  return text.replace(/\b\d{4,5}\b/g, (number) => moved.get(number) ?? number);
}
