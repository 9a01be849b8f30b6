import type { DescFile } from "@bufbuild/protobuf";
import type { Contract, MethodContract, ServiceContract } from "../contract/contract.ts";
import { worstCase } from "../docs/worst-case.ts";

/** What one call of a method can become when something goes wrong. */
export interface Amplification {
  /** Requests to the service, those of a method that stands in included. */
  readonly requests: number;
  /**
   * Requests at the end of the longest chain of services, where each calls what its file imports and sends its calls again as
   * often as it may. As many as `requests` where a file imports no service.
   */
  readonly chain: number;
  /** How long the caller may wait, in milliseconds. Infinity: nothing bounds it. */
  readonly longestMs: number;
}

/** A method whose worst case is another one. */
export interface AmplificationChange {
  readonly subject: string;
  readonly before: Amplification;
  readonly after: Amplification;
}

/** The methods of both contracts of which a call can become more, fewer or longer than before. */
export function diffAmplification(before: Contract, after: Contract): AmplificationChange[] {
  const [old, now] = [amplifications(before), amplifications(after)];
  return [...now].flatMap(([subject, one]) => {
    const known = old.get(subject);
    const same = known?.requests === one.requests && known.chain === one.chain && known.longestMs === one.longestMs;
    return known && !same ? [{ subject, before: known, after: one }] : [];
  });
}

/** The worst case of every method, by its path. */
function amplifications({ services }: Contract): Map<string, Amplification> {
  const below = chains(services);
  return new Map(
    services.flatMap((service) =>
      service.methods.map((method) => {
        const requests = requestsOf(method, service);
        const chain = requests * below(service.desc.file);
        return [method.path, { requests, chain, longestMs: worstCase(method).longestMs }];
      }),
    ),
  );
}

/** A method that stands in for a failure is called as well. Nothing stands in for that one. */
function requestsOf(method: MethodContract, { methods }: ServiceContract): number {
  const standIn = methods.find(({ name }) => name === method.policy.fallback?.method);
  return sentBy(method) + (standIn ? sentBy(standIn) : 0);
}

/** Requests of the method's own attempts. */
const sentBy = (method: MethodContract): number =>
  worstCase(method).attempts.filter(({ fits }) => fits !== "late").length;

/** By how much the services that a file imports, and those that they import, multiply a call at most. */
function chains(services: readonly ServiceContract[]): (file: DescFile) => number {
  const known = new Map<DescFile, number>();
  const below = (file: DescFile): number => {
    const found = known.get(file);
    if (found !== undefined) return found;
    const products = file.dependencies.map((imported) => {
      const there = services.filter(({ desc }) => desc.file === imported);
      const requests = there.flatMap((service) => service.methods.map((method) => requestsOf(method, service)));
      return Math.max(1, ...requests) * below(imported);
    });
    const product = Math.max(1, ...products);
    known.set(file, product);
    return product;
  };
  return below;
}
