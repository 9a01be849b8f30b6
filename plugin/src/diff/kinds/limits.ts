import type { LimitsConfig } from "@protomesh/runtime/policies";
import { type Kind, ordered } from "../verdict.ts";

/** What gRPC allows where nobody says anything. */
const fourMiB = 4 * 1024 * 1024;

/** `limits`, option by option. */
export const limits: Kind<LimitsConfig> = {
  rows: {
    requestBytes: ordered({
      absent: fourMiB,
      raised: ["operational", "larger requests are accepted"],
      lowered: ["capacity", "larger requests are refused"],
    }),
    responseBytes: ordered({
      absent: fourMiB,
      raised: ["operational", "larger replies are possible"],
      lowered: ["capacity", "calls with larger replies fail"],
    }),
    messages: ordered({
      absent: Number.POSITIVE_INFINITY,
      raised: ["operational", "longer streams are accepted"],
      lowered: ["capacity", "longer streams are cut off"],
    }),
  },
};
