// Chart and Kustomize bases: what they render holds against Kubernetes' schemas and our own rules. Run by `make charts`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { REPOSITORY, bases, helm, kustomize, packages, read, run, text } from './render.mjs';
import { AUTHORITY } from '../replicas/lib/certificate.mjs';
import { judge } from './schema.mjs';

const BINARY = path.resolve(REPOSITORY, process.env.PORTCULLIS_BIN ?? 'target/debug/portcullis');
const VARIANTS = ['service', 'mtls', 'kubernetes', 'everywhere', 'redis', 'sentinel', 'sidecar'];
// The oldest that the chart takes, and the newest whose schemas there are.
const VERSIONS = ['1.30', '1.37'];
const DRAIN = 30;

const scratch = mkdtempSync(path.join(tmpdir(), 'portcullis-charts-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const rendered = Object.fromEntries(VARIANTS.map((values) => [values, read(text(values))]));
rendered['kustomize service'] = kustomize('deploy/kustomize/service');
rendered['kustomize mtls'] = kustomize('deploy/kustomize/mtls');
rendered['kustomize kubernetes'] = kustomize('deploy/kustomize/kubernetes');
rendered['kustomize redis'] = kustomize('deploy/kustomize/redis');
rendered['kustomize sidecar'] = kustomize('tests/charts/gateway');
const entries = Object.entries(rendered);

const of = (objects, kind) => objects.filter((object) => object.kind === kind);
/** What Kubernetes itself has no schema for. */
const foreign = (object) => object.apiVersion.startsWith('monitoring.coreos.com/');

for (const version of VERSIONS) {
  test(`every object holds against the schemas of Kubernetes ${version}`, () => {
    const faults = judge(version);
    for (const [name, objects] of entries) {
      assert.ok(objects.length > 0, name);
      for (const object of objects.filter((object) => !foreign(object))) assert.deepEqual(faults(object), [], name);
    }
    assert.deepEqual(faults({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, date: {} }).length, 1, 'unknown fields are seen');
  });
}

test('the definitions hold against the schema of definitions', () => {
  const faults = judge('1.37');
  const definitions = kustomize('deploy/crds');
  assert.equal(definitions.length, 6);
  for (const definition of definitions) assert.deepEqual(faults(definition), []);
});

test('each variant has the objects that it is made of, and no other', () => {
  const service = ['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'ServiceAccount'];
  const kinds = (name) => rendered[name].map((object) => object.kind).toSorted();
  assert.deepEqual(kinds('service'), service);
  assert.deepEqual(kinds('mtls'), [...service, 'ServiceMonitor']);
  assert.deepEqual(kinds('kubernetes'), [...service, 'Role', 'Role', 'RoleBinding', 'RoleBinding'].toSorted());
  assert.deepEqual(kinds('everywhere'), [...service.filter((kind) => !kind.startsWith('Horizontal')), 'ClusterRole', 'ClusterRoleBinding'].toSorted());
  assert.deepEqual(kinds('redis'), service);
  assert.deepEqual(kinds('sentinel'), service);
  assert.deepEqual(kinds('sidecar'), ['ConfigMap']);
  assert.deepEqual(kinds('kustomize sidecar'), ['ConfigMap', 'Deployment']);
});

/** Pods, with the name of the variant. */
const pods = entries.flatMap(([name, objects]) => of(objects, 'Deployment').map((object) => [name, object.spec.template]));

test('every pod meets the restricted Pod Security Standard, and more', () => {
  assert.equal(pods.length, 11);
  for (const [name, { spec }] of pods) {
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    const own = containers.filter((container) => container.name === 'portcullis');
    assert.equal(own.length, 1, name);
    for (const { securityContext: is, resources, image } of own) {
      assert.equal(is.allowPrivilegeEscalation, false, name);
      assert.deepEqual(is.capabilities, { drop: ['ALL'] }, name);
      assert.equal(is.readOnlyRootFilesystem, true, name);
      assert.equal(is.runAsNonRoot, true, name);
      assert.ok(is.runAsUser > 0, name);
      assert.deepEqual(is.seccompProfile, { type: 'RuntimeDefault' }, name);
      assert.ok(resources.requests.cpu && resources.requests.memory && resources.limits.memory, name);
      assert.match(image, /^[^:@]+(:[^:@]+|@sha256:[0-9a-f]{64})$/, name);
    }
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) assert.ok(!spec[key], name);
    assert.ok(spec.volumes.every((volume) => !volume.hostPath), name);
  }
});

test('what else a pod has to reach can be said', () => {
  const ports = (name) => of(rendered[name], 'NetworkPolicy')[0].spec.egress.flatMap((rule) => rule.ports.map(({ port }) => port));
  assert.ok(ports('everywhere').includes(4318) && !ports('service').includes(4318));
});

test('Redis can be reached where it is, its password is a file of a Secret, and nothing else of it is there', () => {
  const toRedis = (name) => of(rendered[name], 'NetworkPolicy')[0].spec.egress.filter((rule) => rule.ports.some(({ port }) => port === 6379));
  const tcp = (port) => ({ port, protocol: 'TCP' });
  for (const name of ['redis', 'kustomize redis']) {
    assert.deepEqual(toRedis(name), [{ ports: [tcp(6379)], to: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'redis' } } }] }], name);
  }
  assert.deepEqual(toRedis('sentinel'), [{ ports: [tcp(6379), tcp(26379)] }]);
  for (const name of ['service', 'mtls', 'kubernetes', 'everywhere', 'kustomize service']) assert.deepEqual(toRedis(name), [], name);
  const section = (name) => packages('yaml').parse(of(rendered[name], 'ConfigMap')[0].data['portcullis.yaml']).session.redis;
  const files = { password_file: '/etc/portcullis/redis/password', ca_file: '/etc/portcullis/redis-ca/ca.crt' };
  assert.deepEqual(section('redis'), { url: 'rediss://redis:6379', username: 'portcullis', ...files });
  assert.equal(section('sentinel').sentinel_password_file, '/etc/portcullis/redis/sentinel-password');
  assert.equal(section('service'), undefined);
  const [{ spec }] = of(rendered.redis, 'Deployment').map((object) => object.spec.template);
  const mounts = Object.fromEntries(spec.containers[0].volumeMounts.map(({ name, mountPath, readOnly }) => [mountPath, { name, readOnly }]));
  for (const file of Object.values(files)) {
    const { name, readOnly } = mounts[path.dirname(file)];
    assert.equal(readOnly, true);
    assert.equal(spec.volumes.find((volume) => volume.name === name).secret.secretName, 'portcullis-redis');
  }
});

