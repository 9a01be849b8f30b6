import type { Contract, MethodContract } from "../contract/contract.ts";
import type { Deployment } from "./deployment.ts";
import { channelConfig } from "./service-config/channel.ts";
import { type Dialect, dialects } from "./service-config/dialect.ts";
import { reportLeft } from "./service-config/left.ts";
import { type MethodConfig, methodConfig } from "./service-config/method.ts";
import { Losses } from "./shared/losses.ts";
import type { Target } from "./target.ts";

/**
 * gRPC service configs, `<upstream>_service_config.json`: one for the services behind one address, because a channel has one.
 * Source: grpc/service_config/service_config.proto; gRFC A6.
 */
export const serviceConfig: Target = {
  name: "service-config",
  summary: "gRPC service configs for clients that are not generated: <upstream>_service_config.json",
  write(contract, deployment, options) {
    const losses = new Losses();
    const dialect = dialects[options.serviceConfig];
    const files = byUpstream(contract, deployment).map(([name, methods]) => ({
      name: `${name}_service_config.json`,
      content: `${JSON.stringify(configOf(methods, dialect, losses), undefined, 2)}\n`,
    }));
    return { files, losses: losses.all };
  },
};

function byUpstream({ services }: Contract, deployment: Deployment): [name: string, methods: MethodContract[]][] {
  const found = new Map<string, MethodContract[]>();
  for (const { name, methods } of services) {
    const upstream = deployment.upstreamOf(name).name;
    found.set(upstream, [...(found.get(upstream) ?? []), ...methods]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function configOf(methods: readonly MethodContract[], dialect: Dialect, losses: Losses) {
  const groups = new Map<string, { readonly config: MethodConfig; readonly names: object[] }>();
  for (const method of methods) {
    reportLeft(method, losses);
    const config = methodConfig(method, dialect, losses);
    if (Object.keys(config).length === 0) continue;
    const key = JSON.stringify(config);
    const group = groups.get(key) ?? { config, names: [] };
    group.names.push({ service: method.desc.parent.typeName, method: method.name });
    groups.set(key, group);
  }
  return {
    ...channelConfig(methods, dialect, losses),
    methodConfig: [...groups.values()].map(({ config, names }) => ({ name: names, ...config })),
  };
}
