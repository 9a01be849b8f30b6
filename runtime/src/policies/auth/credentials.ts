import type { Call } from "../../core/call.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import { within } from "../../core/within.ts";
import type { AuthConfig } from "./config.ts";
import { unauthenticated } from "./refuse.ts";

/** Client: sends the client's credentials with each attempt. A caller's own `authorization` goes before them. */
export function attachCredentials(_: AuthConfig, { method, clock, credentials }: Site): Layer | undefined {
  if (credentials === undefined) return undefined;
  const illegal = unauthenticated(`${method.path} was not sent: the client's credentials are no bearer token`);
  const failed = (cause: unknown) =>
    refusal("UNAUTHENTICATED", `${method.path} was not sent: the client's credentials function failed`, {
      refusedBy: "auth",
      cause,
    });

  // Calls share one token until there is a fresh one.
  let last: string | undefined;
  let authorization = "";

  return (next) => {
    const send = (call: Call, token: string): Promise<unknown> => {
      if (token !== last || last === undefined) {
        if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) return Promise.reject(illegal);
        last = token;
        authorization = `Bearer ${token}`;
      }
      return next({ ...call, metadata: call.metadata.clone().set("authorization", authorization) });
    };
    return (call) => {
      if (call.metadata.has("authorization")) return next(call);
      if (typeof credentials === "string") return send(call, credentials);
      let token: string | Promise<string>;
      try {
        token = credentials();
      } catch (error) {
        return Promise.reject(failed(error));
      }
      if (typeof token === "string") return send(call, token);
      const got = Promise.resolve(token).catch((error: unknown) => {
        throw failed(error);
      });
      return within(got, call, clock).then((fresh) => send(call, fresh));
    };
  };
}