test('every pod is probed, and has the time to answer what runs', () => {
  for (const [name, { spec }] of pods) {
    const [container] = [...(spec.initContainers ?? []), ...spec.containers].filter((one) => one.name === 'portcullis');
    // The sidecar keeps the gateway waiting; a service that waits for its policy is alive.
    const start = name.includes('sidecar') ? '/readyz' : '/livez';
    for (const [probe, expected] of [['startupProbe', start], ['readinessProbe', '/readyz'], ['livenessProbe', '/livez']]) {
      assert.deepEqual(container[probe].httpGet, { path: expected, port: 'admin' }, `${name} ${probe}`);
    }
    assert.ok(container.ports.some((port) => port.name === 'admin'), name);
    if (name.includes('sidecar')) {
      assert.equal(container.restartPolicy, 'Always', name);
    } else {
      assert.ok(spec.terminationGracePeriodSeconds > container.lifecycle.preStop.sleep.seconds + DRAIN, name);
    }
  }
});

test('what is mounted is there, and nothing of Kubernetes is unless it is asked', () => {
  for (const [name, { spec }] of pods) {
    const volumes = new Set(spec.volumes.map((volume) => volume.name));
    for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
      for (const mount of container.volumeMounts) {
        assert.ok(volumes.has(mount.name), `${name}: ${mount.name}`);
        // A subPath never hears of a change.
        assert.equal(mount.subPath, undefined, name);
      }
    }
    if (!name.includes('sidecar')) {
      assert.equal(spec.automountServiceAccountToken, /kubernetes|everywhere/.test(name.replace('kustomize ', '')), name);
    }
    const settings = of(rendered[name], 'ConfigMap').map((object) => object.metadata.name);
    const mounted = spec.volumes.find((volume) => volume.name === 'portcullis-settings').configMap.name;
    assert.ok(settings.includes(mounted), name);
  }
});

