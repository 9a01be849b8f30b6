// Run by signals.test.ts in a process of its own: serves, says what happens, and ends as signals tell it.
// Arguments: the drain options as JSON; "stay": something else keeps the process alive.

import { serve } from "../src/serve/serve.ts";
import { implement } from "../src/server.ts";
import { Dish } from "./kitchen/kitchen.ts";
import { Kitchen } from "./kitchen/kitchen_mesh.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);
const [drain = "{}", stay] = process.argv.slice(2);

/** Answers when a line arrives on stdin. */
const getDish = () =>
  new Promise<Dish>((resolve) => {
    say("called");
    process.stdin.once("data", () => {
      process.stdin.destroy();
      resolve(Dish.create({ name: "done" }));
    });
  });

const { getDish: method } = Kitchen.methods;
const server = await serve({
  services: [
    implement({ ...Kitchen, methods: { getDish: method } } as typeof Kitchen, { getDish } as unknown as Kitchen),
  ],
  http: 0,
  drain: JSON.parse(drain),
  onState: say,
});
if (stay) setInterval(() => {}, 1_000);
void server.stopped.then(() => say("after"));
say(`${server.http?.url}`);
