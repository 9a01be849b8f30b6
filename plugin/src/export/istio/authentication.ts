import type { Named } from "../shared/access.ts";
import type { KubernetesObject } from "../shared/kubernetes.ts";

/** Claims that Istio takes apart at spaces by itself. */
const spaced: readonly string[] = ["scope", "permission"];

/**
 * Which tokens are good: the issuers that a workload's methods trust. A bad token is refused on every path, none is let through:
 * who needs one is said by the AuthorizationPolicy. The token goes on to the service, which may look at it again.
 */
export function requestAuthentication(
  metadata: KubernetesObject["metadata"],
  selector: object,
  issuers: readonly Named<"jwt">[],
): KubernetesObject {
  return {
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata,
    spec: {
      selector,
      jwtRules: issuers.map(({ issuer, audiences, jwksUri, jwks, scopesClaim }) => ({
        issuer,
        ...(audiences.length > 0 && { audiences }),
        // By itself Istio takes a query parameter as well.
        fromHeaders: [{ name: "Authorization", prefix: "Bearer " }],
        ...(jwksUri === undefined ? { jwks } : { jwksUri }),
        ...(!spaced.includes(scopesClaim) && { spaceDelimitedClaims: [scopesClaim] }),
        forwardOriginalToken: true,
      })),
    },
  };
}
