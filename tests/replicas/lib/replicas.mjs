// Several replicas behind one Envoy, which has a listener for all of them in turn and one for each alone.
import { CookieJar } from '../../guide/lib/cookies.mjs';
import { Client } from '../../guide/lib/client.mjs';
import { insider, logIn } from '../../guide/lib/people.mjs';
import { until } from '../../guide/lib/wait.mjs';
import { freePorts } from '../../gateway/lib/ports.mjs';
import { reference, replaced } from '../../gateway/lib/reference.mjs';
import { World } from '../../gateway/lib/world.mjs';
import { Door } from './door.mjs';

/** Within this, what one replica has heard counts everywhere (issue: a second). */
export const WITHIN = 1000;

export class Replicas {
  /** `change(text, index)` may change the settings of each. The world is there at once, for Redis to be started in. */
  static async prepare(name, { count = 3, answer } = {}) {
    const world = await World.prepare(`replicas-${name}`, { answer });
    const replicas = new Replicas(world);
    const ports = await freePorts(4 * count);
    replicas.each = Array.from({ length: count }, (_, index) => {
      const [checks, admin, listener, door] = ports.slice(4 * index, 4 * index + 4);
      return { index, name: `replica-${index + 1}`, checks, admin, listener, door };
    });
    for (const replica of replicas.each) replica.door = await Door.open(replica.door);
    return replicas;
  }

  constructor(world) {
    this.world = world;
    this.api = world.api;
    this.portal = world.portal;
    this.address = `${world.api}/api/pets?may=yes`;
  }

  /** Provider, replicas and gateway. `session` is that section of the settings, of all or by replica. */
  async start({ session, idTokenSeconds = 3600, refreshGraceSeconds = 0, clockSkew, level = 'info' }) {
    const { world } = this;
    Object.assign(world.provider.env, { PROVIDER_ID_TOKEN_SECONDS: idTokenSeconds, PROVIDER_REFRESH_GRACE_SECONDS: refreshGraceSeconds });
    for (const replica of this.each) {
      const section = typeof session === 'function' ? session(replica) : session;
      replica.part = world.instance(replica.name, replica, (text) => {
        let own = replaced(text, 'session: { keys_file: session.keys }', `session: { keys_file: session.keys, ${section} }`);
        own = replaced(own, 'provider:\n', `provider:\n  proxy: http://127.0.0.1:${replica.door.port}\n`);
        own = replaced(own, 'level: error', `level: ${level}`);
        return clockSkew ? `${own}\ntokens: { clock_skew: ${clockSkew} }\n` : own;
      });
    }
    world.write('envoy.yaml', this.#gateway());
    await world.start('provider');
    await Promise.all(this.each.map(({ part }) => part.start()));
    await world.start('envoy');
  }

  /** Somebody's browser, whose requests go to one replica alone; without one, to each in turn. */
  visitor(replica, jar = new CookieJar()) {
    const gateway = String(this.world.ports.gateway);
    const port = replica === undefined ? gateway : String(this.each[replica].listener);
    return new Client(jar, { portOf: (url) => (url.port === gateway ? port : url.port) });
  }

  /** A jar that is signed in at the API, by this replica. */
  async signedIn(replica, person = insider) {
    const jar = new CookieJar();
    const page = await logIn(this.visitor(replica, jar), this.address, person);
    if (page.status !== 200) throw new Error(`no login: ${page.status} at ${page.url.href}: ${page.body.slice(0, 300)}`);
    return jar;
  }

  /** What one replica answers a script with this jar; nothing is stored in the jar. */
  async answer(replica, jar, address = this.address) {
    const client = this.visitor(replica, new CookieJar());
    return client.fetch(address, { headers: { cookie: jar.header(new URL(address)) } });
  }

  status(replica, jar, address) {
    return this.answer(replica, jar, address).then(({ status }) => status);
  }

  /** How long until each of these replicas refuses the jar, in milliseconds from now. */
  refusals(jar, replicas, { from = performance.now(), address, within = 10_000 } = {}) {
    return Promise.all(replicas.map(async (replica) => {
      await until(`replica ${replica + 1} to refuse`, async () => (await this.status(replica, jar, address)) === 401, { every: 5, within });
      return Math.round(performance.now() - from);
    }));
  }

  /** Refreshes that all replicas together have asked for. */
  get refreshes() {
    return this.each.flatMap(({ door }) => door.refreshes);
  }

  forget() {
    for (const { door } of this.each) door.forget();
  }

  metrics(replica) {
    return fetch(`http://127.0.0.1:${this.each[replica].admin}/metrics`).then((answer) => answer.text());
  }

  async stop() {
    await this.world.stop();
    for (const { door } of this.each) door.close();
  }

  /** The shipped gateway, with a listener for each replica alone beside the one for all. */
  #gateway() {
    const text = reference(this.world.ports, this.each.map(({ checks }) => checks));
    const [head, rest] = halves(text, '  - name: https\n');
    const [listener, clusters] = halves(rest, '  clusters:\n');
    const [portcullis, others] = halves(clusters.slice('  clusters:\n'.length), '  - name: portal\n');
    const alone = this.each.map(({ name, listener: port, checks }) => ({
      listener: replaced(replaced(replaced(listener, 'name: https', `name: ${name}`), `port_value: ${this.world.ports.gateway}`, `port_value: ${port}`), 'cluster_name: portcullis', `cluster_name: ${name}`),
      cluster: replaced(replaced(portcullis, 'name: portcullis\n', `name: ${name}\n`), / {8}- endpoint:.*\n/.exec(portcullis)[0], '')
        .replace(/( {8}- endpoint:.*\n)+/, `        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${checks} } } }\n`),
    }));
    return [head, listener, ...alone.map((one) => one.listener), '  clusters:\n', portcullis, ...alone.map((one) => one.cluster), others].join('');
  }
}

function halves(text, line) {
  const at = text.indexOf(line);
  if (at < 0) throw new Error(`not found: ${line}`);
  return [text.slice(0, at), text.slice(at)];
}
