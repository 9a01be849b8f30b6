import { create } from "@bufbuild/protobuf";
import { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { siteFactory } from "../core/site.ts";
import type { MethodSpec } from "../core/spec.ts";
import { esCodec } from "./codec.ts";
import { bytesOf, latin1 } from "./latin1.ts";
import { copyOf, Replies, repliesOf } from "./replies.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

test("what was unused for longest goes first when there is no room", () => {
  const replies = new Replies(3 * (128 + 2 + 10));
  for (const key of ["a", "b", "c"]) replies.keep(key, new Uint8Array(10), 0);
  replies.get("a");
  replies.keep("d", new Uint8Array(10), 0);
  expect(["a", "b", "c", "d"].filter((key) => replies.get(key))).toEqual(["a", "c", "d"]);
});

test("a reply that is too large is not kept, and neither is the one that it replaces", () => {
  const replies = new Replies(200);
  replies.keep("a", bytes(1), 0);
  replies.keep("a", new Uint8Array(200), 1);
  expect(replies.get("a")).toBeUndefined();
  expect(replies.bytes).toBe(0);
});

test("a reply that was asked for earlier does not replace a later one", () => {
  const replies = new Replies(1000);
  replies.keep("a", bytes(2), 2);
  replies.keep("a", bytes(1), 1);
  expect(replies.get("a")?.text).toBe("\x02");
  replies.keep("a", bytes(3), 2);
  expect(replies.get("a")?.text).toBe("\x03");
});

test("all bytes are kept, as a copy", () => {
  const replies = new Replies(1000);
  const every = Uint8Array.from({ length: 256 }, (_, n) => n);
  const mine = Buffer.from(every);
  replies.keep("a", mine, 0);
  mine.fill(0);
  expect([...bytesOf(replies.get("a")?.text ?? "")]).toEqual([...every]);
});

test("what is kept never exceeds the bound, whatever is done, and counts what is there", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("keep" as const), key: fc.string({ maxLength: 4 }), size: fc.nat(600), at: fc.nat(5) }),
    fc.record({ do: fc.constant("get" as const), key: fc.string({ maxLength: 4 }) }),
    fc.record({ do: fc.constant("bound" as const), to: fc.nat(2000) }),
  );
  fc.assert(
    fc.property(fc.nat(2000), fc.array(step, { maxLength: 60 }), (first, steps) => {
      const replies = new Replies(first);
      let bound = first;
      const keys = new Set<string>();
      for (const one of steps) {
        if (one.do === "keep") {
          keys.add(one.key);
          replies.keep(one.key, new Uint8Array(one.size), one.at);
        } else if (one.do === "get") replies.get(one.key);
        else {
          bound = one.to;
          replies.bound(bound);
        }
        const there = [...keys].flatMap((key) => {
          const kept = replies.get(key);
          return kept ? [kept.text.length + 2 * key.length + 128] : [];
        });
        expect(replies.bytes).toBe(there.reduce((sum, size) => sum + size, 0));
        expect(replies.bytes).toBeLessThanOrEqual(bound);
      }
    }),
  );
});

test("replies survive a change of the policy, unless it changes what makes them differ", () => {
  const site = siteFactory({})({ path: "/t.T/A" } as MethodSpec);
  const config = { vary: [], maxBytes: 1000, side: "CLIENT" } as const;
  const replies = repliesOf(site, config);
  replies.keep("a", bytes(1), 0);
  expect(repliesOf(site, { ...config, maxBytes: 500 })).toBe(replies);
  expect(replies.get("a")).toBeDefined();
  repliesOf(site, { ...config, maxBytes: 100 });
  expect(replies.get("a")).toBeUndefined();
  expect(repliesOf(site, { ...config, vary: ["all"] })).not.toBe(replies);
  expect(repliesOf({ ...site, method: { path: "/t.T/B" } as MethodSpec }, config)).not.toBe(replies);
});

test.each([
  ["bytes", (kept: Uint8Array) => kept],
  ["text", latin1],
])("a copy shares nothing with the %s that are kept, not even the bytes of a field", (_, as) => {
  const codec = esCodec(BytesValueSchema);
  const kept = as(codec.encode(create(BytesValueSchema, { value: bytes(1, 2, 3) })));
  const copy = copyOf(codec, kept) as { value: Uint8Array };
  copy.value.fill(0);
  expect(copyOf(codec, kept)).toMatchObject({ value: bytes(1, 2, 3) });
  expect(copyOf(codec, as(bytes(255)))).toBeUndefined();
});
