import { closest } from "./closest.ts";
import type { Target, TargetOptions } from "./export/target.ts";
import { targets } from "./export/targets.ts";
import { GenerationError } from "./generation-error.ts";
import type { RestShape } from "./model.ts";
import type { TsProtoNaming } from "./names/ts-proto.ts";
import type { ProviderScheme } from "./openapi/security.ts";
import { restShape } from "./rest-shape.ts";

/** What the plugin was asked for. */
export interface Parameters {
  /** What generates the messages. Default: ts-proto. */
  readonly messages: "ts-proto" | "protobuf-es";
  /** What import paths of generated files end with, with its dot. Default: `.js`. */
  readonly importExtension: "" | ".js" | ".ts";
  /** Import path of the runtime. Default: `@protomesh/runtime`. */
  readonly runtime: string;
  readonly tsProto: TsProtoNaming;
  /** Whether methods without a rule get the route `POST /pkg.Service/Method`. Default: false. */
  readonly unannotated: boolean;
  /** Paths of files with rules that replace those of annotations. */
  readonly apiConfigurations: readonly string[];
  /** Whether OpenAPI documents are written: none, one for each proto file, or one for all. Default: none. */
  readonly openApi: "none" | "files" | "merged";
  /** Labels of google.api.visibility whose elements OpenAPI documents show. Default: none. */
  readonly visibility: readonly string[];
  /** What auth providers are, for OpenAPI documents. */
  readonly providers: readonly ProviderScheme[];
  /** How messages hold their fields, for clients for browsers. Undefined: no such clients are generated. */
  readonly rest: RestShape | undefined;
  /** Whether ts-proto takes names from `json_name`. */
  readonly useJsonName: boolean;
  /** Whether TypeScript is written. */
  readonly typeScript: boolean;
  /** What else is written. */
  readonly targets: readonly Target[];
  /** How it is written. */
  readonly targetOptions: TargetOptions;
  /** Path of a configuration file that says where services are and whom to trust, for targets. */
  readonly config: string | undefined;
  /** How ts-proto's messages hold their fields: `forceLong`, if given, or another way than by default. */
  readonly tsProtoFields: { readonly longs: string | undefined } | "other";
}

/** One line per parameter, for `--help`. */
export const parameterHelp: readonly (readonly [parameter: string, meaning: string])[] = [
  ["messages=ts-proto|protobuf-es", "what generates the messages; default ts-proto"],
  ["import_extension=js|ts|none", "what import paths end with; default js"],
  ["runtime=<path>", "import path of the runtime; default @protomesh/runtime"],
  ["unannotated=post", "gives methods without google.api.http the route POST /pkg.Service/Method"],
  ["grpc_api_configuration=<path>", "routes from a google.api.Service in YAML; its rules replace annotations"],
  ["openapi=true|merge", "writes OpenAPI 3.1: <file>_openapi.json next to each file, or openapi.json for all"],
  [
    "openapi_auth=<provider>:<kind>",
    "what an auth provider is: bearer, api_key, api_key:<header> or mtls; give one each",
  ],
  ["openapi_visibility=<label>", "shows what google.api.visibility restricts to this label; give one each"],
  ["rest=true", "writes <file>_rest.ts next to each file: REST clients for browsers"],
  ["target=ts", "TypeScript, the default. Others, one each, and ts with them when it is wanted:"],
  ...targets.map(({ name, summary }) => [`target=${name}`, summary] as const),
  ["service_config=spec|grpc-js", "who reads the files of target=service-config; default spec"],
  ["gateway=[<namespace>/]<name>", "the Gateway that routes of target=gateway-api hang on; default gateway"],
  ["config=<path>", "mesh.v1.Config as YAML or JSON: where services are and whom to trust, for other targets"],
  ["<ts-proto option>=<value>", "fileSuffix, importSuffix, typePrefix, typeSuffix, messagePrefix, messageSuffix,"],
  ["", "enumPrefix, enumSuffix, snakeToCamel, useSnakeTypeName and M<file>=<module>, as given to"],
  ["", "ts-proto; its options that change no names are accepted as well"],
];

const own = [
  "messages",
  "import_extension",
  "runtime",
  "unannotated",
  "grpc_api_configuration",
  "openapi",
  "openapi_auth",
  "openapi_visibility",
  "rest",
  "target",
  "service_config",
  "gateway",
  "config",
];
const suffixes = [
  "fileSuffix",
  "typePrefix",
  "typeSuffix",
  "messagePrefix",
  "messageSuffix",
  "enumPrefix",
  "enumSuffix",
] as const;
const naming: readonly string[] = [...suffixes, "importSuffix", "snakeToCamel", "useSnakeTypeName"];

