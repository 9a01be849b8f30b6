import type { Contract, MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";
import { descriptorsOf } from "./descriptors.ts";
import { extension, filterNames, type Part } from "./part.ts";

type Route = MethodContract["routes"][number];

/** REST for gRPC servers. Source: envoy.extensions.filters.http.grpc_json_transcoder.v3. */
export function transcoderFilter(contract: Contract, losses: Losses): Part[] {
  const able = ({ routes }: MethodContract) => routes.filter((route) => !unable(route));
  const services = contract.services.filter(({ methods }) => methods.some((method) => able(method).length > 0));
  for (const { methods } of contract.services) for (const method of methods) reportRoutes(method, losses);
  if (services.length === 0) return [];
  return [
    {
      name: filterNames.transcoder,
      typed_config: extension("filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder", {
        services: services.map(({ name }) => name),
        proto_descriptor_bin: Buffer.from(descriptorsOf(services, able)).toString("base64"),
        ignore_unknown_query_parameters: true,
        convert_grpc_status: true,
        print_options: { always_print_primitive_fields: true, stream_newline_delimited: true },
      }),
    },
  ];
}

/** Why a route cannot be there; undefined when it can. */
function unable({ responseBody }: Route): string | undefined {
  return responseBody === undefined ? undefined : "Envoy cannot answer with a part of a reply";
}

/** What of `http` the transcoder does otherwise. */
const otherwise: { readonly [field: string]: string } = {
  success_status: "Envoy answers with 200",
  headers: "Envoy fills no fields from headers",
  unknown_query: "Envoy ignores parameters that no field has",
  unknown_json: "Envoy treats JSON fields that the request does not have in its own way",
  stream: "Envoy frames streams as JSON lines",
  etag: "Envoy writes no entity tags",
};

function reportRoutes(method: MethodContract, losses: Losses): void {
  for (const [field, text] of Object.entries(otherwise))
    if (method.origins.has(`http.${field}`)) losses.add(method, `http.${field}`, text);
  for (const route of method.routes) {
    const why = unable(route);
    if (why !== undefined) losses.at(method.place, `${why}: ${route.method} ${route.template} is not there`);
  }
}
