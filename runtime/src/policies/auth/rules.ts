import type { Rule } from "../../core/policy.ts";
import type { AuthConfig } from "./config.ts";

/** What must hold for an auth policy. */
export const rules: readonly Rule<AuthConfig>[] = [
  {
    id: "auth/rule-streaming",
    severity: "error",
    purpose: "A rule of auth is for a method with one request.",
    check: ({ rule }, { kind }) =>
      rule !== undefined && (kind === "clientStream" || kind === "bidi")
        ? "a rule is for one request, and here the requests stream: set rule on the methods that can have one"
        : undefined,
  },
  {
    id: "auth/public-with-conditions",
    severity: "error",
    purpose: "A PUBLIC method has no scopes, audiences or rule.",
    check: ({ access, scopes, audiences, rule }) =>
      access === "PUBLIC" && (scopes.length + audiences.length > 0 || rule !== undefined)
        ? "everybody may call a PUBLIC method, so scopes, audiences and rule mean nothing: remove them, or set access: AUTHENTICATED"
        : undefined,
  },
  {
    id: "auth/deny-with-conditions",
    severity: "error",
    purpose: "A method with access DENY has no other conditions.",
    check: ({ access, providers, scopes, audiences, rule }) =>
      access === "DENY" && (providers.length + scopes.length + audiences.length > 0 || rule !== undefined)
        ? "access is DENY, so nobody may call, whatever the rest says: set access: AUTHENTICATED, or remove the rest"
        : undefined,
  },
  {
    id: "auth/provider-name",
    severity: "error",
    purpose: "Providers of auth are named as the run-time configuration names them, not by an address.",
    check({ providers }) {
      const wrong = providers.find((name) => !/^[A-Za-z][\w.-]*$/.test(name));
      return wrong === undefined
        ? undefined
        : `${JSON.stringify(wrong)} is not the name of a provider: use the name it has in the run-time configuration`;
    },
  },
];
