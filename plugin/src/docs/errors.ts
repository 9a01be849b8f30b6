import { type MethodPolicy, policies } from "@protomesh/runtime/policies";
import type { MethodContract } from "../contract/contract.ts";
import type { Inline, Table } from "./blocks.ts";
import { inlineOf } from "./inline.ts";
import { httpStatus } from "./statuses.ts";

type Method = Pick<MethodContract, "routes" | "kind"> & { readonly policy: MethodPolicy };

/** Codes of a policy's row that cannot come from the policy as a method has it. */
const impossible: { readonly [policy: string]: (method: Method) => readonly string[] | "all" } = {
  auth({ policy: { auth } }) {
    if (auth === undefined || auth.access === "DENY") return ["UNAUTHENTICATED", "UNAVAILABLE"];
    if (auth.access === "AUTHENTICATED")
      return auth.scopes.length + auth.audiences.length > 0 || auth.rule !== undefined ? [] : ["PERMISSION_DENIED"];
    return auth.providers.length === 0
      ? "all"
      : auth.scopes.length + auth.audiences.length > 0
        ? []
        : ["PERMISSION_DENIED"];
  },
  timeout: ({ kind, policy: { timeout = {} } }) =>
    timeout.totalMs === undefined &&
    timeout.maxMs === undefined &&
    timeout.attemptMs === undefined &&
    (timeout.idleMs === undefined || kind === "unary")
      ? "all"
      : [],
  compression: ({ policy: { compression } }) => (compression?.request === "IDENTITY" ? "all" : []),
  concurrency: ({ policy: { concurrency } }) =>
    concurrency?.max === undefined && !concurrency?.criticality.startsWith("SHEDDABLE")
      ? "all"
      : concurrency.queue > 0
        ? []
        : ["DEADLINE_EXCEEDED"],
  rateLimit({ policy: { rateLimit = [] } }) {
    const strict = rateLimit.filter(({ shadow }) => !shadow);
    if (strict.length === 0) return "all";
    return strict.some(({ shared, failClosed }) => shared && failClosed) ? [] : ["UNAVAILABLE"];
  },
  http: ({ routes, policy: { http = {} } }) =>
    routes.length > 0 &&
    (http.unknownQuery === "REJECT" || http.unknownJson === "REJECT" || (http.headers ?? []).length > 0)
      ? []
      : "all",
};

/** An error that a policy makes calls fail with. */
export interface PolicyError {
  readonly code: string;
  /** The option of the policy. */
  readonly option: string;
  readonly when: string;
}

/** The errors that the policies of a method can make its calls fail with, by code. */
export function errorsOf(method: Method): PolicyError[] {
  const set = Object.values(policies).filter(({ name }) => name === "auth" || method.policy[name] !== undefined);
  const errors = set.flatMap(({ name, option, reference }) => {
    const never = impossible[name]?.(method) ?? [];
    return Object.entries(reference.errors)
      .filter(([code]) => never !== "all" && !never.includes(code))
      .map(([code, when]) => ({ code, option, when: when as string }));
  });
  const codes = Object.keys(httpStatus);
  return errors.sort((a, b) => codes.indexOf(a.code) - codes.indexOf(b.code));
}

/** The errors of a method as a table; undefined when its policies make no call fail. */
export function errorTable(method: Method): Table | undefined {
  const errors = errorsOf(method);
  if (errors.length === 0) return undefined;
  const overHttp = method.routes.length > 0;
  return {
    kind: "table",
    caption: "Errors that policies answer with",
    head: ["Code", ...(overHttp ? ["HTTP"] : []), "When", "By"],
    widths: overHttp ? [22, 9, 54, 15] : [22, 63, 15],
    rows: errors.map(({ code, option, when }): Inline[] => [
      { code },
      ...(overHttp ? [statusOf(method, code, option)] : []),
      inlineOf(sentence(when)),
      { code: option },
    ]),
  };
}

/** One status, but each limit on sizes has its own. */
function statusOf({ policy: { limits = {} } }: Method, code: string, option: string): string {
  if (option !== "limits") return String(httpStatus[code]);
  const { requestBytes, responseBytes, messages } = limits;
  const statuses = [requestBytes && 413, messages && httpStatus[code], responseBytes && 500];
  return statuses.filter((one) => one !== undefined).join(" or ");
}

/** Begins with a capital and ends with a full stop, unless it begins or ends with code. */
const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
