import type { IdempotencyConfig } from "@protomesh/runtime/policies";
import { changed, type Kind, ordered } from "../verdict.ts";

/** `idempotency`. */
export const idempotency: Kind<IdempotencyConfig> = {
  added: () => [["semantic", "a call with a key that was there before is answered with the reply it got then"]],
  removed: () => [["breaking", "clients that rely on it send calls again, and they take effect twice"]],
  rows: {
    key: changed(["breaking", "clients of before send the key elsewhere, so their calls may take effect twice"]),
    windowMs: ordered({
      raised: ["operational", "answers are remembered for longer"],
      lowered: ["breaking", "calls that are sent again after that take effect twice"],
    }),
  },
};