/** Options of ts-proto that take away what generated code calls, with what they may be. */
const needed: { readonly [option: string]: { readonly allowed: string; readonly why: string } } = {
  onlyTypes: { allowed: "false", why: "messages without encode and decode cannot be sent" },
  nestJs: { allowed: "false", why: "it leaves out encode and decode, without which messages cannot be sent" },
  outputEncodeMethods: { allowed: "true", why: "messages without encode and decode cannot be sent" },
  outputEncodeIncludeTypes: { allowed: "", why: "every message of a method needs encode" },
  outputDecodeIncludeTypes: { allowed: "", why: "every message of a method needs decode" },
  emitImportedFiles: { allowed: "true", why: "messages of imported files are imported too" },
};

/** Options of ts-proto that generated code does not notice. */
const unnoticed: readonly string[] = (
  "addGrpcMetadata addNestjsRestParameter annotateFilesWithVersion anyType bigIntLiteral comments constEnums context " +
  "disableProto2DefaultValues disableProto2Optionals emitDefaultValues enumsAsLiterals env esModuleInterop " +
  "exportCommonSymbols forceLong globalThisPolyfill initializeFieldsAsUndefined lowerCaseServiceMethods metadataType " +
  "noDefaultsForOptionals oneof outputClientImpl outputExtensions outputIndex outputJsonMethods outputPartialMethods " +
  "outputSchema outputServices outputTypeAnnotations outputTypeRegistry protoJsonFormat removeEnumPrefix " +
  "returnObservable rpcAfterResponse rpcBeforeRequest rpcErrorHandler stringEnums unknownFields unrecognizedEnum " +
  "unrecognizedEnumName unrecognizedEnumValue useAbortSignal useAsyncIterable useContextDataloaders useDate useDuration " +
  "useExactTypes useJsTypeOverride useJsonName useJsonTimestamp useJsonWireFormat useMapType useMongoObjectId " +
  "useNestjsFqnServiceName useNullAsOptional useNumericEnumForJson useOptionals usePrototypeForDefaults " +
  "useReadonlyTypes useUnknownForValue"
).split(" ");

/** Options of ts-proto that change what a rule reads; what they are by default, or at most for messages, changes nothing. */
const changing = [
  "noDefaultsForOptionals",
  "stringEnums",
  "useJsonName",
  "useMapType",
  "useMongoObjectId",
  "useOptionals",
];

/**
 * Reads the parameter that the compiler hands over: `key=value` pairs, separated by commas.
 *
 * Throws `GenerationError` with everything that is wrong about it.
 */
export function parseParameters(parameter: string): Parameters {
  const given = new Given();
  for (const pair of parameter.split(",").filter((part) => part !== "")) given.add(pair);
  const messages = given.choice("messages", ["ts-proto", "protobuf-es"], "ts-proto");
  const extension = given.choice("import_extension", ["js", "ts", "none"], "js");
  const importExtension = extension === "none" ? "" : (`.${extension}` as const);
  const unannotated = given.choice("unannotated", ["none", "post"], "none") === "post";
  const openApi = given.choice("openapi", ["false", "true", "merge"], "false");
  const providers = given.all("openapi_auth").flatMap((text) => given.provider(text));
  const rest = given.rest(messages);
  const wanted = given.targets();
  const serviceConfig = given.choice("service_config", ["spec", "grpc-js"], "spec");
  const gateway = given.gateway();
  given.check(messages);
  given.fail();
  const value = (key: string) => given.last(key) ?? "";
  const keys = given.all("snakeToCamel").flatMap((text) => text.split("_"));
  return {
    messages,
    importExtension,
    runtime: given.last("runtime") ?? "@protomesh/runtime",
    tsProto: {
      ...(Object.fromEntries(suffixes.map((key) => [key, value(key)])) as { [K in (typeof suffixes)[number]]: string }),
      importSuffix: given.last("importSuffix") ?? importExtension,
      camelCaseNames: keys.length === 0 || keys.includes("keys") || keys.includes("true"),
      useSnakeTypeName: given.last("useSnakeTypeName") !== "false",
      modules: given.modules,
    },
    unannotated,
    apiConfigurations: given.all("grpc_api_configuration"),
    openApi: ({ false: "none", true: "files", merge: "merged" } as const)[openApi],
    visibility: given.all("openapi_visibility"),
    providers,
    rest,
    useJsonName: given.last("useJsonName") === "true",
    typeScript: wanted.includes("ts"),
    targets: targets.filter(({ name }) => wanted.includes(name)),
    targetOptions: { serviceConfig, gateway },
    config: given.last("config"),
    tsProtoFields: changing.some((option) => !["", "false", "none", "messages"].includes(value(option)))
      ? "other"
      : { longs: given.last("forceLong") },
  };
}

