import type { Contract, MethodContract } from "../contract/contract.ts";
import type { Change } from "./change.ts";
import { diffFields } from "./fields.ts";
import { diffMethods, goneMethod, newMethod } from "./method.ts";

/**
 * Everything that two contracts promise differently: policies as they resolve, so that moving an option from a method to its
 * service is no change; routes; `idempotency_level`; which fields are sensitive. In the order of the contract after the change.
 *
 * Both must be without errors. Methods and fields that are gone or renamed are left to `buf breaking`, which knows them: a method
 * that is gone is a change of the class `none`, like a new one.
 */
export function diffContracts(before: Contract, after: Contract): Change[] {
  const [old, now] = [methodsOf(before), methodsOf(after)];
  const services = new Map(after.services.map(({ name, place }) => [name, place]));
  return [
    ...[...now].flatMap(([path, method]) => {
      const known = old.get(path);
      return known ? diffMethods({ before: known, after: method }) : [newMethod(method)];
    }),
    ...[...old].flatMap(([path, method]) =>
      now.has(path) ? [] : [goneMethod(method, services.get(method.desc.parent.typeName))],
    ),
    ...diffFields(before, after),
  ];
}

const methodsOf = ({ services }: Contract): Map<string, MethodContract> =>
  new Map(services.flatMap(({ methods }) => methods.map((method) => [method.path, method])));
