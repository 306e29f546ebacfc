// Packages live in `.tools/node`, not beside the sources: everything that was brought from elsewhere is in `.tools`.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../../../.tools/node/', import.meta.url));

/** Imports an npm package of `deploy/demo/package.json` (installed by `make tools`). */
export function load(name) {
  return import(pathToFileURL(require.resolve(name)));
}
