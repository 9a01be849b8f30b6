import type { Analysis } from "../analysis.ts";
import { contractOf } from "../contract/contract.ts";
import type { Parameters } from "../parameters.ts";
import type { Request } from "../request.ts";
import { unknownDeployment } from "./deployment.ts";
import { readDeployment } from "./read-deployment.ts";
import type { Exported } from "./target.ts";

/** Writes all targets of a run that ask for it. Reports what they cannot express as warnings of the rule `export/<target>`. */
export function exportAll(
  analysis: Analysis,
  request: Request,
  { targets, config, targetOptions }: Parameters,
): Exported["files"] {
  if (targets.length === 0) return [];
  const { problems } = analysis;
  const contract = contractOf(analysis, request);
  const deployment = config === undefined ? unknownDeployment : readDeployment(config);
  for (const { place, text } of deployment.losses) problems.warning(place, text, "export/config");
  for (const { name, place } of contract.services) {
    const { guessed, host, port } = deployment.upstreamOf(name);
    if (guessed)
      problems.warning(
        place,
        `is behind no target of the configuration, so it is taken to be at ${host}:${port}: add it to gateway.services`,
        "export/config",
      );
  }
  return targets.flatMap((target) => {
    const { files, losses } = target.write(contract, deployment, targetOptions);
    for (const { place, method, text } of losses) problems.warning(place, text, `export/${target.name}`, method);
    return files;
  });
}
