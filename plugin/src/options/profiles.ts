import type { DescFile } from "@bufbuild/protobuf";
import { closest } from "../closest.ts";
import type { Problems } from "../problems.ts";
import type { Levels, Profile } from "./level.ts";
import type { OptionPath } from "./path.ts";

/** Finds the profiles that a file may `use`. */
export class Profiles {
  readonly #levels: Levels;
  readonly #problems: Problems;
  /** The profiles that were found, by whoever uses them. */
  readonly used = new Set<Profile>();
  readonly #visible = new Map<DescFile, ReadonlyMap<string, readonly Profile[]>>();

  constructor(levels: Levels, problems: Problems) {
    this.#levels = levels;
    this.#problems = problems;
  }

  /** The profile of a name, as seen from the file of the `use`. Reports when there is none, or more than one. */
  find(name: string, at: OptionPath): Profile | undefined {
    const visible = this.#visibleFrom(at.file);
    const found = visible.get(name) ?? [];
    if (found.length > 1) {
      const files = found.map((profile) => profile.at.file.proto.name).join(" and ");
      this.#problems.error(at, `profile ${name} is in ${files}: rename one of them`, "profile/ambiguous");
    }
    if (found.length === 0) {
      const meant = closest(name, visible.keys());
      const hint = meant
        ? `did you mean ${JSON.stringify(meant)}?`
        : 'declare it in (mesh.v1.file).profiles, or import the file that does and write "<package>.<name>"';
      this.#problems.error(at, `there is no profile ${JSON.stringify(name)}: ${hint}`, "profile/unknown");
    }
    const [profile] = found;
    if (profile) this.used.add(profile);
    return profile;
  }

  /** Profiles by the names that the file calls them: its own with and without its package. */
  #visibleFrom(file: DescFile): ReadonlyMap<string, readonly Profile[]> {
    const known = this.#visible.get(file);
    if (known) return known;
    const visible = new Map<string, Profile[]>();
    const add = (name: string, profile: Profile) => visible.set(name, [...(visible.get(name) ?? []), profile]);
    for (const profile of this.#levels.file(file).profiles) add(profile.name, profile);
    for (const declaring of [file, ...imports(file)]) {
      const scope = declaring.proto.package;
      if (scope === "" && declaring === file) continue;
      for (const profile of this.#levels.file(declaring).profiles) {
        add(scope === "" ? profile.name : `${scope}.${profile.name}`, profile);
      }
    }
    this.#visible.set(file, visible);
    return visible;
  }
}

/** The files whose names a file may use: its imports, and what they import publicly. */
function imports(file: DescFile): Set<DescFile> {
  const found = new Set<DescFile>();
  const follow = (imported: DescFile) => {
    if (found.has(imported)) return;
    found.add(imported);
    const isPublic = new Set(imported.proto.publicDependency.map((index) => imported.proto.dependency[index]));
    for (const next of imported.dependencies) if (isPublic.has(next.proto.name)) follow(next);
  };
  for (const imported of file.dependencies) follow(imported);
  return found;
}
