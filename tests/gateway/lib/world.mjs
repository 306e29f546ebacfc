// What a file of these tests runs: the real service, real Envoy with the shipped configuration, the certified provider,
// and upstreams that count. Everything on ports of its own, in a folder of its own.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { Demo } from '../../../deploy/demo/lib/demo.mjs';
import { Part } from '../../../deploy/demo/lib/part.mjs';
import { Client } from '../../guide/lib/client.mjs';
import { insider } from '../../guide/lib/people.mjs';
import { RelyingParty } from '../../guide/lib/relying-party.mjs';
import { freePorts } from './ports.mjs';
import { reference, replaced } from './reference.mjs';
import { Upstream } from './upstream.mjs';

const NAMES = ['gateway', 'gatewayAdmin', 'provider', 'petstore', 'portal', 'checks', 'admin'];

export class World {
  /** The portal's pages behind the gateway; the API is `upstream`. */
  pages = new Upstream();
  #extra = [];

  /**
   * `name` is the folder's. Nothing is started yet, but for the upstreams. With `portal`, the demo's own pages are to be
   * started as a part; `answer` is what the API answers. Only with `seesAll` the service is told that the gateway shows it
   * every header, as the demo's is: the default takes more care, and is what the rest looks at.
   */
  static async prepare(name, { portal = false, answer, seesAll = false } = {}) {
    const ports = await freePorts(NAMES.length);
    const world = new World(name, Object.fromEntries(NAMES.map((each, index) => [each, ports[index]])));
    world.upstream = new Upstream(answer);
    await world.demo.prepare();
    world.write('envoy.yaml', reference(world.ports, [world.ports.checks]));
    // A line for every refusal, under load, is work for nobody.
    world.edit('portcullis.yaml', (text) => replaced(text, 'level: info', 'level: error'));
    if (!seesAll) world.edit('portcullis.yaml', (text) => replaced(text, 'sees_all_headers: true\n', ''));
    await world.upstream.listen(world.ports.petstore);
    if (!portal) await world.pages.listen(world.ports.portal);
    return world;
  }

  constructor(name, ports) {
    // An end by signal passes through `exit` as well, where what was started is ended.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
    // Whatever happens to this process, nothing of it stays behind.
    process.once('exit', () => this.#extra.forEach((part) => part.signal('SIGKILL')));
    this.ports = ports;
    this.demo = new Demo({ ports, directory: `gateway/${name}` });
    this.party = new RelyingParty({ ...this.demo, redirectUri: `${this.demo.portal}/callback` });
  }

  get api() {
    return this.demo.api;
  }

  get portal() {
    return this.demo.portal;
  }

  get service() {
    return this.demo.part('portcullis');
  }

  get provider() {
    return this.demo.part('provider');
  }

  file(name) {
    return path.join(this.demo.run, name);
  }

  write(name, text) {
    writeFileSync(this.file(name), text);
  }

  edit(name, change) {
    this.write(name, change(readFileSync(this.file(name), 'utf8')));
  }

  /** Starts these parts, one after another. */
  async start(...names) {
    for (const name of names) await this.demo.part(name).start();
  }

  /** One more Envoy, with this configuration; `gatewayAdmin` is the port of its admin address. */
  envoy(name, text, gatewayAdmin) {
    this.write(`${name}.yaml`, text);
    const { command } = this.demo.part('envoy');
    const args = ['--config-path', this.file(`${name}.yaml`), '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning'];
    return this.part({ name, command, args, ready: `http://127.0.0.1:${gatewayAdmin}/ready` });
  }

  /** One more instance of the service, which listens on other ports and is told the same. `change` may change its settings. */
  instance(name, { checks, admin }, change = (text) => text) {
    const own = (text) => replaced(replaced(text, `:${this.ports.checks}`, `:${checks}`), `:${this.ports.admin}`, `:${admin}`);
    this.write(`${name}.yaml`, change(own(readFileSync(this.file('portcullis.yaml'), 'utf8'))));
    const args = ['serve', '--config', this.file(`${name}.yaml`)];
    return this.part({ name, command: this.demo.portcullis, args, ready: `http://127.0.0.1:${admin}/readyz` });
  }

  /** One more program, which ends with this world at the latest. */
  part(options) {
    const part = new Part({ ...options, log: path.join(this.demo.directory, 'logs', `${options.name}.log`) });
    this.#extra.push(part);
    return part;
  }

  /** An ID token of a person, to be used as a bearer. */
  async token(person = insider) {
    const answer = await this.party.tokens(new Client(), person);
    return answer.json().id_token;
  }

  async stop() {
    for (const part of this.#extra.reverse()) await part.close();
    await this.demo.stop();
    this.upstream.close();
    this.pages.close();
  }
}
