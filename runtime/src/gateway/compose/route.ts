import type { Route } from "../../core/spec.ts";

/** How a method is called as a part of a composition: its request is one JSON text. No request matches it. */
export const partRoute: Route = { method: "POST", template: "", segments: [], variables: [], body: "*" };
