import type { WebSocket } from "ws";
import type { RpcError } from "../../core/error.ts";
import type { Metadata } from "../../core/metadata.ts";
import { tooLarge } from "../../core/wire-policy.ts";
import type { Endpoint } from "../endpoint.ts";
import { errorJson } from "../errors.ts";
import type { Protocol } from "./protocol.ts";

/** When so much waits for the client, the call is not read on, in bytes. */
const mostBuffered = 1024 * 1024;

/** What a call says to its client, in the frames of its subprotocol. Says nothing before there is a WebSocket. */
export class Outgoing {
  ws: WebSocket | undefined;
  headers: Metadata | undefined;
  trailers: Metadata | undefined;
  readonly #endpoint: Endpoint;
  readonly #protocol: Protocol;
  #headersSent = false;

  constructor(endpoint: Endpoint, protocol: Protocol) {
    this.#endpoint = endpoint;
    this.#protocol = protocol;
  }

  /** True while the client can hear. */
  get open(): boolean {
    return this.ws !== undefined && this.ws.readyState === this.ws.OPEN;
  }

  /** True when the client has much to read. */
  get full(): boolean {
    return this.ws !== undefined && this.ws.bufferedAmount > mostBuffered;
  }

  /** A reply message. Throws when it is none, and when it is larger than `limits.response_bytes` allows. */
  message(reply: unknown): void {
    const { method, maxResponseBytes } = this.#endpoint;
    const { binary } = this.#protocol;
    const data = binary ? method.reply.encode(reply) : this.#endpoint.print(reply);
    if (maxResponseBytes !== undefined && Buffer.byteLength(data) > maxResponseBytes)
      throw tooLarge(method, "reply", maxResponseBytes);
    this.#sayHeaders();
    this.ws?.send(typeof data === "string" ? this.#protocol.message(data) : data);
  }

  /** What is left to say when the call is over. Trailers of the error win. */
  last(error?: RpcError): void {
    this.#sayHeaders();
    this.#say("trailers", error?.metadata ?? this.trailers);
    if (error) this.ws?.send(this.#protocol.error(JSON.stringify(errorJson(error, this.#endpoint.details))));
  }

  /** Not before the first message, so that an implementation has had its time to set them. */
  #sayHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#say("headers", this.headers);
  }

  #say(name: "headers" | "trailers", metadata: Metadata | undefined): void {
    if (!metadata || metadata.empty) return;
    const frame = this.#protocol.metadata?.(name, metadata);
    if (frame !== undefined) this.ws?.send(frame);
  }
}
