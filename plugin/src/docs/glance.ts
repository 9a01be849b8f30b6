import { longestCall } from "@protomesh/runtime/policies";
import type { MethodContract } from "../contract/contract.ts";
import type { Inline, Table } from "./blocks.ts";
import { duration, rate } from "./format.ts";
import { joined } from "./inline.ts";

const kinds: { readonly [kind in MethodContract["kind"]]: string } = {
  unary: "unary",
  serverStream: "server stream",
  clientStream: "client stream",
  bidi: "both sides stream",
};

/** Which sides of a method stream, in words. */
export const kindOf = ({ kind }: MethodContract): string => kinds[kind];

/** The id of a method on its service's page. */
export const methodId = (name: string): string => `method-${name}`;

/** All methods of a service in one table; an empty cell says that there is none of it. */
export const glance = (methods: readonly MethodContract[]): Table => ({
  kind: "table",
  caption: "Methods",
  head: ["Method", "Kind", "Routes", "Auth", "Timeout", "Retry or hedge", "Rate limit", "Cache"],
  widths: [15, 8, 18, 14, 11, 14, 13, 7],
  rows: methods
    .map((method) => [
      { link: { code: method.name }, to: `#${methodId(method.name)}` },
      kindOf(method),
      { lines: routes(method) },
      auth(method),
      timeout(method),
      repetition(method),
      limits(method),
      cache(method),
    ])
    .map((row) =>
      row.map((cell) => (typeof cell === "object" && "lines" in cell && cell.lines.length === 0 ? "" : cell)),
    ),
});

/** The routes of a method, one each. */
export const routes = ({ routes: all }: MethodContract): Inline[] =>
  all.map(({ method, template }) => ({ code: `${method === "*" ? "any method" : method} ${template}` }));

/** Who may call, in a few words. */
export function auth({ policy: { auth: config } }: MethodContract): Inline {
  if (!config || config.access === "DENY") return [{ strong: "nobody" }, " (DENY)"];
  const { access, providers, scopes, rule } = config;
  if (access === "PUBLIC") return providers.length > 0 ? ["everybody, also known callers"] : "everybody";
  return [
    "known callers",
    ...(scopes.length > 0
      ? [
          " with ",
          joined(
            scopes.map((code) => ({ code })),
            " ",
          ),
        ]
      : []),
    ...(rule === undefined ? [] : [", by a rule"]),
  ];
}

function timeout({ kind, policy: { timeout: config = {} } }: MethodContract): Inline {
  const longest = longestCall(config);
  return [
    longest === Number.POSITIVE_INFINITY ? "none" : duration(longest),
    ...(config.attemptMs === undefined ? [] : [`, ${duration(config.attemptMs)} an attempt`]),
    ...(config.idleMs === undefined || kind === "unary" ? [] : [`, ${duration(config.idleMs)} of silence`]),
  ];
}

function repetition({ policy: { retry, hedge } }: MethodContract): Inline {
  if (retry)
    return [
      `${retry.attempts} attempts on `,
      joined(
        retry.on.map((code) => ({ code })),
        " ",
      ),
    ];
  if (!hedge) return "";
  const after = hedge.delayMs === undefined ? `after p${hedge.percentile}` : `${duration(hedge.delayMs)} apart`;
  return `${hedge.attempts} requests, ${after}`;
}

const limits = ({ policy: { rateLimit = [] } }: MethodContract): Inline => {
  const each = rateLimit.map(
    ({ perSecond, by, shadow }) =>
      `${rate(perSecond)}${by.length > 0 ? ` for each ${by.join(" and ")}` : ""}${shadow ? ", counted only" : ""}`,
  );
  return each.length === 0 ? "" : { lines: each };
};

const cache = ({ policy: { cache: config } }: MethodContract): Inline =>
  config ? `${duration(config.ttlMs)}, on the ${config.side === "CLIENT" ? "client" : "server"}` : "";
