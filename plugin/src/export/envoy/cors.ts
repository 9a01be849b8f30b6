import type { Cors } from "../deployment.ts";
import { extension, filterNames, type Part } from "./part.ts";

/** Which pages may call. Source: envoy.extensions.filters.http.cors.v3. */
export function corsFilter(cors: Cors | undefined): Part[] {
  return cors ? [{ name: filterNames.cors, typed_config: extension("filters.http.cors.v3.Cors") }] : [];
}

/** What all routes say of it. */
export function corsPolicy(cors: Cors | undefined): Part {
  if (!cors) return {};
  const { origins, headers, exposeHeaders, credentials, maxAgeSeconds } = cors;
  return {
    [filterNames.cors]: extension("filters.http.cors.v3.CorsPolicy", {
      allow_origin_string_match: origins.map(matcherOf),
      allow_methods: "GET, HEAD, POST, PUT, PATCH, DELETE",
      allow_headers: ["authorization", "content-type", "x-api-key", ...headers].join(", "),
      expose_headers: ["grpc-status", "grpc-message", ...exposeHeaders].join(", "),
      allow_credentials: credentials,
      max_age: String(maxAgeSeconds),
    }),
  };
}

function matcherOf(origin: string): Part {
  if (origin === "*") return { safe_regex: { regex: ".*" } };
  if (!origin.includes("*")) return { exact: origin };
  const pattern = origin.split("*").map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return { safe_regex: { regex: pattern.join("[^/:]+") } };
}
