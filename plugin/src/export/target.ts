import type { Contract } from "../contract/contract.ts";
import type { Place } from "../problems.ts";
import type { Deployment } from "./deployment.ts";

/** A value of the parameter `target`: what a contract is written for, besides TypeScript. */
export interface Target {
  readonly name: string;
  /** For --help, one line. */
  readonly summary: string;
  write(contract: Contract, deployment: Deployment, options: TargetOptions): Exported;
}

/** What parameters say to targets. */
export interface TargetOptions {
  /** Who reads service configs. */
  readonly serviceConfig: "spec" | "grpc-js";
  /** The Gateway that routes hang on: its name, or namespace and name with a slash between. */
  readonly gateway: string;
}

/** What a target has written. */
export interface Exported {
  /** The same bytes for the same contract. */
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** Everything that the target cannot express, or expresses otherwise. Each is a warning. */
  readonly losses: readonly Loss[];
}

/** What becomes of an option that a target cannot express. */
export interface Loss {
  /** Where it was set. */
  readonly place: Place;
  /** The method that has it, when the place is above the method. */
  readonly method?: string | undefined;
  /** What is lost and what it becomes, such as "Istio knows no jitter: waits are spread by its own 25 ms". */
  readonly text: string;
}
