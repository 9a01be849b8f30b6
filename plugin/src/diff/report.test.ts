import { expect, test } from "vitest";
import { contractOf, contractOfFiles } from "../../test/diff.ts";
import type { Contract } from "../contract/contract.ts";
import { changeClasses, exitCodeOf, type thresholds } from "./change.ts";
import { groupChanges } from "./group.ts";
import { type Comparison, compareContracts } from "./report.ts";
import { jsonReport } from "./report-json.ts";
import { markdownReport } from "./report-markdown.ts";
import { textReport } from "./report-text.ts";

const open = "auth: { access: PUBLIC }";
const file = (name: string) => `proto/${name}`;

const compare = (before: Parameters<typeof contractOf>[0], after: Parameters<typeof contractOf>[0]): Comparison =>
  compareContracts(contractOf(before), contractOf(after));

test("exit codes: the gravest class decides, from the threshold on", () => {
  const codes = (failOn?: (typeof thresholds)[number]) =>
    changeClasses.map((one) => exitCodeOf([{ class: one }], failOn));
  expect(codes()).toEqual([0, 0, 1, 1, 2, 2, 3]);
  expect(codes("operational")).toEqual([0, 1, 1, 1, 2, 2, 3]);
  expect(codes("load")).toEqual([0, 0, 0, 1, 2, 2, 3]);
  expect(codes("breaking")).toEqual([0, 0, 0, 0, 0, 2, 3]);
  expect(codes("security")).toEqual([0, 0, 0, 0, 0, 0, 3]);
  expect(codes("never")).toEqual([0, 0, 0, 0, 0, 0, 0]);
  expect(exitCodeOf([{ class: "breaking" }, { class: "security" }, { class: "load" }])).toBe(3);
  expect(exitCodeOf([])).toBe(0);
});

test("what several methods have from their service is told once", () => {
  const { changes } = compare(
    { policy: open, service: 'timeout: { max: "9s" }' },
    { policy: open, service: 'timeout: { max: "5s" }' },
  );
  expect(changes).toHaveLength(2);
  expect(groupChanges(changes)).toMatchObject([
    { class: "capacity", option: "timeout.max", subjects: ["/shop.Shop/Get", "/shop.Shop/Other"] },
  ]);
});

test("methods that set the same themselves are told one by one", () => {
  const proto = (total: string) => ({
    "a.proto": `syntax = "proto3"; package a; import "mesh/v1/options.proto"; service A {
      rpc B(M) returns (M) { option (mesh.v1.method) = { timeout: { total: "${total}" } }; }
      rpc C(M) returns (M) { option (mesh.v1.method) = { timeout: { total: "${total}" } }; } } message M {}`,
  });
  const { changes } = compareContracts(contractOfFiles(proto("1s")), contractOfFiles(proto("2s")));
  expect(groupChanges(changes).map(({ subjects }) => subjects)).toEqual([["/a.A/B"], ["/a.A/C"]]);
});

const retries = 'timeout: { attempt: "1s" } retry: { attempts: 3 initial: "100ms" jitter: NONE }';

test("amplification: attempts, stand-ins and services below multiply; time is bounded by deadline, attempts and waits", () => {
  const worst = (before: Contract, after: Contract) => compareContracts(before, after).amplification;
  expect(worst(contractOf({ policy: open }), contractOf({ policy: `${open} ${retries}` }))).toEqual([
    {
      subject: "/shop.Shop/Get",
      before: { requests: 1, chain: 1, longestMs: Number.POSITIVE_INFINITY },
      after: { requests: 3, chain: 3, longestMs: 3300 },
    },
  ]);
  const standIn = contractOf({
    policy: `${open} ${retries.replace("{", '{ total: "2s"')} fallback: { method: "Other" }`,
  });
  // Two attempts fit into the deadline, and then the other method is asked.
  expect(worst(contractOf({ policy: open }), standIn)).toMatchObject([
    { after: { requests: 3, chain: 3, longestMs: 2000 } },
  ]);
  expect(worst(standIn, standIn)).toEqual([]);
  // Nothing stands in for what stands in.
  const third = "rpc Third(Request) returns (Reply) { option idempotency_level = NO_SIDE_EFFECTS; }";
  const other = (policy: string) =>
    contractOf({
      policy: `${open} fallback: { method: "Other" }`,
      rename: ["rpc Other(Request) returns (Reply) {", `${third} rpc Other(Request) returns (Reply) { ${policy}`],
    });
  expect(worst(other(""), other('option (mesh.v1.method) = { fallback: { method: "Third" } };'))).toMatchObject([
    { subject: "/shop.Shop/Other", after: { requests: 2 } },
  ]);

  const layer = (name: string, below: string, attempts: number) => ({
    [`${name}.proto`]: `syntax = "proto3"; package ${name}; import "mesh/v1/options.proto"; ${below && `import "${below}.proto";`}
      service S { rpc Do(M) returns (M) { option idempotency_level = IDEMPOTENT;
        option (mesh.v1.method) = { timeout: { total: "9s" } retry: { attempts: ${attempts} } }; } } message M {}`,
  });
  const three = (attempts: number) =>
    contractOfFiles({ ...layer("a", "", attempts), ...layer("b", "a", 2), ...layer("c", "b", 3) });
  const at = (requests: number, chain: number) => ({ requests, chain, longestMs: 9000 });
  expect(worst(three(2), three(4))).toEqual([
    { subject: "/a.S/Do", before: at(2, 2), after: at(4, 4) },
    { subject: "/b.S/Do", before: at(2, 4), after: at(2, 8) },
    { subject: "/c.S/Do", before: at(3, 12), after: at(3, 24) },
  ]);
});

