import { ConfigError } from "./error.ts";
import { type Setting, spelledAsKey, spelledAsVariable } from "./set.ts";

/** The environment, as `process.env` is. */
export type Environment = { readonly [name: string]: string | undefined };

/** What command line and environment say, beside the file. */
export interface Outside {
  readonly file: string | undefined;
  /** In the order in which they apply: variables, the whole of something before its parts, then flags in theirs. */
  readonly settings: readonly Setting[];
  readonly allowFaults: boolean;
  /** The variable that says that this is production, and what it says. */
  readonly production: string | undefined;
  /** The arguments that are not ours. */
  readonly rest: readonly string[];
}

/** Reads flags and variables. Throws a ConfigError that names the one at fault and never repeats a value. */
export function readOutside(args: readonly string[], env: Environment): Outside {
  const flags = readFlags(args);
  const settings: Setting[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("MESH__") || text === undefined) continue;
    const path = name.slice("MESH__".length).split("__");
    settings.push({ at: name, path, text, spelling: spelledAsVariable });
  }
  // A part goes on top of the whole that it belongs to, in whichever order the environment has them.
  settings.sort((a, b) => a.path.length - b.path.length || (a.at < b.at ? -1 : 1));
  const production = ["NODE_ENV", "MESH_ENV"].find((name) => /^prod(?:uction)?$/i.test(env[name]?.trim() ?? ""));
  return {
    file: flags.file ?? (env.MESH_CONFIG || undefined),
    settings: [...settings, ...flags.settings],
    allowFaults: flags.allowFaults ?? switchOf("MESH_ALLOW_FAULTS", env.MESH_ALLOW_FAULTS || "false"),
    production: production && `${production} is ${env[production]?.trim()}`,
    rest: flags.rest,
  };
}

/** Ours are `--config`, `--set` and `--allow-faults`; all others are the program's, and what follows `--` too. */
function readFlags(args: readonly string[]) {
  const settings: Setting[] = [];
  const rest: string[] = [];
  let file: string | undefined;
  let allowFaults: boolean | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg === "--") {
      rest.push(...args.slice(index));
      break;
    }
    const [, flag, joined] = /^(--config|--set|--allow-faults)(?:=(.*))?$/s.exec(arg) ?? [];
    const value = () => {
      if (joined) return joined;
      if (joined === undefined) index += 1;
      const next = joined ?? args[index];
      if (!next || next.startsWith("--"))
        throw new ConfigError(`${flag}`, "", `has no value: write ${usage[flag as keyof typeof usage]}`);
      return next;
    };
    if (flag === "--config") file = value();
    else if (flag === "--set") settings.push(settingOf(value()));
    else if (flag === "--allow-faults") allowFaults = switchOf(flag, joined ?? "true");
    else rest.push(arg);
  }
  return { file, settings, allowFaults, rest };
}

const usage = { "--config": "--config mesh.yaml", "--set": "--set server.grpc=:50051" };

function settingOf(argument: string): Setting {
  const [, key = "", text = ""] = /^([^=]*)=(.*)$/s.exec(argument) ?? [];
  // The part before `=`, or the whole of it, which could be a value without a key: not repeated.
  if (key === "") throw new ConfigError("--set", "", `is not key=value: write ${usage["--set"]}`);
  // A name with dots stands in brackets: targets[users.v1].address.
  const path = [...key.matchAll(/\[([^\]]*)\]|[^.[\]]+/g)].map(([whole, bracketed]) => bracketed ?? whole);
  return { at: `--set ${key}`, path, text, spelling: spelledAsKey };
}

function switchOf(at: string, text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new ConfigError(at, "", "must be true or false");
}