test('nothing carries a secret', () => {
  for (const [name, objects] of entries) {
    assert.deepEqual(of(objects, 'Secret'), [], name);
    assert.doesNotMatch(JSON.stringify(objects), /stringData|"env"|BEGIN [A-Z ]*PRIVATE/, name);
  }
});

test('everything that selects pods selects these', () => {
  for (const [name, objects] of entries.filter(([name]) => !name.includes('sidecar'))) {
    const [deployment] = of(objects, 'Deployment');
    const { labels } = deployment.spec.template.metadata;
    const selectors = [
      deployment.spec.selector.matchLabels,
      ...of(objects, 'Service').map((object) => object.spec.selector),
      ...of(objects, 'PodDisruptionBudget').map((object) => object.spec.selector.matchLabels),
      ...of(objects, 'NetworkPolicy').map((object) => object.spec.podSelector.matchLabels),
      ...deployment.spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.map((term) => term.podAffinityTerm.labelSelector.matchLabels),
    ];
    assert.equal(selectors.length, 6, name);
    for (const selector of selectors) for (const [key, value] of Object.entries(selector)) assert.equal(labels[key], value, name);
    for (const { spec } of of(objects, 'HorizontalPodAutoscaler')) assert.equal(spec.scaleTargetRef.name, deployment.metadata.name);
    assert.equal(of(objects, 'HorizontalPodAutoscaler').length === 1, deployment.spec.replicas === undefined, `${name}: one of the two says how many`);
    const ports = new Set(deployment.spec.template.spec.containers[0].ports.map((port) => port.name));
    for (const { spec } of of(objects, 'Service')) for (const port of spec.ports) assert.ok(ports.has(port.targetPort), name);
    for (const { spec } of of(objects, 'ServiceMonitor')) for (const { port } of spec.endpoints) assert.ok(ports.has(port), name);
  }
});