/** The pairs as they came, and what is wrong with them. */
class Given {
  readonly modules = new Map<string, string>();
  readonly #values = new Map<string, string[]>();
  readonly #wrong: string[] = [];

  add(pair: string): void {
    const at = pair.indexOf("=");
    const key = at < 0 ? pair : pair.slice(0, at);
    const value = at < 0 ? "" : pair.slice(at + 1);
    const known = [...own, ...naming, ...Object.keys(needed), ...unnoticed];
    if (at < 0) this.#wrong.push(`parameter ${key} has no value: write ${key}=<value>`);
    else if (known.includes(key)) this.#values.set(key, [...this.all(key), value]);
    else if (/^M.*\.proto$/.test(key)) this.modules.set(key.slice(1), value);
    else this.#wrong.push(unknown(key, known));
  }

  all(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  last(key: string): string | undefined {
    return this.all(key).at(-1);
  }

  choice<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
    const value = this.last(key) ?? fallback;
    if (allowed.includes(value as T)) return value as T;
    this.#wrong.push(`parameter ${key}=${value}: use ${allowed.map((one) => `${key}=${one}`).join(" or ")}`);
    return fallback;
  }

  provider(text: string): ProviderScheme[] {
    const [provider = "", kind = "", header, ...more] = text.split(":");
    const known = kind === "bearer" || kind === "mtls" ? header === undefined : kind === "api_key" && header !== "";
    if (provider !== "" && known && more.length === 0)
      return [{ provider, kind: kind as ProviderScheme["kind"], header }];
    this.#wrong.push(
      `parameter openapi_auth=${text}: write <provider>:bearer, <provider>:api_key, <provider>:api_key:<header> or <provider>:mtls`,
    );
    return [];
  }

  rest(messages: Parameters["messages"]): RestShape | undefined {
    if (this.choice("rest", ["false", "true"], "false") === "false") return undefined;
    const { shape, wrong } = restShape((option) => this.last(option));
    if (messages === "protobuf-es")
      wrong.push("parameter rest=true: REST clients are there for messages of ts-proto; remove it");
    this.#wrong.push(...wrong);
    return shape;
  }

  targets(): readonly string[] {
    const wanted = this.all("target");
    const known = ["ts", ...targets.map(({ name }) => name)];
    for (const target of wanted.filter((one) => !known.includes(one))) {
      const script = /^(?:js|dts)$/.test(target)
        ? "; JavaScript comes from compiling the output with your own sources"
        : "";
      this.#wrong.push(`parameter target=${target}: use one of ${known.join(", ")}${script}`);
    }
    return wanted.length === 0 ? ["ts"] : wanted;
  }

  gateway(): string {
    const text = this.last("gateway") ?? "gateway";
    if (!/^(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\/)?[a-z\d](?:[a-z\d.-]*[a-z\d])?$/.test(text))
      this.#wrong.push(`parameter gateway=${text}: write the name of a Gateway, or <namespace>/<name>`);
    return text;
  }

  check(messages: Parameters["messages"]): void {
    if (this.last("runtime") === "") this.#wrong.push("parameter runtime= is empty: give an import path or remove it");
    for (const [option, { allowed, why }] of Object.entries(needed)) {
      const value = this.last(option) ?? allowed;
      if (value !== allowed && messages === "ts-proto") {
        this.#wrong.push(`parameter ${option}=${value}: ${why}; remove it here and from ts-proto's parameters`);
      }
    }
    const idle = naming.filter((option) => this.last(option) !== undefined);
    if (this.modules.size > 0) idle.push("M<file>");
    if (messages === "protobuf-es" && idle.length > 0) {
      this.#wrong.push(`parameters of ts-proto with messages=protobuf-es: remove ${idle.join(", ")}`);
    }
    this.choice("useSnakeTypeName", ["true", "false"], "true");
    for (const value of this.all("snakeToCamel").flatMap((text) => text.split("_"))) {
      if (!["true", "false", "keys", "json"].includes(value))
        this.#wrong.push(`parameter snakeToCamel=${value}: use true, false, keys, json or keys_json`);
    }
  }

  fail(): void {
    if (this.#wrong.length > 0) throw new GenerationError(this.#wrong.join("\n"));
  }
}

function unknown(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  const hint =
    meant === undefined ? `known are ${own.join(", ")} and the options of ts-proto` : `did you mean ${meant}?`;
  return `unknown parameter ${key}: ${hint}`;
}
