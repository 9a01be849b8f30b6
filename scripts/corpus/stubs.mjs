import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Writes a module for each proto file with as much of each message as generated code needs: a type that no other
 * message is assignable to, and functions that carry its full name.
 *
 * Names follow ts-proto's documentation and are computed here anew, from plain descriptors: an error that the plugin
 * makes in naming is not made twice.
 */
export function writeStubs(files, out) {
  for (const file of files) {
    const lines = [`import type { TsProtoFns } from "@protomesh/runtime";`];
    for (const { name, typeName } of messages(file)) {
      const full = JSON.stringify(typeName);
      lines.push(
        `export interface ${name} { readonly $type: ${full} }`,
        `export declare const ${name}: TsProtoFns<${name}> & { readonly $type: ${full} };`,
      );
    }
    const path = join(out, file.name.replace(/\.proto$/, ".ts"));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${lines.join("\n")}\nexport {};\n`);
  }
}

function messages(file) {
  const found = [];
  const visit = (message, scope, path) => {
    if (message.options?.mapEntry) return;
    const names = [...path, message.name];
    const typeName = scope === "" ? message.name : `${scope}.${message.name}`;
    const joined = names.map(camel).join("_");
    found.push({ name: ["Date", "Function"].includes(joined) ? `${joined}Message` : joined, typeName });
    for (const inner of message.nestedType) visit(inner, typeName, names);
  };
  for (const message of file.messageType) visit(message, file.package, []);
  return found;
}

/** "snake_case" to "snakeCase", "SNAKE_CASE" to "snakeCase", anything without an underscore as it is. */
function camel(name) {
  if (!name.includes("_")) return name;
  const words = (name === name.toUpperCase() ? name.toLowerCase() : name).split("_");
  return words.map((word, index) => (index === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1))).join("");
}
