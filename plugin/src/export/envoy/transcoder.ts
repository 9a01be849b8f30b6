import { hasOption } from "@bufbuild/protobuf";
import type { Contract, MethodContract } from "../../contract/contract.ts";
import { http } from "../../gen/google/api/annotations_pb.js";
import type { Losses } from "../shared/losses.ts";
import { extension, filterNames, type Part } from "./part.ts";

/** REST for gRPC servers. Source: envoy.extensions.filters.http.grpc_json_transcoder.v3. */
export function transcoderFilter({ services, image }: Contract, losses: Losses): Part[] {
  const names = services.filter(({ methods }) => methods.some(hasRoutes)).map(({ name }) => name);
  if (names.length === 0) return [];
  const methods = services.flatMap((service) => service.methods.filter(hasRoutes));
  const generic = methods.some(
    (method) => !annotated(method) && method.routes.some((route) => isGeneric(route, method)),
  );
  for (const method of methods) reportRoutes(method, losses);
  return [
    {
      name: filterNames.transcoder,
      typed_config: extension("filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder", {
        services: names,
        proto_descriptor_bin: Buffer.from(image()).toString("base64"),
        ...(generic && { auto_mapping: true }),
        ignore_unknown_query_parameters: true,
        convert_grpc_status: true,
        print_options: { always_print_primitive_fields: true, stream_newline_delimited: true },
      }),
    },
  ];
}

const hasRoutes = ({ routes }: MethodContract): boolean => routes.length > 0;
const annotated = ({ desc }: MethodContract): boolean => hasOption(desc, http);
const isGeneric = ({ method, template }: MethodContract["routes"][number], { path }: MethodContract): boolean =>
  method === "POST" && template === path;

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
  if (!annotated(method) && !method.routes.some((route) => isGeneric(route, method)))
    losses.at(method.place, "Envoy takes routes from annotations: those of an API configuration are not there");
}
