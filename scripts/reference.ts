// Writes docs/policies.md from the comments of options.proto and the rows of the policies. Run by scripts/generate.mjs.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createFileRegistry,
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescMessage,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { getComments } from "@bufbuild/protoplugin";
import { type Field, type Policy, policies } from "../runtime/src/policies/index.ts";
import { clientOrder, serverOrder } from "../runtime/src/stack.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
type AnyDesc = DescMessage | DescField | DescEnum | DescEnumValue;
type Row = Omit<Policy<string, unknown>, "fields"> & { readonly fields: { readonly [key: string]: Field<unknown> } };
const rows = Object.values(policies) as unknown as readonly Row[];
const schema = policySchema();

/** `mesh.v1.Policy` with its comments, as the compiler hands them over. */
function policySchema(): DescMessage {
  const buf = join(root, "node_modules/.bin/buf");
  const { status, stdout, stderr } = spawnSync(
    buf,
    ["build", "-o", "-", "--path", "plugin/proto/mesh/v1/options.proto"],
    {
      cwd: root,
      maxBuffer: 2 ** 26,
      shell: process.platform === "win32",
    },
  );
  if (status !== 0) throw new Error(`buf build failed: ${stderr}`);
  const policy = createFileRegistry(fromBinary(FileDescriptorSetSchema, stdout)).getMessage("mesh.v1.Policy");
  if (!policy) throw new Error("options.proto has no message Policy");
  return policy;
}

function messageOf({ option }: Row): DescMessage {
  const message = schema.fields.find(({ name }) => name === option)?.message;
  if (!message) throw new Error(`mesh.v1.Policy has no message ${option}`);
  return message;
}

function section(row: Row): string[] {
  const message = messageOf(row);
  const { example, errors, outcomes, exports } = row.reference;
  return [
    `## ${row.option}`,
    "",
    prose(comment(message)),
    "",
    ...(row.enabledBy ? [`Switched on by \`${row.enabledBy}\`.`, ""] : []),
    ...places(row),
    "```proto example",
    example,
    "```",
    "",
    ...(message.fields.length > 0
      ? [...table(["option", "type", "default", "meaning"], options(message, row.fields)), ""]
      : []),
    ...enums(message),
    ...listOf("Fails with", errors),
    ...listOf(
      `Decisions, on the channel \`protomesh:policy\` and in \`mesh.policy.decisions{mesh.policy="${row.name}"}\``,
      outcomes,
    ),
    ...checks(row),
    ...(Object.keys(exports).length > 0
      ? [...table(["exported to", "as"], Object.entries(exports)), ""]
      : ["No other enforcement point can express it.", ""]),
  ];
}

/** Where the layers stand, and why. */
function places(row: Row): string[] {
  const of = (side: string, order: readonly { at: string; row: { name: string }; why: string }[]) =>
    order.flatMap((place, index) =>
      place.row.name === row.name && side in place.row
        ? [`- ${side}, layer ${index + 1} of ${order.length} (\`${place.at}\`): ${place.why}.`]
        : [],
    );
  const lines = [...of("client", clientOrder), ...of("server", serverOrder)];
  return lines.length > 0 ? [...lines, ""] : [];
}

function options(message: DescMessage, fields: Row["fields"], prefix = ""): string[][] {
  return message.fields.flatMap((field) => {
    const [key, entry] = Object.entries(fields).find(([, { option }]) => option === field.name) ?? [];
    const value = defaultOf(key, entry);
    const line = [`\`${prefix}${field.name}\``, typeOf(field, key), value, meaning(field, value)];
    if (key === undefined) line[3] = `${line[3]} Not enforced by this version: generation fails.`.trim();
    const inner = entry?.fields && field.message ? options(field.message, entry.fields, `${prefix}${field.name}.`) : [];
    return [line, ...inner];
  });
}

