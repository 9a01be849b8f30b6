import { bearer, type Case, counted } from "./case.ts";

/** Who may call. */
export const auth: readonly Case[] = [
  {
    name: "no token: who are you",
    run: (point, id) => counted(point, id, point.grpc("Read", { id })),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that is none",
    run: (point, id) => counted(point, id, point.grpc("Read", { id }, bearer("x.y.z"))),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that has been changed",
    async run(point, id) {
      const [head, , signature] = (await point.token({ scope: "none" })).split(".");
      const [, body] = (await point.token({ scope: "read" })).split(".");
      return counted(point, id, point.grpc("Read", { id }, bearer(`${head}.${body}.${signature}`)));
    },
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that is over",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ scope: "read" }, "-5m")))),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
  },
  {
    name: "a token that names nobody",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ sub: "", scope: "read" })))),
    expected: { code: "UNAUTHENTICATED", attempts: 0 },
    envoy: {
      expected: { code: "PERMISSION_DENIED", attempts: 0 },
      because: "to Envoy the token is good, and what it says is looked at afterwards",
    },
  },
  {
    name: "a token without the scope",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ scope: "reader write" })))),
    expected: { code: "PERMISSION_DENIED", attempts: 0 },
  },
  {
    name: "a good token with the scope among others",
    run: async (point, id) =>
      counted(point, id, point.grpc("Read", { id }, bearer(await point.token({ scope: "write read" })))),
    expected: { code: "OK", attempts: 1 },
  },
  {
    name: "scopes as a list, and under the other name",
    async run({ grpc, token }, id) {
      const ask = async (claims: object) => (await grpc("Read", { id }, bearer(await token({ ...claims })))).code;
      return [await ask({ scope: ["write", "read"] }), await ask({ scp: "read" }), await ask({ scp: ["reading"] })];
    },
    expected: ["OK", "OK", "PERMISSION_DENIED"],
  },
  {
    name: "a token for another audience",
    async run({ grpc, token }, id) {
      const ask = async (aud: unknown) => (await grpc("Meant", { id }, bearer(await token({ aud })))).code;
      return [await ask("other"), await ask("mirror"), await ask(["other", "mirror"])];
    },
    expected: ["PERMISSION_DENIED", "OK", "OK"],
  },
  {
    name: "PUBLIC asks nobody, and does not look at what callers show",
    run: async ({ grpc }, id) => [
      (await grpc("Open", { id })).code,
      (await grpc("Open", { id }, bearer("x.y.z"))).code,
    ],
    expected: ["OK", "OK"],
  },
  {
    name: "PUBLIC with a provider takes nobody, and no bad token",
    run: async ({ grpc, token }, id) => [
      (await grpc("Greeted", { id })).code,
      (await grpc("Greeted", { id }, bearer(await token({})))).code,
      (await grpc("Greeted", { id }, bearer("x.y.z"))).code,
    ],
    expected: ["OK", "OK", "UNAUTHENTICATED"],
  },
  {
    name: "DENY lets nobody in",
    run: async (point, id) =>
      counted(point, id, point.grpc("Closed", { id }, bearer(await point.token({ scope: "read" })))),
    expected: { code: "PERMISSION_DENIED", attempts: 0 },
  },
  {
    name: "by HTTP: 401, 403, 200, and a token in the query counts for nothing",
    async run({ http, token }, id) {
      const ask = async (headers: { readonly [name: string]: string }, query = "") =>
        (await http("GET", `/v1/guarded/${id}${query}`, { headers })).status;
      const good = await token({ scope: "read" });
      return [
        await ask({}),
        await ask(bearer(await token({}))),
        await ask(bearer(good)),
        await ask({}, `?access_token=${good}`),
      ];
    },
    expected: [401, 403, 200, 401],
  },
];
