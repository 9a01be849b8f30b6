/**
 * What is exported for Kubernetes, against the definitions that Istio, the Gateway API and Envoy Gateway publish. Needs Go's module
 * proxy; without Go the tests are skipped, but never in CI.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { compileFolder, generate, protosBelow, requestFor, run } from "../../plugin/test/compile.ts";
import { goProblem, root } from "../toolchain.mjs";
import { type Manifest, Validator } from "./validator.ts";

const problem = goProblem();
if (problem) console.warn(`\n*** exports for Kubernetes are NOT validated: ${problem} ***\n`);

test.runIf(problem && process.env.CI)("CI has Go", () => {
  throw new Error(`${problem}: CI must validate exports for Kubernetes`);
});

/** As Kubernetes reads it: YAML 1.1. */
const objectsOf = (text: string): Manifest[] =>
  parseAllDocuments(text, { version: "1.1", merge: false }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as Manifest;
  });

const filesOf = (name: string) => {
  const folder = join(root, "testdata", `export-${name}`, "want", name);
  return readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")] as const);
};

describe.skipIf(problem)("the definitions", () => {
  let validator: Validator;
  beforeAll(() => {
    validator = new Validator();
  }, 300_000);

  describe.each(["istio", "gateway-api"])("%s", (name) => {
    test.each(filesOf(name))("%s is accepted", (_, text) => {
      const objects = objectsOf(text);
      expect(objects.length).toBeGreaterThan(0);
      for (const object of objects)
        expect(validator.problems(object), `${object.kind} ${object.metadata.name}`).toEqual([]);
    });

    test("no two objects have one name", () => {
      const names = filesOf(name)
        .flatMap(([, text]) => objectsOf(text))
        .map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
      expect(names.length).toBe(new Set(names).size);
    });
  });

  test("the services of the demonstration are accepted", () => {
    const folder = join(root, "examples/shop/proto");
    const request = requestFor(compileFolder(folder), protosBelow(folder), "target=istio,target=gateway-api");
    const { files, errors } = run(request);
    expect(errors).toEqual([]);
    expect(Object.keys(files).length).toBe(4);
    for (const object of Object.values(files).flatMap(objectsOf))
      expect(validator.problems(object), `${object.kind} ${object.metadata.name}`).toEqual([]);
  });

  test("policies of Envoy Gateway are on rules that there are", () => {
    for (const [file, text] of filesOf("gateway-api")) expectTargets(objectsOf(text), file);
  });

  test("rules in CEL are evaluated, all of them", () => {
    const before = validator.rules.evaluated;
    for (const name of ["istio", "gateway-api"])
      for (const object of filesOf(name).flatMap(([, text]) => objectsOf(text))) validator.problems(object);
    expect(validator.rules.evaluated - before).toBeGreaterThan(500);
    expect([...validator.rules.skipped]).toEqual([]);
  });

  describe("a service with more methods than a route takes", () => {
    const options = (index: number) =>
      `{ timeout: { total: "${index + 1}s" } rate_limit: { name: "own" rate: "${index + 1}/s" } }`;
    const rpc = (name: string, option: string) => `
      rpc ${name}(Message) returns (Message) {
        option (google.api.http) = { get: "/v1/${name}" };
        option (mesh.v1.method) = ${option};
      }`;
    const many = (count: number, option: (index: number) => string) => `
      syntax = "proto3";
      package big.v1;
      import "google/api/annotations.proto";
      import "mesh/v1/options.proto";
      message Message {}
      service Big {
        option (mesh.v1.service) = { auth: { access: PUBLIC } };
        ${Array.from({ length: count }, (_, index) => rpc(`Method${index}`, option(index))).join("")}
      }`;

    test.each([
      ["40 that all differ", 40, options],
      ["200 that are alike", 200, () => options(0).replace(/ rate_limit.*/, " }")],
    ])("%s", (_, count, option) => {
      const { files, errors } = generate({ "big.proto": many(count, option) }, "target=gateway-api,target=istio");
      expect(errors).toEqual([]);
      const objects = Object.values(files).flatMap(objectsOf);
      for (const object of objects)
        expect(validator.problems(object), `${object.kind} ${object.metadata.name}`).toEqual([]);
      expectTargets(objects, "big");
      const rules = objects
        .filter(({ kind }) => kind === "GRPCRoute")
        .flatMap(({ spec }) => spec.rules as { matches: unknown[] }[]);
      expect(rules.flatMap(({ matches }) => matches).length).toBe(count);
    });
  });

  test("methods whose names are words of YAML, or none of Kubernetes", () => {
    const names = ["Yes", "no", "On", "Null", "True", "y", "_", "__", "A_", "GetHTTPItem", "E1", "x".repeat(300)];
    const rpcs = names.map((name, index) => {
      const option = `option (mesh.v1.method) = { timeout: { total: "${index + 1}s" } };`;
      return `rpc ${name}(Message) returns (Message) { ${option} }`;
    });
    const proto = `
      syntax = "proto3";
      import "mesh/v1/options.proto";
      message Message {}
      service on { option (mesh.v1.service) = { auth: { access: PUBLIC } }; ${rpcs.join("\n")} }`;
    const { files, errors } = generate({ "on.proto": proto }, "target=gateway-api,target=istio");
    expect(errors).toEqual([]);
    const objects = Object.values(files).flatMap(objectsOf);
    for (const object of objects)
      expect(validator.problems(object), `${object.kind} ${object.metadata.name}`).toEqual([]);
    expectTargets(objects, "on");
    const route = objects.find(({ kind }) => kind === "GRPCRoute")?.spec as {
      rules: { matches: { method: { method: string } }[] }[];
    };
    expect(route.rules.map(({ matches }) => matches[0]?.method.method)).toEqual(names);
    const entries = objects.find(({ kind }) => kind === "VirtualService")?.spec.http as { name: string }[];
    expect(new Set(entries.map(({ name }) => name)).size).toBe(names.length + 1);
  });

  describe("refuse what is wrong:", () => {
    const good = (name: string, file: string, kind: string) => {
      const [, text] = filesOf(name).find(([found]) => found === file) as readonly [string, string];
      return structuredClone(objectsOf(text).find((object) => object.kind === kind)) as Manifest;
    };
    const set = (object: unknown, path: string, value: unknown) => {
      const keys = path.split(".");
      const last = keys.pop() as string;
      const at = keys.reduce((inner, key) => (inner as { [key: string]: unknown })[key], object) as {
        [key: string]: unknown;
      };
      at[last] = value;
    };
    test.each([
      ["istio", "shop.yaml", "VirtualService", "spec.http.0.retry", {}, /additional/],
      ["istio", "shop.yaml", "VirtualService", "spec.http.0.retries.attempts", "2", /must be integer/],
      ["istio", "shop.yaml", "VirtualService", "spec.http.0.timeout", "0s", /at least|greater|1ms/],
      ["istio", "shop.yaml", "VirtualService", "spec.http.0.timeout", "soon", /parse duration/],
      [
        "istio",
        "shop.yaml",
        "DestinationRule",
        "spec.trafficPolicy.loadBalancer",
        { simple: "FASTEST" },
        /allowed values/,
      ],
      [
        "istio",
        "shop.yaml",
        "DestinationRule",
        "spec.trafficPolicy.loadBalancer.simple",
        "RANDOM",
        /oneOf|exactly one/,
      ],
      ["istio", "shop.yaml", "RequestAuthentication", "spec.jwtRules.0.jwks", "{}", /only one of jwks/],
      ["istio", "shop.yaml", "RequestAuthentication", "spec.jwtRules.0.jwksUri", "ftp://keys", /scheme/],
      ["istio", "shop.yaml", "AuthorizationPolicy", "spec.action", "PERMIT", /allowed values/],
      ["istio", "shop.yaml", "AuthorizationPolicy", "metadata.labels", {}, /additional/],
      ["istio", "shop.yaml", "AuthorizationPolicy", "metadata.name", "Shop", /pattern/],
      ["gateway-api", "shop.yaml", "GRPCRoute", "spec.rules.0.timeouts", { request: "1s" }, /additional/],
      ["gateway-api", "shop.yaml", "GRPCRoute", "spec.rules.0.backendRefs.0.port", undefined, /port/],
      ["gateway-api", "shop.yaml", "HTTPRoute", "spec.rules.0.retry", { attempts: 1 }, /additional/],
      ["gateway-api", "shop.yaml", "HTTPRoute", "spec.rules.0.timeouts.request", "1.5s", /pattern/],
      ["gateway-api", "shop.yaml", "HTTPRoute", "spec.rules.0.timeouts.backendRequest", "2s", /backendRequest/],
      [
        "gateway-api",
        "shop.yaml",
        "HTTPRoute",
        "spec.rules.0.matches.0.path",
        { type: "Exact", value: "v1" },
        /absolute/,
      ],
      [
        "gateway-api",
        "shop.yaml",
        "BackendTrafficPolicy",
        "spec.retry.retryOn.triggers.0",
        "aborted",
        /allowed values/,
      ],
      ["gateway-api", "shop.yaml", "BackendTrafficPolicy", "spec.targetRefs.0.kind", "Service", /targetRefs/],
      ["gateway-api", "shop.yaml", "SecurityPolicy", "spec.jwt.providers.0.localJWKS", { inline: "{}" }, /JWKS/],
      ["gateway-api", "shop.yaml", "SecurityPolicy", "apiVersion", "gateway.envoyproxy.io/v1", /there is no/],
    ])("%s %s %s.%s", (name, file, kind, path, value, text) => {
      const object = good(name, file, kind);
      expect(validator.problems(object)).toEqual([]);
      set(object, path, value);
      expect(validator.problems(object).join("\n")).toMatch(text);
    });
  });
});

/** Every reference of a policy is to a rule of a route among the objects. */
function expectTargets(objects: readonly Manifest[], where: string): void {
  const rules = objects
    .filter(({ kind }) => kind.endsWith("Route"))
    .flatMap(({ kind, metadata, spec }) =>
      (spec.rules as { name: string }[]).map(({ name }) => `${kind} ${metadata.name} ${name}`),
    );
  const targets = objects
    .filter(({ kind }) => /^(BackendTraffic|Security)Policy$/.test(kind))
    .flatMap(({ spec }) => spec.targetRefs as { kind: string; name: string; sectionName: string }[])
    .map(({ kind, name, sectionName }) => `${kind} ${name} ${sectionName}`);
  if (rules.length === 0) return;
  expect(rules.length, where).toBe(new Set(rules).size);
  expect(targets.length, where).toBeGreaterThan(0);
  expect(
    targets.filter((target) => !rules.includes(target)),
    where,
  ).toEqual([]);
}
