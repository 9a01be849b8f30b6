// What docs/rest-client.md shows; compiled with the tests.
import { RestError } from "@protomesh/runtime/rest";
import { createDepotRestClient } from "./depot_rest.js";

declare function token(): Promise<string>;

export async function page(): Promise<string[]> {
  const depot = createDepotRestClient({
    baseUrl: "https://api.example.com",
    headers: async () => ({ authorization: `Bearer ${await token()}` }),
  });
  const names: string[] = [];
  try {
    for await (const { name } of depot.follow({ depot: "north", count: 3, failAfter: 0 })) names.push(name);
  } catch (error) {
    if (error instanceof RestError) names.push(`${error.code}: ${error.text}`);
  }
  return names;
}
