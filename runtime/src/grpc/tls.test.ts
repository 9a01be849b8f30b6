import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { type KitchenMethods, overGrpc } from "../../test/over-grpc.ts";
import type { Peer } from "../core/call.ts";
import { connect } from "./connect.ts";
import { listenGrpc } from "./server.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const file = (name: string) => fileURLToPath(new URL(`../../test/tls/${name}`, import.meta.url));
const ca = file("ca.pem");
const server = { cert: file("server.pem"), key: file("server.key") };
const waiter = { cert: file("waiter.pem"), key: file("waiter.key") };
const intruder = { cert: file("intruder.pem"), key: file("intruder.key") };

/** A kitchen that remembers who called. */
function noting(): { peers: Peer[]; changes: Partial<KitchenMethods> } {
  const peers: Peer[] = [];
  return {
    peers,
    changes: {
      async getDish(request, { peer }) {
        peers.push({ address: peer.address, certificate: peer.certificate });
        return Dish.create({ name: request.name });
      },
    },
  };
}

test("TLS from files", async () => {
  const { peers, changes } = noting();
  const { kitchen } = await overGrpc(changes, { listen: { tls: server }, connect: { tls: { ca } } });

  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
  expect(peers).toEqual([{ address: "127.0.0.1", certificate: undefined }]);
});

test("TLS from what is in the files, as bytes and as text", async () => {
  const { kitchen } = await overGrpc(
    {},
    {
      listen: { tls: { cert: readFileSync(server.cert), key: readFileSync(server.key, "utf8") } },
      connect: { tls: { ca: readFileSync(ca) } },
    },
  );

  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
});

test("a server whose authority is not trusted is UNAVAILABLE", async () => {
  for (const tls of [{ ca: file("stranger.pem") }, true] as const) {
    const { kitchen, target } = await overGrpc({}, { listen: { tls: server }, connect: { tls } });

    await expect(kitchen.getDish(soup)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      text: expect.stringMatching(new RegExp(`^${target.name}: .*(certificate|issuer)`)),
    });
  }
});

test("the server's name must be in its certificate", async () => {
  const right = await overGrpc({}, { listen: { tls: server }, connect: { tls: { ca, serverName: "kitchen.test" } } });
  const wrong = await overGrpc({}, { listen: { tls: server }, connect: { tls: { ca, serverName: "bar.test" } } });

  expect(await right.kitchen.getDish(soup)).toMatchObject({ name: "soup" });
  await expect(wrong.kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("plain text to a TLS server, and TLS to a plain one, are UNAVAILABLE", async () => {
  const encrypted = await overGrpc({}, { listen: { tls: server }, connect: { connectTimeoutMs: 500 } });
  const plain = await overGrpc({}, { connect: { tls: { ca }, connectTimeoutMs: 500 } });

  await expect(encrypted.kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(plain.kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("mutual TLS shows the implementation whose certificate it is", async () => {
  const { peers, changes } = noting();
  const { kitchen } = await overGrpc(changes, {
    listen: { tls: { ...server, ca } },
    connect: { tls: { ca, ...waiter } },
  });

  await kitchen.getDish(soup);

  expect(peers).toEqual([
    {
      address: "127.0.0.1",
      certificate: {
        uris: ["spiffe://kitchen.test/waiter"],
        dns: ["waiter.kitchen.test"],
        fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      },
    },
  ]);
});

test("mutual TLS refuses a client without a certificate, and one with a stranger's", async () => {
  const { peers, changes } = noting();
  const nobody = await overGrpc(changes, { listen: { tls: { ...server, ca } }, connect: { tls: { ca } } });
  const other = await overGrpc(changes, { listen: { tls: { ...server, ca } }, connect: { tls: { ca, ...intruder } } });

  await expect(nobody.kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(other.kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(peers).toEqual([]);
});

test.each([
  [{ ca: "no/such/file.pem" }, /connect\("localhost:1"\): tls.ca names no\/such\/file.pem, .*ENOENT/],
  [{ ca: import.meta.filename }, /tls.ca .* is not PEM/],
  [{ ca: Buffer.from("text") }, /tls.ca is not PEM/],
  [{ cert: waiter.cert }, /tls.cert and tls.key belong together/],
  [{ key: waiter.key }, /tls.cert and tls.key belong together/],
  [{ cert: waiter.cert, key: server.key }, /cannot be used: .*mismatch/],
])("a client's TLS %j is refused with a reason", (tls, reason) => {
  expect(() => connect("localhost:1", { tls })).toThrow(reason);
});

test.each([
  [{ ...server, key: "no/such/file.key" }, /tls.key names no\/such\/file.key/],
  [{ ...server, key: waiter.key }, /cannot be used: .*mismatch/],
  [{ ...server, requireClientCert: true }, /requireClientCert needs tls.ca/],
  [{ cert: server.cert } as never, /tls needs cert and key/],
])("a server's TLS %j is refused with a reason", async (tls, reason) => {
  await expect(listenGrpc(new Map(), { address: "127.0.0.1:0", tls })).rejects.toThrow(reason);
});

test("an error about TLS does not repeat the key", () => {
  const key = readFileSync(waiter.key, "utf8");
  const broken = key.replace(/[A-Za-z]{5}/, "+++++");

  expect(() => connect("localhost:1", { tls: { cert: waiter.cert, key: broken } })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining(key.slice(40, 80)) }),
  );
});

test("an authority alone need not mean mutual TLS", async () => {
  const { kitchen } = await overGrpc(
    {},
    { listen: { tls: { ...server, ca, requireClientCert: false } }, connect: { tls: { ca } } },
  );

  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
});
