import { RpcError, type ServerPlace, type UserLayer, whenOver } from "@protomesh/runtime";

/** A line per call that was let in: who called what, how it ended, how long it took. A streamed reply ends with its last message. */
export const auditLog = (write: (line: string) => void): UserLayer<ServerPlace> => ({
  at: "after auth",
  layer({ method, clock }) {
    return (next) => (call) => {
      const startedAt = clock.now();
      return whenOver(next(call), (error) => {
        const who = call.principal?.subject ?? "anonymous";
        const code = error === undefined ? "OK" : error instanceof RpcError ? error.code : "INTERNAL";
        write(`${who} ${method.path} ${code} ${Math.round(clock.now() - startedAt)} ms`);
      });
    };
  },
});
