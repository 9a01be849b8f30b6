import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Route } from "../../core/spec.ts";
import { MaskPaths } from "../../json/well-known.ts";
import { opaque } from "./fields.ts";
import { isTree, keyIn, put, type Tree } from "./tree.ts";

/** Fills the FieldMask of an update in a tree that has its body and query, before the path. */
export type MaskFiller = (tree: Tree) => void;

/**
 * How a PATCH whose body is a message field gets the FieldMask that its caller left out: the fields that the body gives, except
 * those that the path gives. Undefined where the request has no field, or several, for it: `update_mask`, or one that ends so.
 *
 * Lists, maps and messages with a JSON form of their own are named as a whole. Source: grpc-gateway, "Patch feature"; AIP-134.
 */
export function compileMask(route: Route, schema: DescMessage): MaskFiller | undefined {
  const body = schema.fields.find(({ name }) => name === route.body);
  const masks = schema.fields.filter(isMask);
  const [mask] = masks.filter(({ name }) => /(^|_)mask$/.test(name));
  if (route.method !== "PATCH" || body?.fieldKind !== "message" || opaque(body.message)) return undefined;
  if (!mask || masks.length > 1) return undefined;
  const { message } = body;
  const inPath = new Set(
    route.variables.flatMap(({ field }) =>
      field.startsWith(`${body.name}.`) ? [field.slice(body.name.length + 1)] : [],
    ),
  );
  return (tree) => {
    const given = tree[keyIn(tree, body)];
    const before = tree[keyIn(tree, mask)];
    if (!isTree(given) || (before instanceof MaskPaths && before.paths.length > 0)) return;
    const paths = pathsOf(message, given, "").filter((path) => !inPath.has(path));
    if (paths.length > 0) put(tree, keyIn(tree, mask), new MaskPaths(paths));
  };
}

const isMask = ({ fieldKind, message }: DescField): boolean =>
  fieldKind === "message" && message?.typeName === "google.protobuf.FieldMask";

/** Deeper bodies are refused when they are read. */
const deepest = 100;

/** The leaves that a tree gives. Names that the message does not have are for its reader to refuse. */
function pathsOf(message: DescMessage, tree: Tree, start: string, depth = 0): string[] {
  return message.fields.flatMap((field) => {
    const key = keyIn(tree, field);
    if (!Object.hasOwn(tree, key)) return [];
    const path = start + field.name;
    const inner = tree[key];
    const isLeaf = field.fieldKind !== "message" || opaque(field.message) || !isTree(inner) || depth >= deepest;
    const deeper = isLeaf ? [] : pathsOf(field.message, inner, `${path}.`, depth + 1);
    return deeper.length > 0 ? deeper : [path];
  });
}