test('rights are those to read the policy and to write events, where they are listed', () => {
  const verbs = ['get', 'list', 'watch'];
  const all = [{ apiGroups: [''], resources: ['secrets', 'configmaps'], verbs }];
  // With names, no other Secret; and none where there is none.
  const named = { default: [{ apiGroups: [''], resources: ['configmaps'], verbs }] };
  named.portals = [...named.default, { apiGroups: [''], resources: ['secrets'], resourceNames: ['petstore-oidc'], verbs }];
  for (const name of ['kubernetes', 'everywhere', 'kustomize kubernetes']) {
    const roles = [...of(rendered[name], 'Role'), ...of(rendered[name], 'ClusterRole')];
    assert.ok(roles.length > 0, name);
    for (const { metadata, rules } of roles) {
      assert.deepEqual(rules, [
        { apiGroups: ['portal.gloo.solo.io', 'devportal.solo.io'], resources: ['portals', 'groups', 'apiproducts', 'apidocs', 'environments', 'users'], verbs },
        ...named[metadata.namespace] ?? all,
        { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
      ], name);
    }
  }
  assert.match(of(rendered.kubernetes, 'ConfigMap')[0].data['portcullis.yaml'], /secret_names:\s*- petstore-oidc\.portals/);
  assert.deepEqual(of(rendered.kubernetes, 'Role').map((role) => role.metadata.namespace), ['default', 'portals']);
});

test('the sidecar keeps the gateway as it is, and shares a socket with it', () => {
  const [{ spec }] = of(rendered['kustomize sidecar'], 'Deployment').map((object) => object.spec.template);
  const [portcullis] = spec.initContainers;
  const [gateway] = spec.containers;
  assert.deepEqual(gateway.args, ['--disable-hot-restart']);
  assert.equal(gateway.image, 'gateway:1');
  assert.equal(portcullis.image, 'registry.example.com/portcullis:1');
  assert.deepEqual(gateway.volumeMounts.map((mount) => mount.name).toSorted(), ['envoy-config', 'portcullis-socket']);
  assert.ok(portcullis.volumeMounts.some((mount) => mount.name === 'portcullis-socket' && mount.mountPath === '/run/portcullis'));
  // The socket's mode lets in its owner alone.
  assert.equal(portcullis.securityContext.runAsUser, gateway.securityContext.runAsUser);
});

const POLICY = `
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: { name: petstore-portal }
spec:
  domains: [portal.example.com]
  portalUrlPrefix: https://portal.example.com/
  oidcAuth:
    clientId: 0oa1example
    clientSecret: { name: portcullis-client, namespace: default, key: client_secret }
    groupClaimKey: groups
    issuer: https://example.okta.com/oauth2/default
`;

/** Writes files as Kubernetes mounts them: links to a folder that a link leads to. */
function mount(folder, files) {
  const data = path.join(folder, '..2026_11_26_09_00_00.1');
  mkdirSync(data, { recursive: true });
  symlinkSync(path.basename(data), path.join(folder, '..data'));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(path.join(data, name), content, { mode: 0o600 });
    symlinkSync(path.join('..data', name), path.join(folder, name));
  }
}

