import type { RpcError } from "../../core/error.ts";
import { refusal } from "../../core/refusal.ts";

/** For a credential that is there and not good. The text says why and repeats nothing of it. */
export const unauthenticated = (text: string): RpcError => refusal("UNAUTHENTICATED", text, { refusedBy: "auth" });

/** For a caller who is known, and not allowed. */
export const denied = (text: string): RpcError => refusal("PERMISSION_DENIED", text, { refusedBy: "auth" });
