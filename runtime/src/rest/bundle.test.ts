import { expect, test } from "vitest";
import { bundle } from "../../test/bundle.ts";

test("a bundle has the client and its tables: no grpc-js, nothing of Node, no protobuf library, no codecs", async () => {
  const { inputs } = await bundle('export { createKitchenRestClient } from "./kitchen/kitchen_rest.ts";');
  const foreign = inputs.filter((input) => !/^(?:runtime\/src\/(?:rest|core)\/|<stdin>$)/.test(input));
  expect(foreign).toEqual(["runtime/test/kitchen/kitchen_rest.ts"]);
});

test("a bundle is small", async () => {
  const { gzipped } = await bundle('export { createKitchenRestClient } from "./kitchen/kitchen_rest.ts";');
  expect(gzipped).toBeLessThan(13_000);
});

test("a bundle that needs Node does not build", async () => {
  await expect(bundle('export { createKitchenClient } from "./kitchen/kitchen_mesh.ts";')).rejects.toThrow(
    "Could not resolve",
  );
});
