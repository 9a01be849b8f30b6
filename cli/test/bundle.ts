import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "../../plugin/test/compile.ts";

/** The command as users get it, behind its bin, in a folder where nothing else is installed. */
export interface Bundle {
  readonly dist: string;
  run(folder: string, args: readonly string[], env?: { readonly [name: string]: string }): Ended;
  remove(): void;
}

/** How a run ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Builds the command. */
export function bundle(): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "mesh-bundle-"));
  const dist = join(folder, "dist");
  execFileSync(process.execPath, [join(root, "scripts/build-cli.mjs"), join(dist, "protomesh.js")], { stdio: "pipe" });
  for (const part of ["bin", "package.json"]) cpSync(join(root, "cli", part), join(folder, part), { recursive: true });
  return {
    dist,
    run: (cwd, args, env = {}) =>
      spawnSync(process.execPath, [join(folder, "bin/protomesh.js"), ...args], {
        encoding: "utf8",
        cwd,
        env: { ...process.env, NO_COLOR: "1", ...env },
      }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** A project with its own buf and the proto files of the plugin, as npm installs them. */
export class Project {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "mesh-project-")));

  constructor(files: { readonly [path: string]: string }) {
    this.write({
      "buf.yaml": "version: v2\nmodules:\n  - path: proto\n  - path: node_modules/protoc-gen-mesh/proto\n",
      ".gitignore": "node_modules\n",
      ...files,
    });
    cpSync(join(root, "plugin/proto"), join(this.folder, "node_modules/protoc-gen-mesh/proto"), { recursive: true });
    symlinkSync(join(root, "node_modules/@bufbuild"), join(this.folder, "node_modules/@bufbuild"), "junction");
  }

  write(files: { readonly [path: string]: string }): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  /** Runs git, as somebody. Fails when it does. */
  git(...args: string[]): string {
    const who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"];
    return execFileSync("git", [...who, ...args], { cwd: this.folder, encoding: "utf8", stdio: "pipe" });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A proto file of a service with a policy, and one method with another. */
export const protoWith = (service: string, method = "", more = ""): string => `syntax = "proto3";
package shop.v1;
import "mesh/v1/options.proto";
service Shop {
  option (mesh.v1.service) = {
    ${service}
  };
  rpc Get(GetRequest) returns (Item) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = {
      ${method}
    };
  }
  ${more}
}
message GetRequest {
  string id = 1;
}
message Item {
  string id = 1;
}
`;
