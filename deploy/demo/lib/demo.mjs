// The demo as a whole: five programs on loopback, made ready in order and stopped in the opposite one.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Part } from './part.mjs';
import { movePorts, portsFrom } from './ports.mjs';
import { answersPing, twoReplicas } from './redis.mjs';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = path.join(REPOSITORY, 'deploy/demo');
const TOOLS = path.join(REPOSITORY, '.tools');

/** Configuration files that are copied to the run folder with their ports moved. */
const TEMPLATES = ['portcullis.yaml', 'envoy.yaml', 'resources'];

export class Demo {
  #parts = new Map();

  /**
   * `directory`, below `.tools`, gets the run folder and the logs. `onLine(part, line)` hears what the parts say. Ports are
   * counted from `base`, or given one by one. With `redis`, sessions are in Redis, and there are two replicas.
   */
  constructor({ base, redis = false, ports = portsFrom(base, { redis }), directory, onLine, onDeath }) {
    this.ports = ports;
    this.redis = redis;
    this.directory = path.join(TOOLS, directory);
    this.run = path.join(this.directory, 'run');
    this.portal = `http://portal.petstore.localhost:${this.ports.gateway}`;
    this.api = `http://api.petstore.localhost:${this.ports.gateway}`;
    this.open = `http://open.petstore.localhost:${this.ports.gateway}`;
    this.issuer = `http://okta.localhost:${this.ports.provider}/oauth2/default`;
    this.clientId = '0oaPetstore';
    this.clientSecret = 'demo-secret-of-the-petstore-client';
    this.portcullis = path.resolve(REPOSITORY, process.env.PORTCULLIS_BIN ?? 'target/debug/portcullis');
    for (const part of this.#describe()) {
      this.#parts.set(part.name, new Part({ ...part, log: path.join(this.directory, 'logs', `${part.name}.log`), onLine, onDeath }));
    }
    // A fault in the runner itself must not leave them behind; where all went well there is nobody left to tell.
    process.once('exit', () => this.#parts.forEach((part) => part.signal('SIGTERM')));
  }

  /** Everything before the first program starts; throws what a person can act on. */
  async prepare() {
    this.#checkTools();
    await this.#checkPorts();
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.run, { recursive: true });
    mkdirSync(path.join(this.directory, 'logs'));
    for (const template of TEMPLATES) this.#render(template);
    if (this.redis) twoReplicas(this.run, this.ports);
    this.newSealingKeys();
  }

  /** Every replica of the service. */
  get services() {
    return ['portcullis', 'second'].map((name) => this.part(name)).filter(Boolean);
  }

  /** Sealing keys that nobody had before: whatever was sealed until now cannot be opened again. */
  newSealingKeys() {
    const key = execFileSync(this.portcullis, ['keygen'], { encoding: 'utf8' });
    writeFileSync(path.join(this.run, 'session.keys'), key, { mode: 0o600 });
  }

  /** New sealing keys as an operator would put them in place: with a restart of the service. */
  async replaceSealingKeys() {
    for (const service of this.services) await service.stop();
    this.newSealingKeys();
    for (const service of this.services) await service.start();
  }

  part(name) {
    return this.#parts.get(name);
  }

  async start() {
    for (const part of this.#parts.values()) await part.start();
  }

  /** The end: nothing starts after this, even where starting was under way. */
  async stop() {
    for (const part of [...this.#parts.values()].reverse()) await part.close();
  }

  #describe() {
    const { ports } = this;
    const node = (name, env, ready) => ({ name, command: process.execPath, args: [path.join(SOURCES, name, 'main.mjs')], env, ready });
    const at = (port, location) => `http://127.0.0.1:${port}${location}`;
    return [
      node('provider', {
        PROVIDER_PORT: ports.provider,
        PROVIDER_ISSUER: this.issuer,
        PORTAL_URL: `${this.portal}/`,
        CLIENT_ID: this.clientId,
        CLIENT_SECRET: this.clientSecret,
      }, at(ports.provider, '/oauth2/default/.well-known/openid-configuration')),
      node('petstore', { PETSTORE_PORT: ports.petstore }, at(ports.petstore, '/api/pets')),
      node('portal', { PORTAL_PORT: ports.portal }, at(ports.portal, '/')),
      ...(this.redis ? [{
        name: 'redis',
        command: 'redis-server',
        args: ['--port', String(ports.redis), '--bind', '127.0.0.1', '--dir', this.run, '--save', '', '--appendonly', 'yes'],
        ready: () => answersPing(ports.redis),
      }] : []),
      {
        name: 'portcullis',
        command: this.portcullis,
        args: ['serve', '--config', path.join(this.run, 'portcullis.yaml')],
        ready: at(ports.admin, '/readyz'),
      },
      ...(this.redis ? [{
        name: 'second',
        command: this.portcullis,
        args: ['serve', '--config', path.join(this.run, 'second.yaml')],
        ready: at(ports.secondAdmin, '/readyz'),
      }] : []),
      {
        name: 'envoy',
        command: path.join(TOOLS, 'venv/bin/envoy'),
        // No hot restart: it would keep a second demo from running beside this one.
        args: ['--config-path', path.join(this.run, 'envoy.yaml'), '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning'],
        ready: at(ports.gatewayAdmin, '/ready'),
      },
    ];
  }

  #checkTools() {
    const needed = [this.portcullis, path.join(TOOLS, 'venv/bin/envoy'), path.join(TOOLS, 'node/node_modules/oidc-provider')];
    const missing = needed.filter((file) => !existsSync(file)).map((file) => path.relative(REPOSITORY, file));
    if (this.redis && spawnSync('redis-server', ['--version']).error) throw new Error('redis-server is not installed; `make redis` installs it');
    if (missing.length > 0) throw new Error(`not there yet: ${missing.join(', ')}; \`make demo\` brings and builds all of it`);
  }

  async #checkPorts() {
    const taken = [];
    for (const [name, port] of Object.entries(this.ports)) {
      if (!(await free(port))) taken.push(`port ${port} (${name})`);
    }
    if (taken.length > 0) {
      throw new Error(`in use already: ${taken.join(', ')}; end what listens there, or move the demo with PORTCULLIS_DEMO_PORT=<port>`);
    }
  }

  #render(template) {
    const source = path.join(SOURCES, template);
    const target = path.join(this.run, template);
    cpSync(source, target, { recursive: true });
    const files = template.endsWith('.yaml') ? [target] : readdirSync(target).map((name) => path.join(target, name));
    for (const file of files) writeFileSync(file, movePorts(readFileSync(file, 'utf8'), this.ports));
  }
}

function free(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
