/** What could be built or fetched of the gateways that are not Node.js. */
export function buildGateways(): {
  /** Environment variables under which the bench finds them. */
  readonly env: { readonly [name: string]: string };
  /** Why a contender is missing, by its name. */
  readonly missing: { readonly [contender: string]: string };
};