test("colour is for those who want it", () => {
  const comparison = compare({ policy: open }, { policy: "auth: { access: AUTHENTICATED }" });
  const plain = textReport(comparison, { colour: false, file });
  const coloured = textReport(comparison, { colour: true, file });
  expect(plain).not.toContain("\u001b");
  expect(coloured).toContain("\u001b[31mBreaking\u001b[0m");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours are written
  expect(coloured.replace(/\u001b\[[\d;]*m/g, "")).toBe(plain);
});

test("text: nothing that a proto file says begins a line", () => {
  const limit = (rate: string) => `${open} rate_limit: { name: "a\\n::error::b" rate: "${rate}" }`;
  const report = textReport(compare({ policy: limit("9/s") }, { policy: limit("5/s") }), { colour: false, file });
  expect(report).toContain("    rate_limit[a\\n::error::b].rate: 9/s -> 5/s\n");
});

test("Markdown: nothing that a proto file says can end a cell, mention somebody or be markup", () => {
  const rule = (name: string) => `auth: { access: AUTHENTICATED rule: "auth.sub == '${name}'" }`;
  const hostile = "a|b`c</code><img src=x>@everyone\\\\n[x](y)";
  const report = markdownReport(compare({ policy: rule("a") }, { policy: rule(hostile) }), { file });
  const row = report.split("\n").find((line) => line.includes("auth.rule"));
  expect(row?.match(/(?<!\\)\|/g)).toHaveLength(7);
  for (const text of ["<img", "</code><", "@everyone", "[x](y)", "a|b"]) expect(row).not.toContain(text);
  expect(row).toContain("a&#124;b&#96;c&#60;/code&#62;&#60;img src=x&#62;&#64;everyone");
  expect(report).toContain("<details open><summary>Security loosened</summary>\n\n| Method |");
});

test("Markdown: no changes, and a method that is gone", () => {
  expect(markdownReport(compare({ policy: open }, { policy: open }), { file })).toBe(
    "### Policy changes\n\nNone: every method resolves to the same policy.\n",
  );
  const gone = compare({ policy: open }, { policy: open, rename: ["rpc Other", "rpc Another"] });
  expect(markdownReport(gone, { file })).toContain(
    "| `/shop.Shop/Other` | `method` | `auth: DENY` |  | gone or renamed",
  );
});

test("JSON has no numbers that JSON lacks, and no place for what is gone with its service", () => {
  const service = (name: string) => ({
    "a.proto": `syntax = "proto3"; package a; service ${name} { rpc B(M) returns (M); } message M {}`,
  });
  const gone = compareContracts(contractOfFiles(service("A")), contractOfFiles(service("Z")));
  const report = JSON.parse(JSON.stringify(jsonReport(gone, { file })));
  expect(report).toMatchObject({ version: 1, worst: "none", exitCode: 0, counts: { none: 2 }, amplification: [] });
  expect(report.changes).toMatchObject([
    { subject: "/a.Z/B", before: null, place: { file: "proto/a.proto", line: 1 } },
    { subject: "/a.A/B", after: null, place: null },
  ]);
  const unbounded = compare({ policy: `${open} ${retries}` }, { policy: open });
  expect(jsonReport(unbounded, { file }).amplification).toEqual([
    {
      subject: "/shop.Shop/Get",
      before: { requests: 3, chain: 3, longestMs: 3300 },
      after: { requests: 1, chain: 1, longestMs: null },
    },
  ]);
});
