/** Changes of `auth` against a model of who may call: a loosening is always called one. */
import { expect, test } from "vitest";
import { contractOfFiles } from "../../../test/diff.ts";
import type { MethodContract } from "../../contract/contract.ts";
import { diffMethods } from "../method.ts";

/** What a method asks for, and what a credential has: providers, scopes and audiences. */
interface Named {
  readonly providers: readonly string[];
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
}

interface Auth extends Named {
  readonly access: "DENY" | "PUBLIC" | "AUTHENTICATED";
}

const subsets = (one: string, other: string) => [[], [one], [other], [one, other]];
const none = { providers: [], scopes: [], audiences: [] };

const auths: readonly Auth[] = [
  { access: "DENY", ...none },
  ...subsets("a", "b").map((providers) => ({ access: "PUBLIC" as const, ...none, providers })),
  ...subsets("a", "b").flatMap((providers) =>
    subsets("x", "y").flatMap((scopes) =>
      subsets("m", "n").map((audiences) => ({ access: "AUTHENTICATED" as const, providers, scopes, audiences })),
    ),
  ),
];

/** Undefined: without a credential. Each has one provider, and perhaps one that no method names. */
const callers: readonly (Named | undefined)[] = [
  undefined,
  ...["a", "b", "c"].flatMap((provider) =>
    subsets("x", "y").flatMap((scopes) =>
      subsets("m", "n").map((audiences) => ({ providers: [provider], scopes, audiences })),
    ),
  ),
];

/** What runtime/src/policies/auth/layer.ts does. */
function admits({ access, providers, scopes, audiences }: Auth, caller: Named | undefined): boolean {
  if (access === "DENY") return false;
  const good = providers.length === 0 || providers.some((name) => caller?.providers.includes(name));
  if (access === "PUBLIC") return caller === undefined || good;
  if (caller === undefined || !good) return false;
  return (
    scopes.every((scope) => caller.scopes.includes(scope)) &&
    (audiences.length === 0 || audiences.some((audience) => caller.audiences.includes(audience)))
  );
}

test("whoever may call that might not is called security, and whoever may no longer is called breaking", () => {
  const rpcs = auths.map(({ access, ...named }, index) => {
    const lists = Object.entries(named).map(([list, names]) => `${list}: ${JSON.stringify(names)}`);
    return `rpc M${index}(M) returns (M) { option (mesh.v1.method) = { auth: { access: ${access} ${lists.join(" ")} } }; }`;
  });
  const { services } = contractOfFiles({
    "a.proto": `syntax = "proto3"; package a; import "mesh/v1/options.proto"; message M {} service S { ${rpcs.join("\n")} }`,
  });
  const methods = services[0]?.methods as readonly MethodContract[];
  const wrong = auths.flatMap((before, one) =>
    auths.flatMap((after, other) => {
      const changes = diffMethods({ before: methods[one] as MethodContract, after: methods[other] as MethodContract });
      const classes = new Set(changes.map((change) => change.class));
      const more = callers.some((caller) => admits(after, caller) && !admits(before, caller));
      const fewer = callers.some((caller) => admits(before, caller) && !admits(after, caller));
      const right = classes.has("security") === more && (!fewer || classes.has("breaking") || more);
      return right ? [] : [`${JSON.stringify(before)} => ${JSON.stringify(after)}: ${[...classes]}`];
    }),
  );
  expect(wrong).toEqual([]);
});
