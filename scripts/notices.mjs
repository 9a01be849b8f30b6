import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Writes THIRD_PARTY.txt beside a bundle: the licences of what is in it, by the paths of its inputs. */
export function writeNotices(outfile, inputs) {
  writeFileSync(join(dirname(outfile), "THIRD_PARTY.txt"), notices(inputs));
}

/** Names the packages that are in the bundle, with the licence texts that they carry. */
function notices(inputs) {
  const folders = inputs.map((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]);
  const packages = [...new Set(folders)]
    .filter((folder) => folder && existsSync(join(root, folder, "package.json")))
    .sort();
  return packages
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
      const text = readdirSync(join(root, folder)).find((file) => /^licen[cs]e/i.test(file));
      return `${name} ${version}: ${license}\n\n${text ? readFileSync(join(root, folder, text), "utf8") : ""}`;
    })
    .join("\n");
}
