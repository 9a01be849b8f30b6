import { connect } from "node:net";
import { expect, test } from "vitest";
import { gate } from "../../test/over-grpc.ts";
import { overHttp } from "../../test/over-http.ts";
import type { CallContext } from "../core/context.ts";

test("calls of pipelined requests end with their connection, also those whose response is still behind another", async () => {
  const ended: string[] = [];
  const bothRun = gate();
  const bothEnded = gate();
  const { port, gateway } = await overHttp({
    async getDish({ name }, { signal }: CallContext) {
      const gone = new Promise((resolve) => signal.addEventListener("abort", resolve));
      if (name.endsWith("second")) bothRun.open();
      await gone;
      if (ended.push(name) === 2) bothEnded.open();
      throw signal.reason;
    },
  });
  const socket = connect(port, "127.0.0.1");
  const get = (name: string) => `GET /v1/shelves/1/dishes/${name} HTTP/1.1\r\nhost: x\r\n\r\n`;
  socket.write(get("first") + get("second"));
  await bothRun.promise;
  socket.destroy();
  await bothEnded.promise;
  await gateway.idle();
  expect(ended.sort()).toEqual(["shelves/1/dishes/first", "shelves/1/dishes/second"]);
});
