// Writes the files of deploy/kustomize that come from the chart. `make kustomize`.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { REPOSITORY, bases } from './render.mjs';

for (const [file, text] of Object.entries(bases())) writeFileSync(path.join(REPOSITORY, 'deploy/kustomize', file), text);
