import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { MethodSpec, ServiceSpec } from "../../src/core/spec.ts";
import type { MethodPolicy } from "../../src/policies/index.ts";
import { Kitchen } from "../kitchen/kitchen_mesh.ts";

/** A folder with these files, until the test ends. */
export function folderWith(files: { readonly [name: string]: string } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "mesh-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** The kitchen with other policies in place of its generated ones, by method name. */
export function kitchenSpec(policies: { readonly [method: string]: MethodPolicy }): KitchenSpec {
  const methods: { [key: string]: MethodSpec } = {};
  for (const [key, method] of Object.entries(Kitchen.methods)) {
    const { auth } = method.policy as MethodPolicy;
    methods[key] = { ...method, policy: { auth, ...policies[method.name] } };
  }
  return { ...Kitchen, methods: methods as KitchenSpec["methods"] };
}

type KitchenSpec = ServiceSpec<Kitchen> & { readonly methods: { readonly [K in keyof Kitchen]: MethodSpec } };
