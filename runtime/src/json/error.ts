/** JSON that a message cannot be read from. The message of the error says what is wrong, after the name of the field. */
export class JsonError extends Error {
  override readonly name = "JsonError";
  /** Proto name of the innermost field that is concerned; "" for the whole value. */
  readonly field: string;

  constructor(field: string, text: string, options?: ErrorOptions) {
    super(text, options);
    this.field = field;
  }
}

/** How much of a value an error quotes. */
const longestQuote = 60;

/** A JSON value for an error text: short, and without what is inside of it. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `array(${value.length})`;
  if (value instanceof Uint8Array) return `bytes(${value.length})`;
  if (typeof value === "object" && value !== null) return "object";
  if (typeof value !== "string") return String(value);
  const text = value.length > longestQuote ? `${value.slice(0, longestQuote)}...` : value;
  return JSON.stringify(text);
}
