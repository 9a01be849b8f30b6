/**
 * Answers that depend on no file, in base64, by the call. buf asks for them most of the times that it starts the program, so
 * the bundle has them ready. Sources have none; scripts/build-plugin.mjs puts those of prepare.ts here.
 */
export const prepared: { readonly [call: string]: string } = {};

/** What tells calls apart: the arguments without the format, and what came by stdin. */
export const callOf = (what: string, request: Uint8Array): string =>
  `${what} ${Buffer.from(request).toString("base64")}`;
