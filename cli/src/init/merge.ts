/** A file with something added, and what a person should know about it. */
export interface Merged {
  readonly text: string;
  readonly notes: readonly string[];
}

interface Manifest {
  type?: unknown;
  [section: string]: unknown;
}

type Section = { [name: string]: string };

/** Where a package may be named already. */
const dependencies = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];

/** A package.json that is there. Fails when it is not one, naming the file. */
export function readManifest(text: string, file: string): Manifest {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    throw new Error(`${file} is not JSON: correct it first`);
  }
  if (!isSection(manifest)) throw new Error(`${file} is not a JSON object: correct it first`);
  for (const name of ["scripts", ...dependencies])
    if (manifest[name] !== undefined && !isSection(manifest[name]))
      throw new Error(`${file}: ${name} is not an object: correct it first`);
  return manifest;
}

/**
 * Adds what a package.json lacks: scripts and dependencies. What it has stays as it is, also where the scaffold would have
 * another value. Indentation and line ends stay, too, as with npm.
 */
export function mergeManifest(text: string, file: string, addition: string): Merged {
  const manifest = readManifest(text, file);
  const added = JSON.parse(addition) as { scripts: Section } & { [section: string]: Section };
  const notes: string[] = [];
  let changed = false;
  const add = (section: string, name: string, value: string) => {
    const values = (manifest[section] ?? {}) as Section;
    manifest[section] = section === "scripts" ? { ...values, [name]: value } : sorted({ ...values, [name]: value });
    changed = true;
  };
  for (const [name, value] of Object.entries(added.scripts)) {
    const there = (manifest.scripts as Section | undefined)?.[name];
    if (there === undefined) add("scripts", name, value);
    else if (there !== value)
      notes.push(`${file} has a script ${name} already, which stays. The scaffold's is: ${value}`);
  }
  for (const section of dependencies.slice(0, 2))
    for (const [name, version] of Object.entries(added[section] ?? {}))
      if (!dependencies.some((one) => (manifest[one] as Section | undefined)?.[name] !== undefined))
        add(section, name, version);
  if (!changed) return { text, notes };
  const indent = /^[{\s]*?\n([ \t]+)"/.exec(text.replace(/^\uFEFF/, ""))?.[1] ?? "  ";
  const printed = `${JSON.stringify(manifest, undefined, indent)}${/\n$/.test(text) || !text.includes("\n") ? "\n" : ""}`;
  const ends = text.includes("\r\n") ? printed.replaceAll("\n", "\r\n") : printed;
  return { text: text.startsWith("\uFEFF") ? `\uFEFF${ends}` : ends, notes };
}

/** Adds the lines that a list, such as .gitignore, lacks. */
export function mergeLines(text: string, addition: string): Merged {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const there = new Set(text.split(/\r?\n/).map(plain));
  const missing = addition
    .trimEnd()
    .split("\n")
    .filter((line) => !there.has(plain(line)));
  if (missing.length === 0) return { text, notes: [] };
  const before = text === "" || text.endsWith("\n") ? text : `${text}${end}`;
  return { text: `${before}${missing.join(end)}${end}`, notes: [] };
}

/** `/node_modules` and `node_modules/` ignore the same folder, as far as a scaffold is concerned. */
const plain = (line: string): string => line.trim().replace(/^\/|\/$/g, "");

const isSection = (value: unknown): value is Manifest =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As npm sorts dependencies. */
const sorted = (values: Section): Section =>
  Object.fromEntries(Object.entries(values).sort(([one], [other]) => one.localeCompare(other, "en")));
