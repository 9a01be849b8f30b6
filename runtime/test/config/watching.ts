// Watches a configuration and has nothing else to do.
import { loadConfig } from "../../src/config/load.ts";
import { Kitchen } from "../kitchen/kitchen_mesh.ts";

const { policies, rest } = await loadConfig();
policies.bind(Kitchen);
console.log(rest.join(" "));
