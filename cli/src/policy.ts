import { type Contract, effectiveOptions, type MethodContract } from "../../plugin/src/library.ts";
import { choose } from "./choose.ts";
import { type Command, UsageError } from "./command.ts";
import { contractOf, optFlag } from "./described.ts";
import { filesOf } from "./files.ts";
import { inputOperand, readImage } from "./image.ts";
import { table } from "./table.ts";

/** Shows what is in force. */
export const policy: Command = {
  summary: "Shows the policy in force of every method, and who set what: the file, the service, a profile, the method.",
  examples: [
    "protomesh policy",
    "protomesh policy proto --method shop.v1.Inventory/GetStock",
    "protomesh policy --method 'shop.v1.*' --format json",
  ],
  operands: [inputOperand],
  flags: [
    {
      name: "method",
      value: "name",
      many: true,
      text: "only methods such as shop.v1.Inventory/GetStock; * is any text; may be there several times",
    },
    { name: "format", value: "format", text: "text or json; default text" },
    optFlag,
  ],
  async run(given) {
    const format = choose(given, "format", ["text", "json"]) ?? "text";
    const [input = "."] = given.operands;
    const file = filesOf(input);
    const contract = contractOf(readImage(input), input, given.all("opt"), file);
    const wanted = given.all("method").map(pattern);
    const all = contract.services.flatMap(({ methods }) => methods);
    const methods = all.filter(({ path }) => wanted.length === 0 || wanted.some((one) => one.test(path.slice(1))));
    if (methods.length === 0)
      throw new UsageError(
        all.length === 0
          ? `${input} has no methods: give another input`
          : `no method is called ${given.all("method").join(" or ")}: there are ${some(all)}`,
      );
    const shown = methods.map((method) => describeMethod(method, contract, file));
    if (format === "json") console.log(JSON.stringify({ version: 1, methods: shown }, undefined, 2));
    else process.stdout.write(shown.map(textOf).join("\n"));
    return 0;
  },
};

/** Reads a name in which `*` stands for any text. */
const pattern = (name: string): RegExp =>
  new RegExp(
    `^${name
      .replace(/^\//, "")
      .split("*")
      .map((part) => part.replace(/[.\\+?^${}()|[\]]/g, "\\$&"))
      .join(".*")}$`,
  );

const some = (methods: readonly MethodContract[]): string =>
  `${methods
    .slice(0, 5)
    .map(({ path }) => path.slice(1))
    .join(", ")}${methods.length > 5 ? ` and ${methods.length - 5} more` : ""}`;

/** A method as JSON has it; fields may come. */
type Shown = ReturnType<typeof describeMethod>;

function describeMethod(method: MethodContract, { locate }: Contract, file: (name: string) => string) {
  return {
    method: method.path.slice(1),
    kind: method.kind,
    idempotency: method.idempotency ?? null,
    policy: method.policy,
    options: effectiveOptions(method).map(({ option, value, origin }) => {
      const at = origin && locate(origin.place);
      return {
        option,
        value,
        level: origin?.level ?? "built-in",
        profile: origin?.profile ?? null,
        place: at ? { ...at, file: file(at.file) } : null,
      };
    }),
  };
}

function textOf({ method, kind, idempotency, options }: Shown): string {
  const rows = options.map(({ option, value, level, profile, place }) => [
    option,
    value,
    profile === null ? level : `${level}, profile ${profile}`,
    place ? `${place.file}:${place.line}` : "",
  ]);
  return `${method}  ${kind}${idempotency === null ? "" : `, ${idempotency}`}\n${table(rows, "  ")}`;
}
