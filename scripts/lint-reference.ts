// Writes docs/lint.md from the catalog of rules. Run by scripts/generate.mjs.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rules as bufRules, lintRule } from "../plugin/src/buf/rules.ts";
import { targets } from "../plugin/src/export/targets.ts";
import { catalog, generationRules, valueRules } from "../plugin/src/lint/catalog.ts";
import type { RuleInfo } from "../plugin/src/lint/rule.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const groups: readonly (readonly [prefix: string, title: string])[] = [
  ["options", "Options as such"],
  ["policy", "Levels"],
  ["profile", "Profiles"],
  ["field", "Fields"],
  ["names", "Names"],
  ["http", "Routes and http"],
];

function table(head: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row), ""];
}

const prefixOf = ({ id }: RuleInfo): string => id.split("/")[0] as string;

function sections(): string[] {
  const checks = catalog.filter((rule) => !valueRules.includes(rule));
  const known = groups.map(([prefix]) => prefix);
  const others = [...new Set(checks.map(prefixOf))].filter((prefix) => !known.includes(prefix)).sort();
  return [...groups, ...others.map((prefix) => [prefix, prefix.replaceAll("-", "_")] as const)].flatMap(
    ([prefix, title]) => [
      `### ${title}`,
      "",
      ...table(
        ["rule", "severity", "what should be so"],
        checks
          .filter((rule) => prefixOf(rule) === prefix)
          .map(({ id, severity, purpose }) => [`\`${id}\``, severity, purpose]),
      ),
    ],
  );
}

const breaking = bufRules.filter(({ id }) => !catalog.some((rule) => lintRule(rule.id) === id));

const page = `# Lint: the rules

<!-- Written by \`npm run generate\` from plugin/src/lint/catalog.ts. -->

What is wrong with the options of \`mesh.v1\` is found in four places, by the same rules: by \`protoc-gen-mesh\`, where errors fail
generation and warnings are printed; by \`buf lint\`, with the plugin \`buf-plugin-mesh\`; by [\`protomesh lint\`](cli.md#lint); and, for the
rules of single policies, where [a configuration](config.md) overrides a policy at start. Each finding names file, line, column and
option, what is wrong, what to do about it, and the rule. Files without options of \`mesh.v1\` get findings about their routes alone.

## With buf

\`buf-plugin-mesh\` comes with \`protoc-gen-mesh\`. In \`buf.yaml\`:

\`\`\`yaml from=docs/recipes.md
plugins:
  - plugin: node_modules/.bin/buf-plugin-mesh
\`\`\`

Then \`MESH\` is added where rules are chosen: \`use: [STANDARD, MESH]\` of \`lint\`, \`use: [FILE, MESH]\` of \`breaking\`.
[A whole one is in the recipes](recipes.md#buf-lint-and-buf-breaking).

- A rule is called \`MESH_\` and its id in capitals with underscores: \`MESH_RETRY_NEEDS_IDEMPOTENCY\` is \`retry/needs-idempotency\`.
- \`MESH_ERROR\` are the errors, \`MESH_WARNING\` the warnings, \`MESH\` both. buf knows no warnings and fails for each finding; so without
  \`use\` only the errors are on.
- \`except\`, \`ignore\` and \`ignore_only\` work as for other rules. So does \`// buf:lint:ignore MESH_TIMEOUT_MISSING\`, written above the
  service, the rpc or the field; above the option itself buf does not look for it.
- Options of the plugin are \`unannotated: post\` and \`grpc_api_configuration: <path>\`, or a list of paths, with the meaning they have for
  [protoc-gen-mesh](plugin.md). Others are errors.
- Findings in files that are only imported belong to the module of those files.

## Changes

\`buf breaking\` compares policies as they resolve, with inheritance and defaults, by these rules of the same plugin. A report with all
changes is [\`protomesh diff\`](diff.md).

${table(
  ["rule", "on by default", "in MESH", "what should be so"],
  breaking.map(({ id, default: on, categoryIds = [], purpose = "" }) => [
    `\`${id}\``,
    on ? "yes" : "no",
    categoryIds.length > 0 ? "yes" : "no",
    purpose,
  ]),
).join("\n")}
## All rules

Errors fail generation. Rules about a value, which are errors, too, are in the last list.

${sections().join("\n")}
### Values

Each of these options has a rule that its value is one it allows, called like the option:
${valueRules.map(({ id }) => `\`${id}\``).join(", ")}.

### Only where they are generated

These are found by \`protoc-gen-mesh\` and \`protomesh export\`, not by buf.

${table(
  ["rule", "severity", "what should be so"],
  [
    ...generationRules.map(({ id, severity, purpose }) => [`\`${id}\``, severity, purpose]),
    ...targets.map(({ name }) => [`\`export/${name}\``, "warning", `The target ${name} can say what the policy says.`]),
  ],
).join("\n")}`;
writeFileSync(join(root, "docs/lint.md"), `${page.trim()}\n`);
