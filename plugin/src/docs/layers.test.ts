import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { servicesOf } from "../../../cli/src/services.ts";
import { siteFactory } from "../../../runtime/src/core/site.ts";
import { attemptOrder, callOrder, serverOrder } from "../../../runtime/src/stack.ts";
import { FakeClock } from "../../../runtime/src/testing.ts";
import { compile, compileFolder, root } from "../../test/compile.ts";
import { describeContract } from "../library.ts";
import { layersOf, places } from "./layers.ts";

test("the places are those of the runtime, in its order", () => {
  expect(Object.keys(places.call)).toEqual(callOrder.map(({ at }) => at));
  expect(Object.keys(places.attempt)).toEqual(attemptOrder.map(({ at }) => at));
  expect(Object.keys(places.server)).toEqual(serverOrder.map(({ at }) => at));
});

const odd = {
  "odd.proto": `syntax = "proto3"; package odd; import "mesh/v1/options.proto";
message M { string id = 1; }
service Odd {
  option (mesh.v1.service) = { auth: { access: PUBLIC } };
  rpc Nothing(M) returns (M);
  rpc Max(M) returns (M) { option (mesh.v1.method) = { timeout: { max: "1s" } }; }
  rpc Reserve(M) returns (M) { option (mesh.v1.method) = { timeout: { reserve: "1ms" idle: "1s" } }; }
  rpc Sheds(M) returns (M) { option (mesh.v1.method) = { concurrency: { criticality: SHEDDABLE } }; }
  rpc Full(M) returns (M) { option (mesh.v1.method) = { concurrency: { adaptive: GRADIENT } }; }
  rpc Known(M) returns (M) { option (mesh.v1.method) = { auth: { access: PUBLIC providers: "staff" } }; }
  rpc Kept(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = { cache: { ttl: "1s" side: SERVER vary: "all" } fallback: { method: "Nothing" } circuit_breaker: { adaptive: true } }; }
  rpc Bytes(M) returns (M) { option (mesh.v1.method) = { limits: { request_bytes: 10 } balance: { picker: ROUND_ROBIN } }; }
  rpc Promised(M) returns (M) { option (mesh.v1.method) = { objective: { availability: 0.9 } idempotency: { key: "metadata:k" } }; }
  rpc Chat(stream M) returns (stream M) { option (mesh.v1.method) = { timeout: { idle: "5s" } limits: { messages: 3 } }; }
}`,
};

test.each([
  ["testdata/docs", compileFolder(`${root}/testdata/docs`)],
  ["odd policies", compile(odd)],
])("%s: a method has the layers that the runtime builds, no more and no fewer", (_, set) => {
  const image = toBinary(FileDescriptorSetSchema, set);
  const { contract } = describeContract(image, []);
  const authProviders = new Map([["staff", { authenticate: () => undefined }]]);
  const siteOf = siteFactory({
    clock: new FakeClock(),
    authProviders,
    credentials: "token",
    sibling: () => async () => ({}),
  });
  let methods = 0;
  for (const service of servicesOf(image, [], () => {})) {
    const promised = contract.services.find(({ name }) => name === service.name);
    for (const spec of Object.values(service.methods)) {
      const method = promised?.methods.find(({ name }) => name === spec.name);
      if (!method) throw new Error(`no method ${spec.name}`);
      methods++;
      const built = (order: typeof callOrder | typeof attemptOrder | typeof serverOrder, side: "client" | "server") =>
        order
          .filter(({ row }) => {
            const all: { readonly [side in typeof side]?: (config: never, site: never) => unknown } & {
              absent?: unknown;
            } = row as never;
            const config = (spec.policy as { [name: string]: unknown })[row.name] ?? all.absent;
            return config !== undefined && all[side]?.(config as never, siteOf(spec, service) as never) !== undefined;
          })
          .map(({ at }) => at as string);
      const { call, attempt, server } = layersOf(method);
      const at = (layers: typeof call) => layers.map((layer) => layer.at);
      expect(at(call), spec.path).toEqual(built(callOrder, "client"));
      // A client attaches its credentials whether the server looks at them or not; drawn where it does.
      const looksAtThem = server.some((layer) => layer.at === "auth") && method.policy.auth?.access !== "DENY";
      expect(at(attempt), spec.path).toEqual(
        built(attemptOrder, "client").filter((place) => place !== "auth" || looksAtThem),
      );
      expect(at(server), spec.path).toEqual(built(serverOrder, "server"));
    }
  }
  expect(methods).toBeGreaterThan(9);
});
