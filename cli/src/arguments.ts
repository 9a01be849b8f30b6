/** A command line that is none of ours. The message says what is wrong and what to write. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What `protomesh gateway` was asked for. */
export interface GatewayArguments {
  /** The file of the descriptor set. */
  readonly descriptor: string;
  /** Where to listen, in place of what the configuration says. */
  readonly listen: string | undefined;
  /** Parameters of the generator, such as `unannotated=post`. */
  readonly options: readonly string[];
  /** Only say whether everything fits. */
  readonly check: boolean;
  /** Flags that the configuration reads. */
  readonly rest: readonly string[];
}

/** Reads the arguments after `gateway`. Throws a UsageError. */
export function parseGateway(args: readonly string[]): GatewayArguments {
  const given = new Map<string, string[]>();
  const rest: string[] = [];
  let check = false;
  for (let at = 0; at < args.length; at++) {
    const [flag = "", value] = split(args[at] as string);
    if (flag === "--check" && value === undefined) check = true;
    else if (flag === "--descriptor" || flag === "--listen" || flag === "--opt") {
      const text = value ?? args[++at];
      if (text === undefined || text === "") throw new UsageError(`${flag} has no value: write ${flag} <value>`);
      given.set(flag, [...(given.get(flag) ?? []), text]);
    } else rest.push(args[at] as string);
  }
  const once = (flag: string) => {
    const values = given.get(flag) ?? [];
    if (values.length > 1) throw new UsageError(`${flag} is there twice: keep one`);
    return values[0];
  };
  const descriptor = once("--descriptor");
  if (descriptor === undefined)
    throw new UsageError("--descriptor is missing: write the file by buf build -o image.binpb, and name it");
  return { descriptor, listen: once("--listen"), options: given.get("--opt") ?? [], check, rest };
}

function split(argument: string): [flag: string, value?: string] {
  const at = argument.indexOf("=");
  return argument.startsWith("--") && at > 0 ? [argument.slice(0, at), argument.slice(at + 1)] : [argument];
}
