import { bearer, type Case, counted } from "./case.ts";

/** Rates, sizes and what runs at once. */
export const limits: readonly Case[] = [
  {
    name: "a limit lets its burst pass and refuses what is more, by what tells callers apart",
    async run({ grpc }, id) {
      const ask = async (tenant: string) => (await grpc("Rare", { id }, { "x-tenant": tenant })).code;
      return [await ask("a"), await ask("a"), await ask("a"), await ask("b")];
    },
    expected: ["OK", "OK", "RESOURCE_EXHAUSTED", "OK"],
  },
  {
    name: "calls without a value share a bucket, and by HTTP it is status 429",
    async run({ http }, id) {
      const ask = async () => (await http("GET", `/v1/rare/${id}`)).status;
      return [await ask(), await ask(), await ask()];
    },
    expected: [200, 200, 429],
  },
  {
    name: "a limit of the service is shared by its methods",
    async run({ grpc }, id) {
      const ask = async (method: string) => (await grpc(method, { id })).code;
      return [await ask("One"), await ask("Other"), await ask("One"), await ask("Other")];
    },
    expected: ["OK", "OK", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"],
  },
  {
    name: "a limit by principal is each caller's own",
    async run({ grpc, token }, id) {
      const ask = async (sub: string) => (await grpc("Own", { id }, bearer(await token({ sub })))).code;
      return [await ask("ada"), await ask("ada"), await ask("bob")];
    },
    expected: ["OK", "RESOURCE_EXHAUSTED", "OK"],
  },
  {
    name: "a limit of the service counts callers also where its first method knows none",
    async run({ grpc, token }, id) {
      const ask = async (sub: string) => (await grpc("Each", { id }, bearer(await token({ sub })))).code;
      return [await ask("ada"), await ask("ada"), await ask("bob")];
    },
    expected: ["OK", "RESOURCE_EXHAUSTED", "OK"],
  },
  {
    name: "a shadow refuses nobody",
    async run({ grpc }, id) {
      return [(await grpc("Watched", { id })).code, (await grpc("Watched", { id })).code];
    },
    expected: ["OK", "OK"],
  },
  {
    name: "a request that is too large does not reach the backend",
    run: (point, id) => counted(point, id, point.grpc("Small", { id, text: "x".repeat(300_000) })),
    expected: { code: "RESOURCE_EXHAUSTED", attempts: 0 },
    envoy: {
      expected: { code: "UNKNOWN", attempts: 0 },
      because: "Envoy refuses with status 413, for which gRPC has no code",
    },
  },
  {
    name: "a request that is not too large passes",
    run: (point, id) => counted(point, id, point.grpc("Small", { id, text: "x".repeat(90_000) })),
    expected: { code: "OK", attempts: 1 },
  },
  {
    name: "a limit that follows the latency lets calls pass",
    run: async ({ grpc }, id) => (await grpc("Measured", { id })).code,
    expected: "OK",
  },
  {
    name: "what runs at once is limited",
    async run({ grpc, backend }, id) {
      backend.does(id, "hang");
      const first = grpc("Alone", { id });
      await backend.came(id, 1);
      const second = await grpc("Alone", { id: `${id} second` });
      backend.release(id);
      return [(await first).code, second.code, backend.attempts(`${id} second`)];
    },
    expected: ["OK", "UNAVAILABLE", 0],
  },
];