for (const [name, objects] of entries) {
  test(`the settings of ${name} hold, as the binary reads them in a pod`, () => {
    const settings = of(objects, 'ConfigMap')[0].data['portcullis.yaml'];
    const root = path.join(scratch, name);
    const keys = run(BINARY, ['keygen']).stdout;
    mount(path.join(root, 'keys'), { 'session.keys': keys });
    mount(path.join(root, 'policy/portcullis-policy'), { 'portal.yaml': POLICY });
    mount(path.join(root, 'secrets/default/portcullis-client'), { client_secret: 'a secret\n' });
    mount(path.join(root, 'redis'), { password: 'a password\n', 'sentinel-password': 'another\n' });
    mount(path.join(root, 'redis-ca'), { 'ca.crt': AUTHORITY });
    assert.match(settings, /\/etc\/portcullis\/keys\/session\.keys/);
    mkdirSync(path.join(root, 'settings'));
    const file = path.join(root, 'settings/portcullis.yaml');
    writeFileSync(file, settings.replaceAll('/etc/portcullis/', `${root}/`));
    const { status, stdout, stderr } = run(BINARY, ['lint', '--offline', '--config', file], { env: { ...process.env, KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' } });
    const said = stdout + stderr;
    if (/kubernetes:/.test(settings)) {
      // Who has no API server at hand can say nothing of the resources; every other section has to hold.
      const problems = said.split('\n').filter((line) => /:\d+: /.test(line)).map((line) => line.replace(/^.*?:\d+: /, ''));
      assert.deepEqual(problems.filter((problem) => !/^(resources\b|(warning|notice): )/.test(problem)), [], said);
    } else {
      assert.equal(status, 0, said);
      assert.match(said, /^0 errors/m);
    }
  });
}

test('a Secret that Kubernetes swaps is read again while the service runs', async () => {
  const root = path.join(scratch, 'swap');
  const first = run(BINARY, ['keygen']).stdout;
  mount(path.join(root, 'keys'), { 'session.keys': first });
  mount(path.join(root, 'policy/portcullis-policy'), { 'portal.yaml': POLICY });
  mount(path.join(root, 'secrets/default/portcullis-client'), { client_secret: 'a secret\n' });
  const settings = of(rendered.service, 'ConfigMap')[0].data['portcullis.yaml'];
  const file = path.join(root, 'portcullis.yaml');
  // Any port, and no provider that could be reached.
  writeFileSync(file, settings.replaceAll('/etc/portcullis/', `${root}/`).replaceAll(/0\.0\.0\.0:\d+/g, '127.0.0.1:0') + 'provider: { proxy: "http://127.0.0.1:9" }\n');
  const service = spawn(BINARY, ['serve', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  const ended = once(service, 'exit');
  service.stderr.resume();
  let swapped = false;
  try {
    for await (const line of createInterface({ input: service.stdout })) {
      if (!swapped) {
        // It serves: now as the kubelet does it, a new folder and a link that changes in one step.
        swapped = true;
        const keys = path.join(root, 'keys');
        mkdirSync(path.join(keys, '..next'));
        writeFileSync(path.join(keys, '..next/session.keys'), first + run(BINARY, ['keygen']).stdout);
        symlinkSync('..next', path.join(keys, '..data_tmp'));
        renameSync(path.join(keys, '..data_tmp'), path.join(keys, '..data'));
      }
      if (line.includes('reload: a new policy is in force')) return;
    }
    assert.fail('it ended, and had not read the keys again');
  } finally {
    service.kill('SIGTERM');
    await ended;
  }
});

test('a mistake in values is said before anything is installed', () => {
  for (const [values, set, said] of [
    ['service', 'sealingKeys.secretName=', /sealingKeys\.secretName: expected the name of a Secret/],
    ['service', 'image.repository=', /image\.repository: expected/],
    ['service', 'policy.configMaps=null', /policy: expected configMaps/],
    ['service', 'tls.enabled=true', /tls\.secretName: expected/],
    ['sidecar', 'tls.enabled=true', /tls/],
    ['kubernetes', 'policy.kubernetes.namespaces=null', /namespaces: expected|namespaces/],
    ['service', 'settings.session.store=memory', /settings\.session\.store: expected cookie/],
    ['service', 'settings.session.store=redis', /settings\.session\.redis: expected where Redis is/],
    ['service', 'redis.passwordSecret=a', /settings\.session\.redis: expected where Redis is/],
    ['sentinel', 'redis.passwordSecret=', /redis\.passwordSecret: expected/],
    ['redis', 'settings.session.redis.url=rediss://portcullis:word@redis', /url: expected no password/],
    ['redis', 'settings.session.redis.url=redis://redis', /url: expected rediss/],
    ['redis', 'settings.session.redis.password_file=a', /password_file/],
    ['redis', 'networkPolicy.redisPorts=null', /redisPorts|render|nil/],
    ['service', 'ports.admin=9001', /grpc and admin are the same/],
    ['service', 'settings.listen.grpc=0.0.0.0:1', /settings.listen|\/settings\/listen/],
    ['service', 'settings.session.keys_file=a', /keys_file/],
    ['service', 'replica=3', /replica/],
    ['service', 'replicas=0', /replicas/],
    ['service', 'mode=daemon', /mode/],
    ['service', 'image.digest=latest', /digest/],
    ['service', 'networkPolicy.gateways=null', /gateways|nil|render/],
  ]) {
    const { status, stderr } = helm(values, '--set', set);
    assert.notEqual(status, 0, `${values} with ${set} was rendered`);
    assert.match(stderr, said, set);
  }
});

test('deploy/kustomize is what the chart gives', () => {
  for (const [file, expected] of Object.entries(bases())) {
    assert.equal(readFileSync(path.join(REPOSITORY, 'deploy/kustomize', file), 'utf8'), expected, `${file}: stale, \`make kustomize\` writes it again`);
  }
});

test('every folder of deploy/kustomize is rendered here', () => {
  assert.deepEqual(readdirSync(path.join(REPOSITORY, 'deploy/kustomize')).filter((name) => !name.includes('.')).toSorted(), ['kubernetes', 'mtls', 'redis', 'service', 'sidecar']);
});
