// The chart and the Kustomize bases, rendered by real helm and kubectl, and read.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
export const TOOLS = process.env.CHART_TOOLS ?? path.join(REPOSITORY, '.tools/charts');
const HELM = process.env.HELM ?? path.join(TOOLS, 'bin/helm');
const KUBECTL = process.env.KUBECTL ?? path.join(TOOLS, 'bin/kubectl');
export const packages = createRequire(path.join(TOOLS, 'package.json'));
const YAML = packages('yaml');

/** Runs a program to its end, within a minute. */
export function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: REPOSITORY, encoding: 'utf8', timeout: 60_000, ...options });
  assert.ifError(error);
  return { status, stdout, stderr };
}

/** `helm template`, as it answers. */
export const helm = (values, ...rest) =>
  run(HELM, ['template', 'portcullis', 'deploy/helm/portcullis', '--namespace', 'default', '--values', `tests/charts/values/${values}.yaml`, ...rest]);

/** The text that the chart gives for these values. */
export function text(values, ...rest) {
  const { status, stdout, stderr } = helm(values, ...rest);
  assert.equal(status, 0, stderr);
  return stdout;
}

export const read = (yaml) => YAML.parseAllDocuments(yaml).map((document) => {
  assert.deepEqual(document.errors, []);
  return document.toJS();
}).filter(Boolean);

/** The objects of a Kustomize folder. */
export function kustomize(folder) {
  const { status, stdout, stderr } = run(KUBECTL, ['kustomize', folder]);
  assert.equal(status, 0, stderr);
  return read(stdout);
}

/** The files of deploy/kustomize that the chart gives: Helm's own marks left out. */
export function bases() {
  const head = '# Written by `make kustomize` from deploy/helm; `make charts` compares.\n';
  const plain = (yaml) => head + yaml.replaceAll(/^ *(app\.kubernetes\.io\/managed-by: Helm|# Source: .*)\n/gm, '').replaceAll(/^# Source: .*\n/gm, '').replaceAll(/\n{2,}/g, '\n').replace(/^---\n/, '');
  return {
    'service/portcullis.yaml': plain(text('service')),
    'mtls/portcullis.yaml': plain(text('mtls')),
    'kubernetes/portcullis.yaml': plain(text('kubernetes')),
    'redis/portcullis.yaml': plain(text('redis')),
    'sidecar/settings.yaml': plain(text('sidecar')),
    'sidecar/patch.yaml': plain(text('sidecar', '--set', 'sidecar.patch=true')),
  };
}
