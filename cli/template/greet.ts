import { connect, implement, serve } from "@protomesh/runtime";
import { createGreeterClient, Greeter } from "./gen/greet/v1/greet_mesh.js";

const greeter: Greeter = {
  async greet({ name }) {
    return { text: `Hello, ${name}!` };
  },
};

const server = await serve({
  services: [implement(Greeter, greeter)],
  grpc: "127.0.0.1:0",
  http: "127.0.0.1:0",
});

const target = connect(`127.0.0.1:${server.grpc?.port}`);
const reply = await createGreeterClient(target).greet({ name: "gRPC" });
console.log(reply.text);

const response = await fetch(`${server.http?.url}/v1/greetings/REST`);
console.log(await response.json());

await target.close();
await server.stop();
