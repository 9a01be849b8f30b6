/** How messages hold 64-bit integers: ts-proto's `forceLong`. */
export type Longs = "number" | "bigint" | "string";

/** How messages hold a Timestamp in a field: ts-proto's `useDate`. */
export type Dates = "date" | "message" | "string";

/** How generated messages hold their fields, as far as ts-proto's options decide it. */
export interface Shape {
  /** `forceLong`. Default: number. */
  readonly longs?: Longs;
  /** `oneof`: one property for all members, whose value is in `value` or in a property of the member's name. Default: a property each. */
  readonly oneofs?: "unions" | "unions-value";
  /** `useDate`. Default: date. */
  readonly dates?: Dates;
  /** `stringEnums`. Default: false. */
  readonly enumTexts?: boolean;
  /** `useMapType`: a Map for every map. Default: false. */
  readonly maps?: boolean;
}

/** The type of a field, if it is what the tables take it for. Otherwise it does not compile. */
export type Fits<Field extends Needed, Needed> = Field;

/**
 * The messages and enums of a file, and how they are held.
 *
 * A field is a line in the words of its proto file: `[label] type name`. The label is `repeated`, `optional`,
 * `map<key>` or `oneof:group`; after the name, `json=` and `key=` give names that are not the usual ones.
 */
export interface Tables<Checks = unknown> {
  readonly shape: Shape;
  /** Carries `Fits` of messages. Never set. */
  readonly "~checks"?: Checks;
  /** Fields by the message's full name. */
  readonly messages: { readonly [typeName: string]: readonly string[] };
  /** Numbers by name, by the enum's full name. */
  readonly enums: { readonly [typeName: string]: { readonly [name: string]: number } };
}
