import type { MethodContract } from "../../plugin/src/library.ts";
import { choose } from "./choose.ts";
import type { Command } from "./command.ts";
import { contractOf, optFlag } from "./described.ts";
import { filesOf } from "./files.ts";
import { inputOperand, readImage } from "./image.ts";
import { table } from "./table.ts";

/** Lists what HTTP clients find. */
export const routes: Command = {
  summary: "Lists the HTTP routes of proto files, and who may call them.",
  examples: ["protomesh routes", "protomesh routes proto --opt unannotated=post", "protomesh routes --format json"],
  operands: [inputOperand],
  flags: [{ name: "format", value: "format", text: "text or json; default text" }, optFlag],
  async run(given) {
    const format = choose(given, "format", ["text", "json"]) ?? "text";
    const [input = "."] = given.operands;
    const { services } = contractOf(readImage(input), input, given.all("opt"), filesOf(input));
    const found = services.flatMap(({ methods }) => methods.flatMap(rowsOf));
    if (format === "json") console.log(JSON.stringify({ version: 1, routes: found }, undefined, 2));
    else if (found.length === 0)
      console.log("no method has a route: annotate them with google.api.http, or give --opt unannotated=post");
    else {
      const cells = found.map(({ method, path, rpc, body, kind, auth }) => [
        method,
        path,
        rpc,
        body ?? "-",
        kind,
        auth,
      ]);
      process.stdout.write(table([["METHOD", "PATH", "RPC", "BODY", "KIND", "AUTH"], ...cells]));
    }
    return 0;
  },
};

/** The routes of a method, as JSON has them; fields may come. */
const rowsOf = ({ routes, path: rpc, kind, policy }: MethodContract) =>
  routes.map(({ method, template: path, body, responseBody }) => ({
    method,
    path,
    rpc,
    body: body ?? null,
    responseBody: responseBody ?? null,
    kind,
    auth: authOf(policy.auth),
  }));

function authOf({ access, scopes, rule }: NonNullable<MethodContract["policy"]["auth"]> = nobody): string {
  return [access, ...scopes, ...(rule === undefined ? [] : ["rule"])].join(" ");
}

const nobody = { access: "DENY", providers: [], scopes: [], audiences: [] } as const;
