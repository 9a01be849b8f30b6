import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Who may import what, as data: a row per place, most specific first. A place is a folder (`runtime/src/core/`) or a
 * file; `may` lists places and packages, `node:` any built-in. Everything else is forbidden. Tests are exempt.
 */
const table: readonly { place: string; may: readonly string[]; why: string }[] = [
  { place: "runtime/src/core/", may: ["node:", "runtime/src/core/"], why: "the vocabulary depends on nothing" },
  {
    place: "runtime/src/messages/",
    may: ["node:", "@bufbuild/protobuf", "runtime/src/core/", "runtime/src/messages/"],
    why: "codecs and descriptors; the only place besides services that knows protobuf-es",
  },
  {
    place: "runtime/src/json/",
    may: ["node:", "@bufbuild/protobuf", "runtime/src/core/", "runtime/src/messages/", "runtime/src/json/"],
    why: "ProtoJSON between text and message objects; knows descriptors, no HTTP",
  },
  {
    place: "runtime/src/policies/index.ts",
    may: ["runtime/src/core/", "runtime/src/messages/facts.ts", "runtime/src/policies/"],
    why: "the registry names every policy, and what their rules may know",
  },
  {
    place: "runtime/src/policies/",
    may: [
      "node:",
      "jose",
      "@bufbuild/cel",
      "@bufbuild/protobuf",
      "@bufbuild/protovalidate",
      "runtime/src/core/",
      "runtime/src/messages/",
      "(own policy)",
    ],
    why: "a policy is one whole file or folder, and knows no other policy and no wire",
  },
  {
    place: "runtime/src/stack.ts",
    may: ["runtime/src/core/", "runtime/src/policies/"],
    why: "the order of the layers",
  },
  {
    place: "runtime/src/service.ts",
    may: ["runtime/src/core/", "runtime/src/policies/index.ts"],
    why: "what generated code calls",
  },
  {
    place: "runtime/src/grpc/",
    may: [
      "node:",
      "@grpc/grpc-js",
      "@bufbuild/protobuf",
      "runtime/src/core/",
      "runtime/src/messages/",
      "runtime/src/grpc/",
      "runtime/src/server.ts",
    ],
    why: "the only place for grpc-js; knows handlers, not policies",
  },
  {
    place: "runtime/src/gateway/",
    may: [
      "node:",
      "@bufbuild/protobuf",
      "busboy",
      "ws",
      "runtime/src/core/",
      "runtime/src/json/",
      "runtime/src/messages/",
      "runtime/src/gateway/",
      "runtime/src/client.ts",
      "runtime/src/server.ts",
      "runtime/src/policies/index.ts",
    ],
    why: "HTTP in front of handlers; never the wire",
  },
  {
    place: "runtime/src/rest/",
    may: ["runtime/src/core/", "runtime/src/rest/"],
    why: "a client for browsers: no built-in of Node, no grpc-js, no protobuf library",
  },
  {
    place: "runtime/src/connect/",
    may: [
      "node:",
      "@bufbuild/protobuf",
      "@connectrpc/connect",
      "@connectrpc/connect-node",
      "runtime/src/core/",
      "runtime/src/messages/",
      "runtime/src/connect/",
      "runtime/src/gateway/",
      "runtime/src/client.ts",
      "runtime/src/server.ts",
    ],
    why: "the only place for Connect's library; a handler that gateways mount",
  },
  {
    place: "runtime/src/client.ts",
    may: ["runtime/src/core/", "runtime/src/stack.ts", "runtime/src/traffic.ts", "runtime/src/policies/index.ts"],
    why: "layers over any target",
  },
  {
    place: "runtime/src/traffic.ts",
    may: ["runtime/src/core/", "runtime/src/messages/"],
    why: "handlers over several targets",
  },
  {
    place: "runtime/src/server.ts",
    may: ["node:", "runtime/src/core/", "runtime/src/stack.ts"],
    why: "layers over an implementation",
  },
  {
    place: "runtime/src/in-process.ts",
    may: ["runtime/src/core/", "runtime/src/server.ts"],
    why: "a target without a wire",
  },
  {
    place: "runtime/src/services/",
    may: [
      "node:",
      "@bufbuild/protobuf",
      "runtime/src/core/",
      "runtime/src/messages/",
      "runtime/src/services/",
      "runtime/src/policies/index.ts",
      "runtime/src/server.ts",
      "runtime/src/service.ts",
    ],
    why: "health and reflection are ordinary implementations",
  },
  {
    place: "runtime/src/config/",
    may: [
      "node:",
      "@bufbuild/protobuf",
      "yaml",
      "runtime/src/core/",
      "runtime/src/messages/",
      "runtime/src/config/",
      "runtime/src/policies/",
      "runtime/src/serve/",
      "runtime/src/gateway/",
      "runtime/src/grpc/",
      "runtime/src/traffic.ts",
    ],
    why: "a file becomes options",
  },
  { place: "runtime/src/serve/", may: ["node:", "runtime/src/"], why: "puts the parts together" },
  { place: "runtime/src/serve.ts", may: ["node:", "runtime/src/"], why: "puts the parts together" },
  {
    place: "runtime/src/telemetry.ts",
    may: ["node:", "runtime/src/core/"],
    why: "listens to what policies say; knows none of them",
  },
  { place: "runtime/src/testing.ts", may: ["runtime/src/"], why: "the public test harness" },
  { place: "runtime/src/index.ts", may: ["runtime/src/"], why: "the public surface" },
  {
    place: "cli/src/",
    may: ["node:", "@bufbuild/protobuf", "yaml", "@protomesh/runtime", "plugin/src/library.ts", "cli/"],
    why: "puts the public surfaces of the two packages together",
  },
  {
    place: "plugin/src/emit/",
    may: ["ts-poet", "@bufbuild/protoplugin", "plugin/src/emit/", "plugin/src/model.ts"],
    why: "prints a model; sees no descriptor",
  },
  {
    place: "plugin/src/openapi/",
    may: [
      "@bufbuild/protobuf",
      "@protomesh/runtime",
      "openapi3-ts",
      "plugin/src/openapi/",
      "plugin/src/model.ts",
      "plugin/src/request.ts",
      "plugin/src/sensitive.ts",
    ],
    why: "documents say what the model and the descriptors say; of openapi3-ts types alone",
  },
  {
    place: "plugin/src/",
    may: [
      "node:",
      "@bufbuild/cel",
      "@bufbuild/protobuf",
      "@bufbuild/protoplugin",
      "@bufbuild/protovalidate",
      "ts-poet",
      "yaml",
      "@protomesh/runtime",
      "plugin/src/",
    ],
    why: "reads descriptors; knows the rows of the policies, not how the runtime works",
  },
];

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = ["runtime/src", "plugin/src", "cli/src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name.split(sep).join("/")}`),
);
const imports: readonly Import[] = files.flatMap((from) =>
  [
    ...readFileSync(join(root, from), "utf8").matchAll(
      /^(?:import |(?:import|export)\b[^;"=]*? from )"([^"]+)";|\bimport\("([^"]+)"\)/gms,
    ),
  ].map((match) => {
    const specifier = match[1] ?? match[2] ?? "";
    const local = specifier.startsWith(".");
    return {
      from,
      to: local
        ? relative(root, join(root, dirname(from), specifier))
            .split(sep)
            .join("/")
            .replace(/\.js$/, ".ts")
        : specifier,
    };
  }),
);

/** `runtime/src/policies/auth/jwt.ts` and `runtime/src/policies/auth.ts` belong to the policy `auth`. */
const policyOf = (file: string) => /^runtime\/src\/policies\/([^/.]+)/.exec(file)?.[1];

function allowed({ from, to }: Import): boolean {
  const row = table.find(({ place }) => from === place || (place.endsWith("/") && from.startsWith(place)));
  return (row?.may ?? []).some((may) =>
    may === "(own policy)"
      ? policyOf(from) !== undefined && policyOf(from) === policyOf(to)
      : to === may || to.startsWith(may.endsWith("/") || may.endsWith(":") ? may : `${may}/`),
  );
}

test("every source file has a row in the table", () => {
  expect(files.length).toBeGreaterThan(30);
  expect(
    files.filter(
      (file) => !table.some(({ place }) => file === place || (place.endsWith("/") && file.startsWith(place))),
    ),
  ).toEqual([]);
});

test("imports go in the allowed direction only", () => {
  expect(imports.length).toBeGreaterThan(100);
  expect(imports.filter((entry) => !allowed(entry)).map(({ from, to }) => `${from} must not import ${to}`)).toEqual([]);
});

test("no policy imports a policy", () => {
  const policies = imports.filter(
    ({ from }) => from.startsWith("runtime/src/policies/") && from !== "runtime/src/policies/index.ts",
  );
  expect(policies.length).toBeGreaterThan(0);
  expect(policies.filter(({ from, to }) => policyOf(to) !== undefined && policyOf(to) !== policyOf(from))).toEqual([]);
});

test("grpc-js stays in its folder", () => {
  const users = imports.filter(({ to }) => to.startsWith("@grpc/grpc-js")).map(({ from }) => from);
  expect(users.filter((file) => !file.startsWith("runtime/src/grpc/"))).toEqual([]);
});

test("imports form no cycle, type-only ones included", () => {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (done.has(file) || path.includes(file)) return;
    for (const to of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});
