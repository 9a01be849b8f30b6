import type { IncomingHttpHeaders } from "node:http";
import type { DescField, DescMessage, Registry } from "@bufbuild/protobuf";
import type { HttpConfig } from "../../policies/index.ts";
import { badRequest } from "../errors.ts";
import { type FieldPath, findField } from "./fields.ts";
import { TextError } from "./text.ts";
import { descend, isTree, keyIn, put, type Tree } from "./tree.ts";
import { type TextWriter, textWriter } from "./write-text.ts";

/** A header, and how it is put into its field. */
export interface BoundHeader {
  readonly header: string;
  readonly path: FieldPath;
  readonly write: TextWriter;
}

/** Puts headers into fields of the request. */
export interface HeaderBinder {
  /** Of what the body has left open, that which a header fills. To be asked before anything else is put into the tree. */
  open(tree: Tree, headers: IncomingHttpHeaders): readonly BoundHeader[];
  /** Fills those fields, whatever the query has put there. Throws HttpError 400, which names the header. */
  fill(tree: Tree, headers: IncomingHttpHeaders, open: readonly BoundHeader[]): void;
}

/**
 * Compiles how a method takes fields from headers; undefined when it takes none. What the body says of a field, or of another
 * member of its oneof, counts more.
 *
 * A repeated header fills a repeated field, in one line with commas or in several: both are the same in HTTP. Source: RFC
 * 9110, 5.3.
 */
export function compileHeaders(
  schema: DescMessage,
  registry: Registry,
  { headers: bindings = [] }: HttpConfig,
): HeaderBinder | undefined {
  if (bindings.length === 0) return undefined;
  const all = bindings.map(({ header, field }): BoundHeader => {
    const lookup = findField(schema, field.split("."));
    if (lookup.kind !== "found")
      throw new Error(`http.headers names ${field}, which ${schema.typeName} does not have: generate the code again`);
    return { header, path: lookup.path, write: textWriter(lookup.path, registry, true) };
  });
  return {
    open: (tree, headers) => all.filter(({ header, path }) => Object.hasOwn(headers, header) && !isGiven(tree, path)),
    fill(tree, headers, open) {
      for (const { header, path, write } of open) {
        const text = String(headers[header]);
        const { field, parents } = path;
        const isList = field.fieldKind === "list";
        const owner = isList && descend(tree, parents, true);
        if (owner) put(owner, keyIn(owner, field), []);
        try {
          if (!isList) write(tree, text);
          else for (const value of text.split(",")) write(tree, value.trim());
        } catch (error) {
          throw error instanceof TextError ? badRequest(header, error.message, error) : error;
        }
      }
    },
  };
}

/** Whether a tree has a field, or something that excludes it. Null is nothing. Source: ProtoJSON, "JSON Representation". */
function isGiven(tree: Tree, { parents, field }: FieldPath): boolean {
  let at = tree;
  for (const parent of parents) {
    if (hasRival(at, parent)) return true;
    const inner = given(at, parent);
    if (inner === undefined) return false;
    // Something else is in the place of the message, as whoever reads the whole will say.
    if (!isTree(inner)) return true;
    at = inner;
  }
  return hasRival(at, field) || given(at, field) !== undefined;
}

const hasRival = (tree: Tree, field: DescField): boolean =>
  field.oneof?.fields.some((rival) => rival !== field && given(tree, rival) !== undefined) ?? false;

function given(tree: Tree, field: DescField): unknown {
  const key = keyIn(tree, field);
  return Object.hasOwn(tree, key) ? (tree[key] ?? undefined) : undefined;
}
