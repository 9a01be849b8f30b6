import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";
import { extension, filterNames, type Part } from "./part.ts";

/** What stands before a message on the wire. Source: gRPC over HTTP/2, "Length-Prefixed-Message". */
const prefixBytes = 5;

/** The largest requests: read in full before they go on, so only of methods whose requests do not stream. */
export class Limits {
  readonly #losses: Losses;
  #used = false;

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  /** What a method's route says. */
  of(method: MethodContract): Part {
    const { requestBytes, responseBytes, messages } = method.policy.limits ?? {};
    if (responseBytes !== undefined)
      this.#losses.add(method, "limits.response_bytes", "Envoy limits no replies: the server must");
    if (messages !== undefined)
      this.#losses.add(method, "limits.messages", "Envoy counts no messages: the server must");
    if (requestBytes === undefined) return {};
    if (method.kind === "clientStream" || method.kind === "bidi") {
      this.#losses.add(method, "limits.request_bytes", "Envoy limits no messages of a stream: the server must");
      return {};
    }
    this.#used = true;
    return { [filterNames.buffer]: perRoute({ buffer: { max_request_bytes: requestBytes + prefixBytes } }) };
  }

  /** What routes that say nothing have. */
  defaults(): Part {
    return this.#used ? { [filterNames.buffer]: perRoute({ disabled: true }) } : {};
  }

  filters(): Part[] {
    if (!this.#used) return [];
    const typed_config = extension("filters.http.buffer.v3.Buffer", { max_request_bytes: 2 ** 32 - 1 });
    return [{ name: filterNames.buffer, typed_config }];
  }
}

const perRoute = (config: Part): Part => extension("filters.http.buffer.v3.BufferPerRoute", config);
