import { safeIdentifier } from "@bufbuild/protoplugin";

/** Code without the text of strings and the names of properties, so that what is left names variables. */
export const names = (code: string): string =>
  code.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/(?<!\.)\.[A-Za-z_$][\w$]*/g, ".");

/** Whether a variable of a rule can be called the same in TypeScript, and hides nothing there that a rule may need. */
export const safeName = (name: string): boolean =>
  /^[a-z]\w*$/.test(name) &&
  safeIdentifier(name) === name &&
  name !== "auth" &&
  name !== "request" &&
  !/^claim(?:At|Has)$/.test(name) &&
  !(name in globalThis);
