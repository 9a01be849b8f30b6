import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { GenerationError } from "../generation-error.ts";
import {
  CheckRequestSchema,
  CheckResponseSchema,
  GetPluginInfoResponseSchema,
  ListCategoriesRequestSchema,
  ListCategoriesResponseSchema,
  ListRulesRequestSchema,
  ListRulesResponseSchema,
  RequestSchema,
  ResponseSchema,
  SpecSchema,
} from "./gen/check_pb.js";
import { categories, rules } from "./rules.ts";

type Procedure = (request: Uint8Array) => Promise<Response>;

interface Response {
  /** As `google.protobuf.Any` names it. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

const check = "buf.plugin.check.v1.CheckService";

/** What buf may call, by its path. */
const procedures: ReadonlyMap<string, Procedure> = new Map<string, Procedure>([
  [`/${check}/Check`, async (bytes) => respond(CheckResponseSchema, await checked(bytes))],
  [
    `/${check}/ListRules`,
    async (bytes) => {
      const page = pageOf(rules, decode(ListRulesRequestSchema, bytes));
      return respond(ListRulesResponseSchema, { rules: page.items, nextPageToken: page.next });
    },
  ],
  [
    `/${check}/ListCategories`,
    async (bytes) => {
      const page = pageOf(categories, decode(ListCategoriesRequestSchema, bytes));
      return respond(ListCategoriesResponseSchema, { categories: page.items, nextPageToken: page.next });
    },
  ],
  [
    "/buf.plugin.info.v1.PluginInfoService/GetPluginInfo",
    async () => ({ ...respond(GetPluginInfoResponseSchema, info), type: "buf.plugin.info.v1.GetPluginInfoResponse" }),
  ],
]);

const info = {
  pluginInfo: {
    documentation: "Checks the options of mesh.v1: timeouts, retries, limits, auth and routes.",
    license: { spdxLicenseId: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
  },
};

/** The encoded list of procedures. */
export const specification = (): Uint8Array =>
  toBinary(SpecSchema, create(SpecSchema, { procedures: [...procedures.keys()].map((path) => ({ path })) }));

// Numbers of google.rpc.Code.
const invalidArgument = 3;
const unimplemented = 12;
const internal = 13;

/** Answers an encoded request by an encoded response, which says so when something went wrong. */
export async function answer(path: string, request: Uint8Array): Promise<Uint8Array> {
  const procedure = procedures.get(path);
  if (!procedure) return failure(unimplemented, `there is no procedure ${path}`);
  try {
    const { value } = decode(RequestSchema, request);
    const { type, bytes } = await procedure(value?.value ?? new Uint8Array());
    const any = create(AnySchema, { typeUrl: `type.googleapis.com/${type}`, value: bytes });
    return toBinary(ResponseSchema, create(ResponseSchema, { value: any }));
  } catch (error) {
    if (error instanceof GenerationError) return failure(invalidArgument, error.message);
    return failure(internal, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

const failure = (code: number, message: string): Uint8Array =>
  toBinary(ResponseSchema, create(ResponseSchema, { error: { code, message } }));

function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new GenerationError(`the input is no ${schema.name} of buf's plugin protocol`, { cause });
  }
}

const respond = <Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Response => ({
  type: schema.typeName,
  bytes: toBinary(schema, create(schema, init)),
});

async function checked(bytes: Uint8Array): Promise<MessageInitShape<typeof CheckResponseSchema>> {
  const { annotationsFor } = await import("./check.ts");
  return { annotations: annotationsFor(decode(CheckRequestSchema, bytes)) };
}

/** A page, at most as long as asked for. A token is where the next page begins. */
function pageOf<T>(
  items: readonly T[],
  { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string },
): { readonly items: T[]; readonly next: string } {
  const start = pageToken === "" ? 0 : Number(pageToken);
  if (!Number.isInteger(start) || start < 0 || start > items.length)
    throw new GenerationError(`${JSON.stringify(pageToken)} is no page token of this plugin`);
  const end = start + Math.min(pageSize || 250, 1000);
  return { items: items.slice(start, end), next: end < items.length ? String(end) : "" };
}
