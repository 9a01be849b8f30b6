import { create, type DescFile, type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import type { OptionRecord } from "@protomesh/runtime/policies";
import {
  FilePolicySchema,
  file as fileOption,
  method as methodOption,
  type Policy,
  PolicySchema,
  type Profile as ProfileOption,
  service as serviceOption,
} from "../gen/mesh/v1/options_pb.js";
import type { Place, Problems } from "../problems.ts";
import { checkPolicy } from "./check.ts";
import { OptionPath } from "./path.ts";
import { readOption, reportNewer } from "./read.ts";
import type { Target } from "./target.ts";

/** One policy as a proto file has it. */
export interface Level {
  readonly target: Target;
  readonly at: OptionPath;
  readonly policy: OptionRecord;
  /** False when the policy is wrong by itself, which has been reported. */
  readonly ok: boolean;
}

/** A named policy of a file. */
export interface Profile extends Level {
  readonly name: string;
}

/** A file's option. */
export interface FileLevel {
  readonly defaults: Level | undefined;
  readonly profiles: readonly Profile[];
}

// Numbers of the `options` field of FileDescriptorProto, ServiceDescriptorProto and MethodDescriptorProto.
const optionsOf = { file: 8, service: 3, method: 4 };

/** Reads policies and checks each by itself. A file is read once, however many import it. */
export class Levels {
  readonly #problems: Problems;
  readonly #files = new Map<DescFile, FileLevel>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  file(file: DescFile): FileLevel {
    const level = this.#files.get(file) ?? this.#readFile(file);
    this.#files.set(file, level);
    return level;
  }

  service(service: DescService, place: Place): Level | undefined {
    if (!hasOption(service, serviceOption)) return undefined;
    const path = [...place.path, optionsOf.service, serviceOption.number];
    const at = new OptionPath(place.file, path, "(mesh.v1.service)", PolicySchema);
    return this.#level("service", at, getOption(service, serviceOption));
  }

  method(method: DescMethod, place: Place): Level | undefined {
    if (!hasOption(method, methodOption)) return undefined;
    const path = [...place.path, optionsOf.method, methodOption.number];
    const at = new OptionPath(place.file, path, "(mesh.v1.method)", PolicySchema);
    return this.#level("method", at, getOption(method, methodOption));
  }

  #readFile(file: DescFile): FileLevel {
    if (!hasOption(file, fileOption)) return { defaults: undefined, profiles: [] };
    const at = new OptionPath(file, [optionsOf.file, fileOption.number], "(mesh.v1.file)", FilePolicySchema);
    const option = getOption(file, fileOption);
    reportNewer(option, at, this.#problems);
    const names = new Set<string>();
    return {
      defaults: option.defaults && this.#level("file", at.field("defaults"), option.defaults),
      profiles: option.profiles.map((profile, index) =>
        this.#profile(profile, at.field("profiles").item(index), names),
      ),
    };
  }

  #profile(profile: ProfileOption, at: OptionPath, names: Set<string>): Profile {
    const { name } = profile;
    reportNewer(profile, at, this.#problems);
    if (!/^[A-Za-z_][\w-]*$/.test(name)) {
      const text = `${JSON.stringify(name)} is no name for a profile: use letters, digits, "_" and "-"`;
      this.#problems.error(at.field("name"), text, "profile/name");
    } else if (names.has(name)) {
      this.#problems.error(at.field("name"), `profile ${name} is there twice: rename one of them`, "profile/name");
    }
    names.add(name);
    return { name, ...this.#level("file", at.field("policy"), profile.policy ?? create(PolicySchema)) };
  }

  #level(target: Target, at: OptionPath, option: Policy): Level {
    const { result: policy, ok } = this.#problems.watch(() => {
      const record = readOption(PolicySchema, option, at, this.#problems);
      checkPolicy(record, target, at, this.#problems);
      return record;
    });
    return { target, at, policy, ok };
  }
}
