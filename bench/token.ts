import { SignJWT } from "jose";

/** Signs and verifies. A shared secret will do: what is measured is the look-up of a token that was verified before. */
export const secret = new TextEncoder().encode("a secret of the bench, known to everybody");
export const issuer = "https://issuer.bench.test";

/** A token that the guarded service accepts, good for an hour. */
export const token = (): Promise<string> =>
  new SignJWT({ scope: "bench.call" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("bench-client")
    .setIssuer(issuer)
    .setAudience("bench")
    .setExpirationTime("1h")
    .sign(secret);
