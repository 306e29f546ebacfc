// Real Redis, from Debian's `redis-server`: one server, TLS with an ACL user, a master with sentinels, a cluster. Each process is
// one of ours, on a port of its own, with an append-only file, so that one that is killed has what it had when it comes back.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { until } from '../../guide/lib/wait.mjs';
import { freePorts } from '../../gateway/lib/ports.mjs';
import { AUTHORITY, CERTIFICATE, KEY } from './certificate.mjs';

const run = promisify(execFile);

/** Who looks after the servers; the service has a user of its own. */
const KEEPER = { user: 'keeper', password: 'keepers-own-password' };
const USER = 'portcullis';
const PASSWORD = 'password-of-the-tests-alone';

/** What that user may do: no more than the page for deployments says. */
export const RIGHTS = /ACL SETUSER portcullis on [^\n]*\\\n((?:.*\\\n)*.*)\n/.exec(readFileSync(new URL('../../../deploy/helm/README.md', import.meta.url), 'utf8'))[1]
  .replaceAll(/['\\]/g, '').split(/\s+/).filter(Boolean);

/** How long a master is silent before others take it for dead. */
const NOTICED = 1000;

/** One process: a server, or a sentinel. */
export class Server {
  #part;

  constructor(world, name, port, configuration, { tls = false, sentinel = false } = {}) {
    Object.assign(this, { name, port, tls });
    const folder = world.file(name);
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    const file = path.join(folder, 'redis.conf');
    writeFileSync(file, [...configuration, `dir ${folder}`, 'bind 127.0.0.1', tls ? `port 0\ntls-port ${port}` : `port ${port}`, ''].join('\n'));
    const args = sentinel ? [file, '--sentinel'] : [file];
    this.#part = world.part({ name, command: 'redis-server', args, ready: () => this.answers() });
  }

  start() {
    return this.#part.start();
  }

  /** As its own `SHUTDOWN` would: in order. */
  stop() {
    return this.#part.stop();
  }

  /** Ends it at once, or pauses it, or lets it go on. */
  signal(name) {
    this.#part.signal(name);
  }

  async kill() {
    const gone = this.#part.exited;
    this.#part.signal('SIGKILL');
    await gone;
  }

  get running() {
    return this.#part.running;
  }

  /** What `redis-cli` is to be told for one command. */
  args(...command) {
    const { user, password } = KEEPER;
    const tls = this.tls ? ['--tls', '--cacert', path.join(this.folder, '../redis-ca.crt')] : [];
    return ['-h', '127.0.0.1', '-p', this.port, '--user', user, '--pass', password, '--no-auth-warning', ...tls, ...command].map(String);
  }

  /** What `redis-cli` prints for one command. */
  async ask(...command) {
    const { stdout } = await run('redis-cli', this.args(...command), { timeout: 5000, maxBuffer: 64 << 20 });
    if (/^(ERR|NOAUTH|WRONGPASS|NOPERM|MISCONF|LOADING|OOM|READONLY)\b/.test(stdout)) throw new Error(`${this.name}: ${command[0]}: ${stdout.trim()}`);
    return stdout.trim();
  }

  async answers() {
    return (await this.ask('PING')) === 'PONG';
  }

  async is(role) {
    return (await this.ask('ROLE')).split('\n')[0] === role;
  }
}

/** What all of them have: users, a file that outlives a kill, and no snapshots besides. */
function common({ user = USER, password = PASSWORD, more = [] } = {}) {
  const keeper = `user ${KEEPER.user} on >${KEEPER.password} ~* &* +@all`;
  return [
    keeper,
    user === 'default' ? `user default on >${password} ~* &* +@all` : `user ${user} on >${password} ${[...RIGHTS, ...more].join(' ')}`,
    ...(user === 'default' ? [] : ['user default off']),
    `masteruser ${KEEPER.user}`,
    `masterauth ${KEEPER.password}`,
    'save ""',
    'appendonly yes',
    'repl-diskless-sync-delay 0',
  ];
}

/** What every way of running Redis can do, and have done to it. */
class Redis {
  /** Every process of it. */
  servers = [];
  /** User of the service in the servers' list. */
  user = USER;

  get data() {
    return this.servers.filter((server) => !server.sentinel);
  }

  async start() {
    for (const server of this.servers) await server.start();
  }

  async stop() {
    for (const server of this.servers) if (server.running) await server.stop();
  }

  /** Every server that may be written to now. */
  async masters() {
    const found = [];
    for (const server of this.data) if (server.running && (await server.is('master'))) found.push(server);
    return found;
  }

  /** The same command to every server with data. */
  async everywhere(...command) {
    for (const server of this.data) if (server.running) await server.ask(...command);
  }

  /** Whatever it holds, as `redis-cli` prints it: keys, and each value as it is. */
  async dump() {
    const found = [];
    for (const server of await this.masters()) {
      const keys = (await server.ask('--scan')).split('\n').filter(Boolean);
      for (const key of keys) {
        const type = await server.ask('TYPE', key);
        const read = { string: ['GET', key], hash: ['HGETALL', key], set: ['SMEMBERS', key], zset: ['ZRANGE', key, '0', '-1', 'WITHSCORES'], list: ['LRANGE', key, '0', '-1'], stream: ['XRANGE', key, '-', '+'] }[type];
        found.push({ key, type, value: await server.ask('--no-raw', ...read), ttl: Number(await server.ask('PTTL', key)) });
      }
    }
    return found;
  }

  // --- faults: each has its end ------------------------------------------------------------------------------------------

  async kill() {
    for (const server of this.data) await server.kill();
    return async () => {
      for (const server of this.data) await server.start();
      await this.settled();
    };
  }

  /** Restarted in order, and there again at once. */
  async restart() {
    for (const server of this.data) await server.stop();
    for (const server of this.data) await server.start();
    return () => this.settled();
  }

  /** Sentinels too: otherwise the others would notice, and go on without. */
  async pause() {
    for (const server of this.servers) server.signal('SIGSTOP');
    return async () => {
      for (const server of this.servers) server.signal('SIGCONT');
      await this.settled();
    };
  }

  async fill() {
    await this.everywhere('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await this.everywhere('CONFIG', 'SET', 'maxmemory', '1');
    return () => this.everywhere('CONFIG', 'SET', 'maxmemory', '0');
  }

  /** The service's password does not hold any more, and who is connected is thrown out. */
  async changePassword() {
    await this.everywhere('ACL', 'SETUSER', this.user, 'resetpass', '>another-password');
    await this.everywhere('CLIENT', 'KILL', 'USER', this.user);
    return () => this.everywhere('ACL', 'SETUSER', this.user, 'resetpass', `>${PASSWORD}`);
  }

  /** Connections on which news come are cut, and nobody may listen any more. */
  async cutNews() {
    await this.everywhere('ACL', 'SETUSER', this.user, '-subscribe');
    await this.everywhere('CLIENT', 'KILL', 'TYPE', 'pubsub');
    return () => this.everywhere('ACL', 'SETUSER', this.user, '+subscribe');
  }

  /** All is as it was: who should follow follows, and has all there is. */
  async settled() {}
}

/** One server, by a user of its own or the one that is there by default; with `tls`, over TLS alone. */
export class Standalone extends Redis {
  static async of(world, name, { tls = false, port, user = tls ? USER : 'default' } = {}) {
    const redis = new Standalone();
    redis.user = user;
    [redis.port] = port ? [port] : await freePorts(1);
    write(world, 'redis-password', PASSWORD);
    if (tls) for (const [file, text] of [['redis-ca.crt', AUTHORITY], ['redis.crt', CERTIFICATE], ['redis.key', KEY]]) write(world, file, text);
    const encrypted = tls ? ['tls-cert-file ../redis.crt', 'tls-key-file ../redis.key', 'tls-ca-cert-file ../redis-ca.crt', 'tls-auth-clients no'] : [];
    const absolute = encrypted.map((line) => line.replace('../', `${world.file('')}/`));
    redis.servers = [new Server(world, name, redis.port, [...common({ user }), ...absolute], { tls })];
    redis.settings = tls
      ? `{ url: "rediss://127.0.0.1:${redis.port}", ca_file: redis-ca.crt, username: ${user}, password_file: redis-password }`
      : user === 'default' ? `{ url: "redis://:${PASSWORD}@127.0.0.1:${redis.port}" }` : `{ url: "redis://${user}:${PASSWORD}@127.0.0.1:${redis.port}" }`;
    return redis;
  }
}

/** A master, a replica of it, and a sentinel that puts the one in the place of the other. */
export class Sentinel extends Redis {
  static async of(world, name) {
    const redis = new Sentinel();
    const [first, second, third] = await freePorts(3);
    write(world, 'redis-password', PASSWORD);
    const follower = new Server(world, `${name}-b`, second, [...common({ more: ['+role'] }), `replicaof 127.0.0.1 ${first}`]);
    const sentinel = new Server(world, `${name}-sentinel`, third, [
      `user ${KEEPER.user} on >${KEEPER.password} ~* &* +@all`,
      `user ${USER} on >${PASSWORD} -@all +sentinel +role`,
      'user default off',
      `sentinel monitor main 127.0.0.1 ${first} 1`,
      `sentinel auth-user main ${KEEPER.user}`,
      `sentinel auth-pass main ${KEEPER.password}`,
      `sentinel down-after-milliseconds main ${NOTICED}`,
      'sentinel failover-timeout main 3000',
    ], { sentinel: true });
    sentinel.sentinel = true;
    redis.sentinel = sentinel;
    redis.servers = [new Server(world, `${name}-a`, first, common({ more: ['+role'] })), follower, sentinel];
    redis.settings = `{ mode: sentinel, master: main, url: "redis://127.0.0.1:${third}", username: ${USER}, password_file: redis-password, sentinel_username: ${USER}, sentinel_password_file: redis-password }`;
    return redis;
  }

  /** The sentinel last: it looks for replicas when it begins, and then every ten seconds. */
  async start() {
    for (const server of this.data) await server.start();
    await until('the replica to follow', () => this.#followed(this.data[0]), { every: 20 });
    await this.sentinel.start();
    await this.settled();
  }

  /** The master dies, and is back when another has its place. */
  async failOver() {
    const [dead] = await this.masters();
    await dead.kill();
    const [master] = await until('another master', async () => {
      const masters = await this.masters();
      return masters.length === 1 && masters;
    }, { every: 50 });
    return async () => {
      await dead.start();
      // As the sentinel would tell it, after ten seconds.
      await dead.ask('REPLICAOF', '127.0.0.1', master.port);
      await this.settled();
    };
  }

  async #followed(master) {
    return /state=online/.test(await master.ask('INFO', 'replication'));
  }

  /** One master, which the sentinel knows, and one that follows it and has all there is. */
  settled() {
    return until('sentinel, master and replica to agree', async () => {
      const [master, ...others] = await this.masters();
      const named = (await this.sentinel.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')).split('\n')[1];
      const well = /status=ok,address=[^,]*,slaves=1/.test(await this.sentinel.ask('INFO', 'sentinel'));
      return others.length === 0 && named === String(master.port) && well && (await this.#followed(master));
    }, { every: 100, within: 40_000 });
  }
}

const SLOTS = [[0, 5460], [5461, 10922], [10923, 16383]];

/** Three masters and a replica of each. */
export class Cluster extends Redis {
  static async of(world, name) {
    const redis = new Cluster();
    const ports = await freePorts(12);
    write(world, 'redis-password', PASSWORD);
    redis.servers = ports.slice(0, 6).map((port, index) => new Server(world, `${name}-${index}`, port, [
      ...common({ more: ['+cluster'] }), 'cluster-enabled yes', `cluster-port ${ports[6 + index]}`, `cluster-node-timeout ${NOTICED}`, 'cluster-require-full-coverage no',
    ]));
    const [first, second] = ports;
    redis.settings = `{ mode: cluster, url: "redis://127.0.0.1:${first}", nodes: ["127.0.0.1:${second}"], username: ${USER}, password_file: redis-password }`;
    redis.buses = ports.slice(6);
    return redis;
  }

  async start() {
    await super.start();
    const [first, ...others] = this.servers;
    for (const [index, server] of others.entries()) await server.ask('CLUSTER', 'MEET', '127.0.0.1', first.port, this.buses[0]).catch(() => first.ask('CLUSTER', 'MEET', '127.0.0.1', server.port, this.buses[index + 1]));
    for (const [index, [from, to]] of SLOTS.entries()) await this.servers[index].ask('CLUSTER', 'ADDSLOTSRANGE', from, to);
    await until('all to know one another', async () => (await Promise.all(this.servers.map((server) => server.ask('CLUSTER', 'NODES')))).every((nodes) => nodes.split('\n').length === 6), { every: 50 });
    for (const index of [0, 1, 2]) {
      const id = await this.servers[index].ask('CLUSTER', 'MYID');
      await until('a replica', async () => (await this.servers[index + 3].ask('CLUSTER', 'REPLICATE', id)) === 'OK', { every: 50 });
    }
    await this.settled();
  }

  /** The master with the most keys dies, and is back when its replica has its place. */
  async failOver() {
    const masters = await this.masters();
    const sizes = await Promise.all(masters.map((master) => master.ask('DBSIZE').then(Number)));
    const dead = masters[sizes.indexOf(Math.max(...sizes))];
    await dead.kill();
    await until('another master', async () => (await this.masters()).length === 3, { every: 50 });
    return async () => {
      await dead.start();
      await this.settled();
    };
  }

  /** Every slot has a master, every master a replica with all that it has, and all agree. */
  settled() {
    return until('the cluster to agree', async () => {
      const masters = await this.masters();
      if (masters.length !== 3) return false;
      for (const server of this.servers) if (!/cluster_state:ok/.test(await server.ask('CLUSTER', 'INFO'))) return false;
      const links = await Promise.all(masters.map((master) => master.ask('INFO', 'replication')));
      return links.every((text) => /state=online/.test(text));
    }, { every: 100, within: 40_000 });
  }
}

function write(world, name, text) {
  writeFileSync(world.file(name), text, { mode: 0o600 });
}
