// A process with nothing to do but one call, to a port where nobody listens. Run by client.test.ts.

import { createClient } from "../src/client.ts";
import type { RpcError } from "../src/core/error.ts";
import { connect } from "../src/grpc/connect.ts";
import { Kitchen } from "./kitchen/kitchen_mesh.ts";

const budget = { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 };
const retry = {
  attempts: 3,
  on: ["UNAVAILABLE"],
  initialMs: 20,
  maxMs: 40,
  multiplier: 2,
  jitter: "NONE",
  attemptTimeout: false,
  budget,
};
const methods = { ping: { ...Kitchen.methods.ping, policy: { retry } } };
const client = createClient({ ...Kitchen, methods } as typeof Kitchen, connect("127.0.0.1:1"));
try {
  await client.ping({});
} catch (error) {
  console.log((error as RpcError).code);
}
