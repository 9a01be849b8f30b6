import { UsageError } from "../command.ts";

/** What the scaffold calls its things. */
export interface Names {
  /** The proto package, such as `acme.shop.v1`. */
  readonly package: string;
  /** The service's simple name, such as `Shop`. */
  readonly service: string;
}

/** What the template itself uses. */
const template: Names = { package: "greet.v1", service: "Greeter" };

/** Messages and types of the template, which a service beside them cannot be called. */
const taken = new Set(["Greet", "GreetRequest", "Greeting", "Promise", "Object", "String"]);

/** The names that were given, the template's for the others. Throws a UsageError. */
export function namesOf(named: string | undefined, service: string | undefined): Names {
  if (named !== undefined && !/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/.test(named))
    throw new UsageError(`--package ${named}: write lower-case words with dots between them, such as acme.shop.v1`);
  if (named !== undefined && /^(google|mesh)(\.|$)/.test(named))
    throw new UsageError(`--package ${named} belongs to somebody else: start with a name of your own`);
  if (service !== undefined && (!/^[A-Z][A-Za-z0-9]*$/.test(service) || taken.has(service)))
    throw new UsageError(
      taken.has(service)
        ? `--service ${service}: the scaffold has something else of that name, choose another`
        : `--service ${service}: write letters and digits, the first in upper case, such as Shop`,
    );
  return { package: named ?? template.package, service: service ?? template.service };
}

/** The last part of a package that is no version: what its files are called. */
const baseOf = (name: string): string => {
  const parts = name.split(".");
  return parts.findLast((part) => !/^v\d+\w*$/.test(part)) ?? (parts[0] as string);
};

const pathOf = (name: string): string => `${name.replaceAll(".", "/")}/${baseOf(name)}`;

/** A text or path of the template with these names in place of its own. `main` is the name of the file that is started. */
export function renamed(text: string, names: Names, main: string): string {
  const values: { readonly [found: string]: string } = {
    "greet.ts": main,
    "greet/v1/greet": pathOf(names.package),
    "greet.v1": names.package,
    createGreeterClient: `create${names.service}Client`,
    Greeter: names.service,
  };
  return text.replace(
    /\bgreet\.ts\b|\bgreet\/v1\/greet(?=\.proto|_mesh)|\bgreet\.v1\b|\bcreateGreeterClient\b|\bGreeter\b/g,
    (found) => values[found] as string,
  );
}

/** The file that is started. A project whose modules are CommonJS stays so; this one is a module by its name. */
export const mainOf = ({ package: name }: Names, module: boolean): string => `${baseOf(name)}.${module ? "ts" : "mts"}`;
