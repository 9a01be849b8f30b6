import { docs } from "../docs/docs.ts";
import { envoy } from "./envoy/target.ts";
import { gatewayApi } from "./gateway-api/target.ts";
import { istio } from "./istio/target.ts";
import { serviceConfig } from "./service-config.ts";
import type { Target } from "./target.ts";

/** What a contract can be written for, besides TypeScript: the one registry. */
export const targets: readonly Target[] = [serviceConfig, envoy, istio, gatewayApi, docs];
