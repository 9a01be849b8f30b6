import type { Contract, MethodContract } from "../contract/contract.ts";
import type { Block, Figure, Inline } from "./blocks.ts";
import { errorTable } from "./errors.ts";
import { auth, kindOf, methodId, routes } from "./glance.ts";
import { commentBlocks, joined } from "./inline.ts";
import { policyTable } from "./policy-table.ts";
import { typeLink } from "./types.ts";

const promises = { NO_SIDE_EFFECTS: "no side effects", IDEMPOTENT: "idempotent" };

/** What a page says about one method, with its drawings. */
export function methodBlocks(method: MethodContract, locate: Contract["locate"], figures: readonly Figure[]): Block[] {
  const id = methodId(method.name);
  const errors = errorTable(method);
  const head = (part: string, text: string): Block => ({ kind: "heading", level: 3, id: `${id}-${part}`, text });
  return [
    { kind: "heading", level: 2, id, text: method.name },
    ...(method.doc.deprecated ? [{ kind: "paragraph", text: { strong: "Deprecated." } } as const] : []),
    ...commentBlocks(method.doc.comment),
    { kind: "facts", facts: factsOf(method, locate) },
    { kind: "figures", figures },
    head("policy", "Policy"),
    policyTable(method, locate),
    head("errors", "Errors"),
    errors ?? { kind: "paragraph", text: "No policy of this method makes a call fail." },
    { kind: "paragraph", text: { muted: elsewhere(method) } },
  ];
}

function factsOf(method: MethodContract, locate: Contract["locate"]): [string, Inline][] {
  const { file, line } = locate(method.place);
  const { input, output } = method.desc;
  return [
    ["Kind", [kindOf(method), ...(method.idempotency ? [`, ${promises[method.idempotency]}`] : [])]],
    ["Request", typeLink(input)],
    [method.kind === "serverStream" || method.kind === "bidi" ? "Replies" : "Reply", typeLink(output)],
    ["gRPC", { code: method.path }],
    ...(method.routes.length === 0 ? [] : [["Routes", { lines: routesOf(method) }] as [string, Inline]]),
    ["Who may call", auth(method)],
    ["Declared in", `${file}:${line}`],
  ];
}

/** The routes with where the request's fields are. */
const routesOf = (method: MethodContract): Inline[] =>
  routes(method).map((route, index) => {
    const { body } = method.routes[index] as MethodContract["routes"][number];
    if (body === undefined) return route;
    return [route, body === "*" ? ", the body is the request" : [", the body is ", { code: body }]];
  });

function elsewhere({ routes: all, policy: { fallback } }: MethodContract): Inline {
  return [
    ...(fallback
      ? [
          "Instead of ",
          joined(
            fallback.on.map((code) => ({ code })),
            " ",
          ),
          " a client gets what ",
          { code: "fallback" },
          " says, unless auth or a limit refused. ",
        ]
      : []),
    "Besides, a call fails with what the implementation throws, with ",
    { code: "UNAVAILABLE" },
    " when no server is reached, and with ",
    { code: "CANCELLED" },
    " when its caller gives up.",
    ...(all.length > 0 ? [" Over HTTP, a request that is not what its route expects is refused with 400."] : []),
  ];
}
