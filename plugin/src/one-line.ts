// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

const short: { readonly [character: string]: string } = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Text of a proto file on one line, control characters escaped as in a string: in a log, a line of its own could be taken for
 * another message, and what begins with `::` for a command of a CI.
 */
export const oneLine = (text: string): string =>
  text.replace(control, (one) => short[one] ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
