import { hash } from "node:crypto";
import type { Call } from "../../core/call.ts";
import { decided } from "../../core/decision.ts";
import { type Code, RpcError } from "../../core/error.ts";
import { parseKey } from "../../core/fields.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import { canonicalBytes } from "../../messages/canonical.ts";
import { BadRequest } from "../../messages/details.ts";
import { keyOf } from "../../messages/key.ts";
import { bytesOf, latin1 } from "../../messages/latin1.ts";
import { detail } from "../../messages/status.ts";
import type { Answer } from "./answer.ts";
import { Answers } from "./answers.ts";
import type { IdempotencyConfig } from "./config.ts";
import { keyReader } from "./place.ts";
import { Run } from "./run.ts";

/** What all answers of a server may take up together. */
const maxBytes = 64 * 1024 * 1024;

/** Failures that a repetition would meet again. After any other, it runs anew. */
const definitive: ReadonlySet<Code> = new Set<Code>([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "DATA_LOSS",
]);

/**
 * Runs a call once per key and caller: a repetition gets the answer that the first one got, also while that one runs.
 *
 * A run that fails for now is followed by one of those who wait. One whose caller has gone is waited for all the same:
 * nobody knows whether its work has stopped, and doing it twice is what a key is there to prevent. Answers are kept in
 * this process, message or status alone, without headers and trailers.
 */
export function answerOnce({ key, windowMs }: IdempotencyConfig, site: Site): Layer | undefined {
  const { method, clock } = site;
  const { path } = method;
  if (method.kind !== "unary") return undefined;
  const read = keyReader(key, method);
  // Many senders put the entries of a map into another order each time: it is the same request all the same.
  const canonical = canonicalBytes(method.request, site.service);
  const caller = keyOf(["principal", key], method) as (call: Call) => string;
  // Not by config: a shorter window or another place of the key is no reason to do things twice.
  const answers = site.shared("idempotency", () => new Answers(maxBytes));
  const { conflict, late } = refusals(key, path);

  const replay = async ({ response }: Call, answer: Answer): Promise<unknown> => {
    if (typeof answer === "string") {
      const reply = method.reply.decode(bytesOf(answer));
      // Bytes of their own: decoders hand out parts of their input as bytes fields.
      if (response) response.encoded = { reply, bytes: bytesOf(answer) };
      return reply;
    }
    throw refusal(answer.code, answer.text, { details: answer.details, origin: answer.origin });
  };

  return (next) => {
    const run = (call: Call, id: string, current: Run): Promise<unknown> => {
      const release = () => {
        if (answers.running.get(id) === current) answers.running.delete(id);
      };
      const pass = () => {
        if (!current.pass()) release();
      };
      const remember = (answer: Answer) => {
        const gone = answers.set(id, { path, request: current.request, answer }, windowMs, clock.now());
        for (const { path } of gone) decided("idempotency", "evicted", path);
        release();
        current.done(answer);
      };
      // One who was given the call may have left just then.
      const gone = call.cancellation?.reason ?? (call.deadline <= clock.now() ? late : undefined);
      if (gone) {
        pass();
        return Promise.reject(gone);
      }
      return next(call).then(
        (reply) => {
          let bytes: Uint8Array;
          try {
            bytes = method.reply.encode(reply);
          } catch (error) {
            pass();
            throw error;
          }
          if (call.response) call.response.encoded = { reply, bytes };
          remember(latin1(bytes));
          return reply;
        },
        (error) => {
          if (isDefinitive(error)) {
            const { code, text, details, origin } = error;
            remember({ code, text, details, origin });
          } else pass();
          throw error;
        },
      );
    };

    return (call) => {
      if (!read(call)) return next(call);
      let request: string;
      try {
        const bytes = call.requestBytes ?? method.request.encode(call.request);
        request = hash("sha256", canonical(bytes), "base64");
      } catch (error) {
        return Promise.reject(error);
      }
      const id = `${path} ${caller(call)}`;
      const now = clock.now();
      const known = answers.get(id, now);
      const current = known ? undefined : answers.running.get(id);
      const first = known ?? (current && current.until > now ? current : undefined);
      if (!first) {
        const fresh = new Run(request, now + windowMs);
        answers.start(id, fresh, now);
        return run(call, id, fresh);
      }
      if (first.request !== request) {
        decided("idempotency", "conflict", path);
        return Promise.reject(conflict);
      }
      if (first instanceof Run) {
        decided("idempotency", "waited", path);
        return first
          .wait(call, clock, late)
          .then((turn) => (turn === "run" ? run(call, id, first) : replay(call, turn)));
      }
      decided("idempotency", "replayed", path, {
        code: typeof first.answer === "string" ? "OK" : first.answer.code,
      });
      return replay(call, first.answer);
    };
  };
}

/** The text of a failure of the connection to another service is for this process alone, so it is never kept. */
const isDefinitive = (error: unknown): error is RpcError =>
  error instanceof RpcError && definitive.has(error.code) && error.origin !== "transport";

function refusals(key: string, path: string) {
  const { kind, name } = parseKey(key);
  const description = "was sent before with another request";
  const field = kind === "field" ? name : key;
  return {
    conflict: refusal("INVALID_ARGUMENT", `${path}: the idempotency key ${description}: use a new key for it`, {
      refusedBy: "idempotency",
      details: [detail(BadRequest, { fieldViolations: [{ field, description, reason: "IDEMPOTENCY_KEY_REUSED" }] })],
    }),
    late: refusal("DEADLINE_EXCEEDED", `${path}: the first call under this idempotency key still runs`, {
      refusedBy: "idempotency",
    }),
  };
}
