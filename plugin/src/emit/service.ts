import { type Code, code, joinCode } from "ts-poet";
import type { FileModel, MessageModel, MethodModel, RuleModel, ServiceModel } from "../model.ts";
import { doc } from "./doc.ts";
import { block, column, properties, property, propertyKey, text } from "./literal.ts";
import type { Output } from "./output.ts";

/** What all sections of a file share. */
export interface Scope {
  readonly output: Output;
  readonly model: FileModel;
  /** Import path of the runtime. */
  readonly runtime: string;
  /** The constant that holds the file's descriptors. */
  readonly descriptors: { readonly name: string; readonly mark: string };
}

/** The interface that implementations and clients share. */
export function serviceInterface(service: ServiceModel, scope: Scope): Code {
  const methods = service.methods.map((method) => signature(method, scope));
  if (methods.length === 0)
    return code`${doc(service.doc)}export type ${scope.output.own(service.name)} = Record<never, never>;`;
  return code`
    ${doc(service.doc)}export interface ${scope.output.own(service.name)} {
    ${joinCode(methods, { on: "\n\n" })}
    }`;
}

function signature({ key, kind, request, reply, doc: docs }: MethodModel, scope: Scope): Code {
  const { output, runtime } = scope;
  const stream = language("AsyncIterable", scope);
  const input = output.type(request.type);
  const answer = output.type(reply.type);
  const streamsIn = kind === "clientStream" || kind === "bidi";
  const streamsOut = kind === "serverStream" || kind === "bidi";
  const options = output.type({ name: "CallOptions", from: runtime });
  const result = streamsOut ? `${stream}<${answer}>` : `${language("Promise", scope)}<${answer}>`;
  return code`${doc(docs)}${propertyKey(key)}(request: ${streamsIn ? `${stream}<${input}>` : input}, options?: ${options}): ${result};`;
}

/** A name of the language, which no import takes. A service may: then it is reached through globalThis. */
function language(name: string, { output, model }: Scope): string {
  return model.services.some((service) => service.name === name) ? `globalThis.${name}` : output.own(name);
}

/** The service as data. */
export function serviceConstant(service: ServiceModel, scope: Scope): Code {
  const { output, runtime, descriptors } = scope;
  const name = output.own(service.name);
  const spec = output.type({ name: "ServiceSpec", from: runtime });
  const define = output.value({ name: "defineService", from: runtime });
  const data = block([
    property("format", "1"),
    property("name", text(service.typeName)),
    descriptors.name === "descriptors" ? descriptors.mark : property("descriptors", descriptors.mark),
    property("methods", block(service.methods.map((method) => property(method.key, methodData(method, scope))))),
  ]);
  const docs = doc({
    comment: `\`${service.typeName}\` as the runtime sees it: codecs, resolved policy and routes.`,
    deprecated: service.doc.deprecated,
  });
  return code`
    ${docs}export const ${name}: ${spec}<${name}> = /*@__PURE__*/ ${define}<${name}>(${data});`;
}

function methodData(method: MethodModel, scope: Scope): string {
  const { name, kind, idempotency, routes } = method;
  const policy = properties(method.policy);
  return block([
    property("name", text(name)),
    property("kind", text(kind)),
    ...(idempotency ? [property("idempotency", text(idempotency))] : []),
    property("request", codec(method.request, scope)),
    property("reply", codec(method.reply, scope)),
    ...(policy.length > 0 ? [property("policy", block(policy))] : []),
    ...(method.authRule ? [property("authRule", rule(method.authRule, method.request, scope))] : []),
    ...(routes.length > 0 ? [property("routes", column(routes.map((route) => block(properties(route)))))] : []),
  ]);
}

/** A rule as its text and its translation. A message that is not what the translation takes it for does not compile. */
function rule({ cel, readsAuth, readsRequest, condition }: RuleModel, request: MessageModel, scope: Scope): string {
  const { output, runtime } = scope;
  const auth = readsAuth ? "auth" : "_auth";
  const parameters = readsRequest ? `${auth}, request: ${output.type(request.type)}` : readsAuth ? auth : "";
  const code = condition.map((piece, n) => (n % 2 === 0 ? piece : output.value({ name: piece, from: runtime })));
  return block([property("cel", text(cel)), property("allows", `(${parameters}) => ${code.join("")}`)]);
}

function codec(message: MessageModel, { output, runtime }: Scope): string {
  const make = output.value({ name: message.codecOf, from: runtime });
  const from = output.value(message.codec);
  return message.codecOf === "esCodec" ? `${make}(${from})` : `${make}(${text(message.typeName)}, ${from})`;
}

/** The function that makes a client. */
export function clientFactory(service: ServiceModel, { output, runtime }: Scope): Code {
  const name = output.own(service.name);
  // A service may be called like a parameter.
  const [target, options] = ["target", "options"].map((word) => (word === service.name ? `${word}$` : word));
  const targetType = output.type({ name: "Target", from: runtime });
  const optionsType = output.type({ name: "ClientOptions", from: runtime });
  const create = output.value({ name: "createClient", from: runtime });
  const docs = doc({
    comment: `A client of \`${service.typeName}\`: the same interface, with its policy applied.`,
    deprecated: service.doc.deprecated,
  });
  return code`
    ${docs}export function ${output.own(service.factory)}(${target}: ${targetType}, ${options}?: ${optionsType}): ${name} {
    return ${create}(${name}, ${target}, ${options});
    }`;
}
