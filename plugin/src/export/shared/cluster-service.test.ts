import { expect, test } from "vitest";
import { locationOf } from "./cluster-service.ts";

const at = (host: string) => locationOf({ name: "x", host, port: 1, addresses: [], tls: false });

test.each([
  ["shop", { name: "shop" }],
  ["shop.prod", { name: "shop", namespace: "prod" }],
  ["shop.prod.svc", { name: "shop", namespace: "prod" }],
  ["Shop.prod.svc.cluster.local.", { name: "shop", namespace: "prod" }],
])("%s is a Service", (host, expected) => {
  expect(at(host)).toEqual({ kind: "service", namespace: undefined, ...expected });
});

test.each(["api.example.com", "shop.prod.pod.cluster.local", "a.b.svc.example.com", "*.shop", "a_b"])(
  "%s is outside",
  (host) => {
    expect(at(host)).toEqual({ kind: "outside", host });
  },
);

test.each(["127.0.0.1", "::1", "localhost"])("%s is no name", (host) => {
  expect(at(host)).toEqual({ kind: "number", host });
});