/** The comment without the default, which has a column of its own. Throws when the comment says another one. */
function meaning(field: DescField, value: string): string {
  const text = prose(comment(field));
  const [sentence, said] = / ?Default: ("[^"]*"|.*?)(?=;|\.(?: |$)|$)\.?/.exec(text) ?? [];
  if (sentence === undefined || value === "" || value === "see there" || said === "none" || said?.includes(" "))
    return text;
  const plain = (one = "") => one.replace(/[`"]/g, "");
  if (plain(said) !== plain(value))
    throw new Error(`${field.parent.name}.${field.name}: the comment says the default is ${said}, the row ${value}`);
  return text.replace(sentence, "").trim();
}

function typeOf(field: DescField, key = ""): string {
  const plain = /Ms$/.test(key) ? "duration" : key === "perSecond" ? "rate" : undefined;
  const scalar =
    field.proto.typeName.split(".").at(-1) || (field.scalar === undefined ? "" : scalarNames[field.scalar]);
  const name = plain ?? scalar ?? "";
  return field.fieldKind === "list" ? `list of ${name}` : name;
}

const scalarNames: { readonly [type: number]: string } = {
  1: "number",
  4: "number",
  8: "bool",
  9: "text",
  13: "number",
};

/** The value that the generator prints when the option is absent and nothing else is set. */
function defaultOf(key: string | undefined, entry: Field<unknown> | undefined): string {
  if (!entry?.fallback || entry.fields) return "";
  let value: unknown;
  try {
    value = entry.fallback({}, {});
  } catch {
    return "see there";
  }
  if (value === undefined || (typeof value === "number" && Number.isNaN(value))) return "";
  if (Array.isArray(value)) return value.length === 0 ? "none" : `\`[${value.join(", ")}]\``;
  return `\`${typeof value === "number" && /Ms$/.test(key ?? "") ? `"${durationText(value)}"` : String(value)}\``;
}

function durationText(ms: number): string {
  const [unit, size] = (
    [
      ["h", 3_600_000],
      ["m", 60_000],
      ["s", 1000],
    ] as const
  ).find(([, of]) => ms % of === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}

function enums(message: DescMessage): string[] {
  return message.nestedEnums.flatMap((one) => [
    `**${one.name}**: ${comment(one) ? `${prose(comment(one))} ` : ""}${one.values
      .map((value) =>
        comment(value) ? `\`${value.name}\` (${prose(comment(value)).replace(/\.$/, "")})` : `\`${value.name}\``,
      )
      .join(", ")}.`,
    "",
  ]);
}

function listOf(title: string, entries: { readonly [name: string]: string | undefined }): string[] {
  const lines = Object.entries(entries).map(([name, text]) => `- \`${name}\`: ${text}`);
  return lines.length > 0 ? [`${title}:`, "", ...lines, ""] : [];
}

function checks({ rules = [] }: Row): string[] {
  if (rules.length === 0) return [];
  const of = (severity: string) => rules.filter((rule) => rule.severity === severity).map(({ id }) => `\`${id}\``);
  const [errors, warnings] = [of("error"), of("warning")];
  const parts = [
    errors.length > 0 ? `errors ${errors.join(", ")}` : "",
    warnings.length > 0 ? `warnings ${warnings.join(", ")}` : "",
  ];
  return [`Checked at generation: ${parts.filter((part) => part !== "").join("; ")}.`, ""];
}

/** protoplugin sees the descriptors by the types of its own copy of protobuf-es. */
const comment = (desc: AnyDesc): string => getComments(desc as never).leading ?? "";
const prose = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ");
const firstSentence = (message: DescMessage): string => /^.*?[.](?= |$)/.exec(prose(comment(message)))?.[0] ?? "";

function table(head: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)];
}

const page = [
  "# Policies: the reference",
  "",
  "<!-- Written by `npm run generate` from plugin/proto/mesh/v1/options.proto and the rows in runtime/src/policies. -->",
  "",
  "Every option of `(mesh.v1.file).defaults`, `(mesh.v1.service)` and `(mesh.v1.method)`. How levels merge and policies work together is",
  'in [the guide](guide.md). Durations are text such as `"250ms"`, `"1.5s"`, `"2m"` and `"24h"`, rates such as `"100/s"`. A key names a',
  "value of one call: `principal`, `claim:<name>`, `peer`, `metadata:<name>`, `field:<path>`, `method`, `all`. A default is what the",
  "generator prints when no level sets the option of a policy that is in force.",
  "",
  ...rows.flatMap((row) => [`- [${row.option}](#${row.option}): ${firstSentence(messageOf(row))}`]),
  "",
  ...rows.flatMap(section),
];
writeFileSync(join(root, "docs/policies.md"), `${page.join("\n").trim()}\n`);
