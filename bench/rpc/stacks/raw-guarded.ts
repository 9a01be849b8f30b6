// grpc-js by hand once more, sending on each call what the full policy sends: a deadline and a token. Nobody checks
// the token, nothing is retried or limited. What a full policy costs beyond this row is the price of the policy itself.
import * as grpc from "@grpc/grpc-js";
import { token } from "../../token.ts";
import type { Stack } from "../peer.ts";
import { connectWith, stack as raw } from "./raw.ts";

export const stack: Stack = {
  serve: raw.serve,
  async connect(port) {
    const bearer = `Bearer ${await token()}`;
    return connectWith(port, () => {
      const metadata = new grpc.Metadata();
      metadata.set("authorization", bearer);
      return { metadata, options: { deadline: Date.now() + 15_000 } };
    });
  },
};
