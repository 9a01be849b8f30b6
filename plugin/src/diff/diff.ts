import type { Contract, MethodContract } from "../contract/contract.ts";
import type { Change } from "./change.ts";
import { diffPolicies } from "./policy.ts";

/**
 * Everything that two contracts promise differently: policies as they resolve, so that moving an option from a method to its
 * service is no change; routes; `idempotency_level`; which fields are sensitive. In the order of the contract after the change.
 *
 * Both must be without errors. Methods and fields that are gone or renamed are left to `buf breaking`, which knows them: they are
 * changes of the class `none`.
 */
export function diffContracts(before: Contract, after: Contract): Change[] {
  const old = methodsOf(before);
  return [...methodsOf(after)].flatMap(([path, method]) => {
    const known = old.get(path);
    return known ? diffPolicies({ before: known, after: method }) : [];
  });
}

const methodsOf = ({ services }: Contract): Map<string, MethodContract> =>
  new Map(services.flatMap(({ methods }) => methods.map((method) => [method.path, method])));
