import type { ServerResponse } from "node:http";

/** Adds a request header to those that the answer depends on. Source: RFC 9110, 12.5.5. */
export function addVary(res: ServerResponse, name: string): void {
  const before = res.getHeader("vary");
  const names = before === undefined ? [] : String(before).split(/\s*,\s*/);
  if (!names.includes("*") && !names.includes(name)) res.setHeader("vary", [...names, name].join(", "));
}
