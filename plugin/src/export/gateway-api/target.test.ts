import { expect, test } from "vitest";
import { documentsOf, exported, rpc } from "../../../test/exported.ts";

const open = "auth: { access: PUBLIC }";

const users = `
auth:
  providers:
    - { name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys" } }
`;

test("objects of different services never have one name: the later would replace the earlier", () => {
  const config = `
targets:
  - { name: shop, address: "shop.prod:50051" }
  - { name: shop-admin, address: "shop-admin.prod:50051" }
  - { name: shop-2, address: "shop-2.prod:50051" }
gateway:
  services:
    - { service: acme.Shop, target: shop }
    - { service: acme.Admin, target: shop-admin }
    - { service: acme.Second, target: shop-2 }
${users}`;
  const many = Array.from({ length: 20 }, (_, n) => rpc(`Other${n}`, `${open} timeout: { total: "${n + 1}s" }`));
  const outcome = exported(
    "gateway-api",
    `service Shop { ${rpc("AdminList", "auth: { access: AUTHENTICATED }")} ${many.join(" ")} }
     service Admin { ${rpc("List", "auth: { access: AUTHENTICATED scopes: 'admin' }")} }
     service Second { ${rpc("Get", open)} }`,
    config,
  );
  const names = documentsOf(outcome).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(["SecurityPolicy shop-admin-list", "SecurityPolicy shop-admin-list-2"]));
});

test("names are not longer than Kubernetes takes them", () => {
  const long = "X".repeat(300);
  const outcome = exported("gateway-api", `service S${long} { ${rpc(`M${long}`, open)} }`);
  for (const { metadata } of documentsOf(outcome)) expect(metadata.name.length).toBeLessThanOrEqual(253);
});
