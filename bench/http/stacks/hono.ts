// hono on its node server with handlers written by hand and no schema: it takes any JSON.
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import type { HttpServer } from "../contender.ts";
import { portOf } from "./port.ts";

function serve(): Promise<number> {
  const app = new Hono();
  app.get("/v1/tiny/:text", (context) =>
    context.json({ text: context.req.param("text"), number: Number(context.req.query("number")) }),
  );
  app.post("/v1/orders", async (context) => context.json(await context.req.json()));
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, "127.0.0.1");
  return portOf(server as Parameters<typeof portOf>[0]);
}

export const server: HttpServer = { checks: false, serve };
