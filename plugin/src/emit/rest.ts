import type { GeneratedFile } from "@bufbuild/protoplugin";
import { type Code, code, joinCode } from "ts-poet";
import type { FileModel, MethodModel, RestModel, ServiceModel } from "../model.ts";
import { doc } from "./doc.ts";
import { block, column, literal, properties, property, text } from "./literal.ts";
import { Output } from "./output.ts";

/** Prints the clients of a file's services for browsers: tables of its messages, and a function per service. */
export function emitRest(model: FileModel, rest: RestModel, file: GeneratedFile, runtime: string): void {
  const output = new Output(file, rest.output);
  const from = `${runtime}/rest`;
  const tables = output.own("tables");
  const checks = output.own("Checks");
  const lines = rest.checks.flatMap(({ type, fields }) =>
    fields.map(({ key, type: needed }) => {
      const field = `${output.type(type)}[${text(key)}]`;
      return `readonly ${text(`${type.name}.${key}`)}: ${output.type({ name: "Fits", from })}<${field}, ${needed}>;`;
    }),
  );
  const data = block([
    property("shape", literal(rest.shape)),
    property("messages", block(rest.messages.map(({ typeName, fields }) => property(typeName, literal(fields))))),
    property("enums", block(rest.enums.map(({ typeName, values }) => property(typeName, block(properties(values)))))),
  ]);
  if (lines.length > 0) {
    output.print(code`
      /** What ts-proto must have made of these fields: otherwise this file does not compile. */
      interface ${checks} {
      ${lines.join("\n")}
      }`);
  }
  output.print(code`
    /** The messages of these services as ProtoJSON has them. */
    const ${tables}: ${output.type({ name: "Tables", from })}${lines.length > 0 ? `<${checks}>` : ""} = ${data};

    ${joinCode(
      model.services.map((service) => client(service, rest, output, from, tables)),
      { on: "\n\n" },
    )}
  `);
}

function client(service: ServiceModel, rest: RestModel, output: Output, from: string, tables: string): Code {
  // A service may be called like the parameter.
  const options = output.own(service.name === "options" ? "options$" : "options");
  const contract = output.type({ name: service.name, from: rest.mesh });
  const methods = output.own(`methodsOf${service.name}`);
  const methodsType = `${output.type({ name: "RestMethods", from })}<${contract}>`;
  const docs = doc({
    comment: `A client of \`${service.typeName}\` over its HTTP routes, for browsers: the same interface.`,
    deprecated: service.doc.deprecated,
  });
  const data = block(service.methods.map((one) => property(one.key, method(one, service))));
  return code`
    const ${methods}: ${methodsType} = ${data};

    ${docs}export function ${output.own(restFactory(service))}(${options}?: ${output.type({ name: "RestOptions", from })}): ${contract} {
    return ${output.value({ name: "createRestClient", from })}(${methods}, ${tables}, ${options});
    }`;
}

const restFactory = ({ factory }: ServiceModel) => factory.replace(/Client(\$*)$/, "RestClient$1");

function method({ name, kind, request, reply, policy, routes }: MethodModel, service: ServiceModel): string {
  const { totalMs, maxMs } = (policy.timeout ?? {}) as { readonly totalMs?: number; readonly maxMs?: number };
  const longest = Math.min(totalMs ?? Number.POSITIVE_INFINITY, maxMs ?? Number.POSITIVE_INFINITY);
  const { headers = [] } = (policy.http ?? {}) as { readonly headers?: readonly unknown[] };
  return block([
    property("path", text(`/${service.typeName}/${name}`)),
    property("kind", text(kind)),
    property("request", text(request.typeName)),
    property("reply", text(reply.typeName)),
    ...(longest < Number.POSITIVE_INFINITY ? [property("timeoutMs", String(longest))] : []),
    ...(headers.length > 0 ? [property("headers", literal(headers))] : []),
    property("routes", column(routes.map(({ template: _, ...route }) => block(properties(route))))),
  ]);
}
