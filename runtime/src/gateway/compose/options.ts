import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** One part of a composed answer. */
export interface CompositionPart {
  /** `shop.v1.Catalog/GetProduct`, of a service of the gateway; unary. Its own policy applies. */
  readonly method: string;
  /**
   * The request as ProtoJSON, in which `{id}` is a variable of the path and `{query.page}` a parameter of the query. Alone
   * in a text it becomes what the field takes, a number too; a missing parameter leaves the field unset. Default: an empty
   * message.
   */
  readonly request?: JsonObject | undefined;
  /** Whether the others count without it. Default: false. */
  readonly optional?: boolean | undefined;
  /** What an optional part is when it fails. Default: null. */
  readonly default?: JsonValue | undefined;
}

/**
 * A GET request that is answered from several methods, called at the same time. The reply is an object with a member for
 * each part.
 *
 * A part that fails fails the whole, with its status, and the others are cancelled. An optional one is replaced by its
 * default, and its google.rpc.Status is found by its name in the member `errors`. All share one deadline: the longest that
 * a part may take, or less where the caller waits less.
 */
export interface Composition {
  /** The path, such as `/v1/product-page/{id}`. A variable is one segment. */
  readonly get: string;
  /** By the name of the member. `errors` is taken. */
  readonly parts: { readonly [member: string]: CompositionPart };
  /** The host that it is for, `*.example.com` for what ends so. Default: every host. */
  readonly host?: string | undefined;
  /** What errors call it. Default: `compose[0]` and so on. */
  readonly where?: string | undefined;
}

/** The composition itself, typed: for a list that is declared away from the gateway's options. */
export const compose = (composition: Composition): Composition => composition;
