/** The schemas that Istio, the Gateway API and Envoy Gateway publish, out of their Go modules. Nothing of them is built. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

/** A schema of a CustomResourceDefinition: JSON Schema with Kubernetes' own keywords. Source: Kubernetes, "Structural schemas". */
export interface Structural {
  readonly [keyword: string]: unknown;
  readonly type?: string;
  readonly properties?: { readonly [name: string]: Structural };
  readonly items?: Structural;
  readonly additionalProperties?: Structural | boolean;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message?: string }[];
}

/** Where schemas are: a version, its checksum as Go's checksum database has it, and the files within. */
const modules = [
  {
    path: "istio.io/api",
    version: "v1.31.1",
    sum: "h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk=",
    crds: ["kubernetes/customresourcedefinitions.gen.yaml"],
  },
  {
    path: "sigs.k8s.io/gateway-api",
    version: "v1.6.1",
    sum: "h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY=",
    crds: ["config/crd/standard"],
  },
  {
    path: "github.com/envoyproxy/gateway",
    version: "v1.9.1",
    sum: "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=",
    crds: ["charts/gateway-helm/charts/crds/crds/generated"],
  },
] as const;

interface Definition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema: { readonly openAPIV3Schema: Structural };
    }[];
  };
}

/** Schemas by `<group>/<version> <Kind>`. Throws an Error when a module cannot be had, or is not what it was. */
export function readCrds(): ReadonlyMap<string, Structural> {
  const schemas = new Map<string, Structural>();
  for (const module of modules) {
    const folder = download(module);
    for (const file of module.crds.flatMap((path) => yamlBelow(join(folder, path))))
      for (const document of parseAllDocuments(readFileSync(file, "utf8"))) {
        const definition = document.toJS() as Definition | null;
        if (definition?.kind !== "CustomResourceDefinition") continue;
        const { group, names, versions } = definition.spec;
        for (const { name, served, schema } of versions)
          if (served) schemas.set(`${group}/${name} ${names.kind}`, schema.openAPIV3Schema);
      }
  }
  return schemas;
}

const yamlBelow = (path: string): string[] =>
  statSync(path).isFile()
    ? [path]
    : readdirSync(path)
        .filter((name) => name.endsWith(".yaml"))
        .sort()
        .map((name) => join(path, name));

function download({ path, version, sum }: (typeof modules)[number]): string {
  // A module may ask for a newer Go than this one, although nothing is built.
  const { stdout, stderr, error } = spawnSync("go", ["mod", "download", "-json", `${path}@${version}`], {
    encoding: "utf8",
    env: { ...process.env, GOTOOLCHAIN: "auto", GOFLAGS: "-mod=mod" },
  });
  if (error) throw error;
  const { Dir, Sum, Error: problem } = JSON.parse(stdout || "{}") as { Dir?: string; Sum?: string; Error?: string };
  if (Dir === undefined) throw new Error(`${path}@${version} cannot be had: ${problem ?? stderr}`);
  if (Sum !== sum) throw new Error(`${path}@${version} has the checksum ${Sum}, not ${sum}`);
  return Dir;
}
