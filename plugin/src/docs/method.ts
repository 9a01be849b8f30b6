import type { Contract, MethodContract } from "../contract/contract.ts";
import type { Block, Figure, Inline } from "./blocks.ts";
import { errorTable } from "./errors.ts";
import { auth, kindOf, methodId, routes } from "./glance.ts";
import { commentBlocks, inlineOf, joined } from "./inline.ts";
import { layersOf } from "./layers.ts";
import { layersDrawing } from "./layers-drawing.ts";
import { policyTable } from "./policy-table.ts";
import { timeline } from "./timeline.ts";
import { typeLink } from "./types.ts";
import { worstCase } from "./worst-case.ts";
import { worstDescription, worstText } from "./worst-text.ts";

const promises = { NO_SIDE_EFFECTS: "no side effects", IDEMPOTENT: "idempotent" };

/** What a page says about one method. `file` is what the names of its drawings begin with. */
export function methodBlocks(method: MethodContract, locate: Contract["locate"], file: string): Block[] {
  const id = methodId(method.name);
  const errors = errorTable(method);
  const head = (part: string, text: string): Block => ({ kind: "heading", level: 3, id: `${id}-${part}`, text });
  return [
    { kind: "heading", level: 2, id, text: method.name },
    ...(method.doc.deprecated ? [{ kind: "paragraph", text: { strong: "Deprecated." } } as const] : []),
    ...commentBlocks(method.doc.comment),
    { kind: "facts", facts: factsOf(method, locate) },
    { kind: "figures", figures: figuresOf(method, file) },
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

function figuresOf(method: MethodContract, file: string): Figure[] {
  const worst = worstCase(method);
  const name = `${file}.${method.name}`;
  const said = worstText(worst, method.policy);
  const drawing = timeline(worst, `${method.name}: the worst case of a call over time`, worstDescription(worst));
  const layers = layersDrawing(
    layersOf(method),
    { target: targetOf(method), door: method.routes.length > 0 ? "gRPC, Connect, REST" : "gRPC, Connect" },
    worst.attempts.length > 1,
    `${method.name}: the layers that a call passes`,
  );
  const passes = "What a call passes, from the caller to the implementation.";
  return [
    ...(drawing ? [{ file: `${name}.timeline`, drawing, caption: inlineOf(said) }] : []),
    { file: `${name}.layers`, drawing: layers, caption: drawing ? passes : `${passes} ${said}` },
  ];
}

/** How a target's address is chosen and what becomes of requests on their way: no layers, but the transport's work. */
function targetOf({ policy: { balance, compression } }: MethodContract): string {
  const parts = [
    ...(balance ? [balance.hashBy === undefined ? balance.picker : `${balance.picker} by ${balance.hashBy}`] : []),
    ...(compression && compression.request !== "IDENTITY" ? [`${compression.request} requests`] : []),
  ];
  return parts.join(", ") || "by wire or in process";
}

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
