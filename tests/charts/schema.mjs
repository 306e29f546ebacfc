// Kubernetes' own schemas, strict: a field that they do not know is an error.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { TOOLS, packages } from './render.mjs';

const [python] = readdirSync(path.join(TOOLS, 'lib')).filter((name) => name.startsWith('python3'));
const folder = path.join(TOOLS, 'lib', python, 'site-packages/kubernetes_validate/kubernetes-json-schema');
const Ajv = packages('ajv/dist/2020').default;

/** A judge for one version of Kubernetes: the faults of an object. */
export function judge(version) {
  const schemas = path.join(folder, `v${version}.0-local-strict`);
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const load = (file) => JSON.parse(readFileSync(path.join(schemas, file), 'utf8'));
  ajv.addSchema(load('_definitions.json'), '_definitions.json');
  const known = new Map();
  return (object) => {
    const file = `${object.kind}-${object.apiVersion.replace(/^([^./]*)[^/]*\//, '$1-')}.json`.toLowerCase();
    assert.ok(existsSync(path.join(schemas, file)), `Kubernetes ${version} has no ${object.apiVersion} ${object.kind}`);
    if (!known.has(file)) known.set(file, ajv.compile(load(file)));
    const validate = known.get(file);
    validate(object);
    return (validate.errors ?? []).map((error) => `${object.kind} ${object.metadata?.name}${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`);
  };
}
