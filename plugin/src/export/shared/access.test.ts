import type { AuthConfig } from "@protomesh/runtime/policies";
import { expect, test } from "vitest";
import { type Provider, unknownDeployment } from "../deployment.ts";
import { accessOf, hasKeys } from "./access.ts";

const jwt: Provider = {
  kind: "jwt",
  issuer: "https://a",
  audiences: [],
  jwksUri: "https://a/keys",
  jwks: undefined,
  clockSkewSeconds: 60,
  subjectClaim: "sub",
  scopesClaim: "scope",
};
const key: Provider = { kind: "api_key", header: "x-api-key" };
const deployment = {
  ...unknownDeployment,
  providers: new Map<string, Provider>([
    ["staff", jwt],
    ["keys", key],
    ["secret", { ...jwt, jwksUri: undefined }],
  ]),
};
const auth = (more: Partial<AuthConfig>): AuthConfig => ({
  access: "AUTHENTICATED",
  providers: [],
  scopes: [],
  audiences: [],
  ...more,
});

test("without auth, and with DENY, nobody may call", () => {
  expect(accessOf(undefined, deployment)).toEqual({ kind: "nobody" });
  expect(accessOf(auth({ access: "DENY" }), deployment)).toEqual({ kind: "nobody" });
});

test("everybody may call what is PUBLIC, and no token is looked at unless providers are named", () => {
  expect(accessOf(auth({ access: "PUBLIC" }), deployment)).toEqual({
    kind: "everybody",
    jwt: [],
    unchecked: [],
  });
  expect(accessOf(auth({ access: "PUBLIC", providers: ["staff", "keys", "gone"] }), deployment)).toEqual({
    kind: "everybody",
    jwt: [{ name: "staff", ...jwt }],
    unchecked: ["keys", "gone"],
  });
});

test("without names all providers know callers, and names that the deployment lacks are told", () => {
  expect(accessOf(auth({ scopes: ["a"] }), deployment)).toMatchObject({
    kind: "known",
    jwt: [{ name: "staff" }, { name: "secret" }],
    apiKey: [{ name: "keys" }],
    mtls: [],
    missing: [],
    scopes: ["a"],
  });
  expect(accessOf(auth({ providers: ["keys", "gone"] }), deployment)).toMatchObject({ jwt: [], missing: ["gone"] });
});

test("without a configuration nobody is known", () => {
  expect(accessOf(auth({}), unknownDeployment)).toMatchObject({ kind: "known", jwt: [], apiKey: [], mtls: [] });
});

test("tokens that are signed by a secret have no keys to give away", () => {
  const access = accessOf(auth({}), deployment);
  expect(access.kind === "known" && access.jwt.map(hasKeys)).toEqual([true, false]);
});
