import type { DescFile } from "@bufbuild/protobuf";
import type { MethodContract, ServiceContract } from "../contract/contract.ts";
import type { LintRule } from "./rule.ts";

/** So many requests may come of one call at the end of a chain of services. */
const most = 4;

/** Retries of layers multiply: three layers with three attempts each send 27 requests to what is already in trouble. */
export const amplification: LintRule = {
  id: "retry/amplification",
  severity: "warning",
  purpose: "Attempts of services that call each other, by what their files import, multiply to four at most.",
  check({ services }, report) {
    const below = chains(services);
    for (const service of services) {
      const called = below(service.desc.file);
      const own = worstOf(service);
      // Where a chain grows too long it is reported, and not again by everything above.
      if (!own || !called || called.product > most || own.attempts * called.product <= most) continue;
      const place = own.method.origins.get(own.option)?.place ?? own.method.place;
      const steps = [
        `${own.attempts} of ${own.method.name}`,
        ...called.steps.map(({ attempts, method }) => `${attempts} of ${method.desc.parent.name}.${method.name}`),
      ];
      report(
        place,
        `attempts multiply where one method calls the other, and ${service.desc.file.proto.name} imports what it may call: ${steps.join(" x ")} are ${own.attempts * called.product} requests for one call; let one of these layers retry, not all`,
      );
    }
  },
};

interface Worst {
  readonly attempts: number;
  readonly method: MethodContract;
  readonly option: "retry" | "hedge";
}

interface Chain {
  readonly product: number;
  readonly steps: readonly Worst[];
}

/** The method of a service that sends the most requests for one call; undefined when none sends more than one. */
function worstOf({ methods }: ServiceContract): Worst | undefined {
  let worst: Worst | undefined;
  for (const method of methods) {
    for (const option of ["retry", "hedge"] as const) {
      const attempts = method.policy[option]?.attempts ?? 1;
      if (attempts > (worst?.attempts ?? 1)) worst = { attempts, method, option };
    }
  }
  return worst;
}

/** The worst chain of calls into what a file imports; undefined when nothing there is sent again. */
function chains(services: readonly ServiceContract[]): (file: DescFile) => Chain | undefined {
  const known = new Map<DescFile, Chain | undefined>();
  const into = (file: DescFile): Chain | undefined => {
    const found = known.get(file);
    if (found || known.has(file)) return found;
    let worst: Chain | undefined;
    for (const imported of file.dependencies) {
      const deeper = into(imported);
      const here = services
        .filter(({ desc }) => desc.file === imported)
        .map(worstOf)
        .reduce((a, b) => ((b?.attempts ?? 1) > (a?.attempts ?? 1) ? b : a), undefined);
      const product = (here?.attempts ?? 1) * (deeper?.product ?? 1);
      if (product > (worst?.product ?? 1))
        worst = { product, steps: [...(here ? [here] : []), ...(deeper?.steps ?? [])] };
    }
    known.set(file, worst);
    return worst;
  };
  return into;
}
