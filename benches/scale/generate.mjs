// Writes resources of any number, the same ones each time: what the policy costs as it grows.
//
//   node benches/scale/generate.mjs --out DIR [--count N] [--sites one|many] [--groups each|all]
//        [--issuer URL] [--client ID] [--secret TEXT] [--portal HOST] [--keys N]
//
// --sites one    one Environment, `api.scale.localhost`, with N products: number 42 (counted from 0)
//                is `p000042.default`, below `/api/p000042`
// --sites many   N Environments with one product each: `h000042.scale.localhost`, below `/api`
// --groups each  N Groups, each of which grants one product by its name: `g000042` in the claim
// --groups all   one Group, which grants all by a label: `everyone` in the claim
// --keys N       N API keys besides: number 42 is the text `scale-key-000042`, in the Secret `k000042`, for
//                the product 42 modulo the number of products; with --sites one
//
// The Portal is `portal.default` on `portal.scale.localhost`. One that publishes many Environments
// would be beyond what a file may hold: there is one more (`portal-1.default` on
// `portal-1.scale.localhost`) for every thousand of them, with the same login.

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const text = { type: "string" };
const { values } = parseArgs({
  options: {
    out: text,
    count: { ...text, default: "1000" },
    sites: { ...text, default: "one" },
    groups: { ...text, default: "each" },
    issuer: { ...text, default: "https://scale.okta.example" },
    client: { ...text, default: "scale" },
    secret: { ...text, default: "a secret of the scale" },
    portal: { ...text, default: "portal.scale.localhost" },
    keys: { ...text, default: "0" },
  },
});
const count = Number(values.count);
const keys = Number(values.keys);
const known =
  values.out &&
  Number.isInteger(count) &&
  count > 0 &&
  Number.isInteger(keys) &&
  keys >= 0 &&
  ["one", "many"].includes(values.sites) &&
  (keys === 0 || values.sites === "one") &&
  ["each", "all"].includes(values.groups);
if (!known) {
  console.error(
    "expected --out DIR, and perhaps --count N --sites one|many --groups each|all --keys N",
  );
  process.exit(64);
}

/** Documents a file: well below the bounds of bytes and values. */
const IN_A_FILE = 2000;
/** Environments a Portal. */
const PUBLISHED = 1000;

const many = values.sites === "many";
const of = (letter, index) => letter + String(index).padStart(6, "0");
const numbers = (length) => Array.from({ length }, (_, index) => index);
const portals = many ? Math.ceil(count / PUBLISHED) : 1;
const portalName = (index) => (index === 0 ? "portal" : `portal-${index}`);
const portalOf = (index) =>
  portalName(many ? Math.floor(index / PUBLISHED) : 0);

const document = (kind, metadata, spec) =>
  [
    "apiVersion: portal.gloo.solo.io/v1beta1",
    `kind: ${kind}`,
    `metadata: ${metadata}`,
    "spec:",
  ]
    .concat(
      spec.map((line) => `  ${line}`),
      "",
    )
    .join("\n");

const product = (index) => {
  const labels = `{scale: all, path: ${of("p", index)}}`;
  return document(
    "APIProduct",
    `{name: ${of("p", index)}, namespace: default, labels: ${labels}}`,
    ["versions:", "- name: v1"].concat(keys > 0 ? ["usagePlans: [keys]"] : []),
  );
};

const environment = (index) =>
  many
    ? document(
        "Environment",
        `{name: ${of("e", index)}, namespace: default, labels: {scale: all}}`,
        [
          `domains: [${of("h", index)}.scale.localhost]`,
          "basePath: /api",
          "apiProducts:",
          `- names: [${of("p", index)}]`,
        ],
      )
    : document(
        "Environment",
        "{name: scale, namespace: default, labels: {scale: all}}",
        [
          "domains: [api.scale.localhost]",
          "basePath: '/api/{%label:path%}'",
          "apiProducts:",
          "- labels: [{key: scale, operator: Equals, values: [all]}]",
        ].concat(
          keys > 0
            ? ["parameters: {usagePlans: {keys: {authPolicy: {apiKey: {}}}}}"]
            : [],
        ),
      );

const group = (index) =>
  document("Group", `{name: ${of("g", index)}, namespace: default}`, [
    "accessLevel:",
    "  apis:",
    `  - products: {names: [${of("p", index)}]}`,
    `    environments: {names: [${many ? of("e", index) : "scale"}]}`,
    `  portals: [{name: ${portalOf(index)}}]`,
    `oidcGroup: {groupNames: [${of("g", index)}]}`,
  ]);

const everyone = document("Group", "{name: everyone, namespace: default}", [
  "accessLevel:",
  "  apis:",
  "  - products: {labels: [{key: scale, operator: Equals, values: [all]}]}",
  "    environments: {labels: [{key: scale, operator: Equals, values: [all]}]}",
  `  portals: [${numbers(portals)
    .map((index) => `{name: ${portalName(index)}}`)
    .join(", ")}]`,
  "oidcGroup: {groupNames: [everyone]}",
]);

const portal = (index) => {
  const host =
    index === 0 ? values.portal : `${portalName(index)}.scale.localhost`;
  const first = index * PUBLISHED;
  const own = many
    ? numbers(Math.min(PUBLISHED, count - first)).map((n) => of("e", first + n))
    : ["scale"];
  return document("Portal", `{name: ${portalName(index)}, namespace: default}`, [
    `domains: ['${host}']`,
    `portalUrlPrefix: 'http://${host}'`,
    "publishedEnvironments:",
    ...own.map((name) => `- {name: ${name}}`),
    "oidcAuth:",
    `  issuer: ${values.issuer}`,
    `  clientId: ${values.client}`,
    "  clientSecret: {name: scale, key: client-secret}",
    "  groupClaimKey: groups",
    "  additionalScopes: [groups, email]",
  ]);
};

const secret = [
  "apiVersion: v1",
  "kind: Secret",
  "metadata: {name: scale, namespace: default}",
  `stringData: {client-secret: '${values.secret}'}`,
  "",
].join("\n");

const key = (index) => {
  const digest = createHash("sha256")
    .update(`scale-key-${String(index).padStart(6, "0")}`)
    .digest("hex");
  return [
    "apiVersion: v1",
    "kind: Secret",
    "type: extauth.solo.io/apikey",
    `metadata: {name: ${of("k", index)}, namespace: default}`,
    "stringData:",
    `  api-key-digest: '${digest}'`,
    "  environment: scale.default",
    `  product: ${of("p", index % count)}.default`,
    "  plan: keys",
    "",
  ].join("\n");
};

mkdirSync(values.out, { recursive: true });

/** Writes `documents` into as many files as they need. */
const write = (name, length, one, inAFile = IN_A_FILE) => {
  for (let first = 0; first < length; first += inAFile) {
    const documents = numbers(Math.min(inAFile, length - first));
    const file = `${name}-${String(first / inAFile).padStart(3, "0")}.yaml`;
    const content = documents.map((index) => one(first + index)).join("---\n");
    writeFileSync(join(values.out, file), content);
  }
};

write("secret", 1, () => secret);
write("product", count, product);
write("environment", many ? count : 1, environment);
write("portal", portals, portal, 10);
write("key", keys, key);
if (values.groups === "each") {
  write("group", count, group);
} else {
  write("group", 1, () => everyone);
}
