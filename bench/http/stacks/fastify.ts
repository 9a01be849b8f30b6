// fastify with handlers written by hand and no schema: it takes any JSON.
import fastify from "fastify";
import type { HttpServer } from "../contender.ts";

async function serve(): Promise<number> {
  const app = fastify();
  app.get<{ Params: { text: string }; Querystring: { number: string } }>("/v1/tiny/:text", async (request) => ({
    text: request.params.text,
    number: Number(request.query.number),
  }));
  app.post("/v1/orders", async (request) => request.body);
  return Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
}

export const server: HttpServer = { checks: false, serve };
