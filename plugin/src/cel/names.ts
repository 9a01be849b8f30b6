import { safeIdentifier } from "@bufbuild/protoplugin";

/** Whether a variable of a rule can be called the same in TypeScript, and hides nothing there that a rule may need. */
export const safeName = (name: string): boolean =>
  /^[a-z]\w*$/.test(name) &&
  safeIdentifier(name) === name &&
  name !== "auth" &&
  name !== "request" &&
  !(name in globalThis);
