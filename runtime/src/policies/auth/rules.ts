import type { Rule } from "../../core/policy.ts";
import type { AuthConfig } from "./config.ts";

/** What must hold for an auth policy. */
export const rules: readonly Rule<AuthConfig>[] = [
  {
    id: "auth/rule",
    severity: "error",
    check: ({ rule }) =>
      rule === undefined ? undefined : "rule comes with a later version and must not be ignored: remove it, use scopes",
  },
  {
    id: "auth/public-with-conditions",
    severity: "error",
    check: ({ access, scopes, audiences }) =>
      access === "PUBLIC" && scopes.length + audiences.length > 0
        ? "everybody may call a PUBLIC method, so scopes and audiences mean nothing: remove them, or set access: AUTHENTICATED"
        : undefined,
  },
  {
    id: "auth/deny-with-conditions",
    severity: "error",
    check: ({ access, providers, scopes, audiences }) =>
      access === "DENY" && providers.length + scopes.length + audiences.length > 0
        ? "access is DENY, so nobody may call, whatever the rest says: set access: AUTHENTICATED, or remove the rest"
        : undefined,
  },
  {
    id: "auth/provider-name",
    severity: "error",
    check({ providers }) {
      const wrong = providers.find((name) => !/^[A-Za-z][\w.-]*$/.test(name));
      return wrong === undefined
        ? undefined
        : `${JSON.stringify(wrong)} is not the name of a provider: use the name it has in the run-time configuration`;
    },
  },
];
