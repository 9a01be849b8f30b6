import { expect, test } from "vitest";
import { FakeClock, mount } from "../testing.ts";
import { type CallOptions, startCall } from "./context.ts";
import { criticalities, criticalityOf, lowerCriticality, withCriticality } from "./criticality.ts";
import { Metadata } from "./metadata.ts";

const claim = (value: string) => new Metadata().set("x-mesh-criticality", value);
const { method } = mount({ name: "none" }, {});
const sent = (options: CallOptions) => [...startCall(method, {}, options, new FakeClock()).metadata];

test.each(["", "critical", "VERY", "CRITICAL ", "CRITICAL, SHEDDABLE", "0", "__proto__"])(
  "%j in the metadata is no claim",
  (value) => {
    expect(criticalityOf(claim(value))).toBeUndefined();
  },
);

test("reads what is one", () => {
  for (const criticality of criticalities) expect(criticalityOf(claim(criticality))).toBe(criticality);
  expect(criticalityOf(new Metadata())).toBeUndefined();
});

test("the lower of two, and who claims nothing changes nothing", () => {
  expect(lowerCriticality("SHEDDABLE", "CRITICAL_PLUS")).toBe("SHEDDABLE");
  expect(lowerCriticality("CRITICAL", "SHEDDABLE_PLUS")).toBe("SHEDDABLE_PLUS");
  expect(lowerCriticality(undefined, "CRITICAL")).toBe("CRITICAL");
  expect(lowerCriticality("CRITICAL", undefined)).toBe("CRITICAL");
  expect(lowerCriticality(undefined, undefined)).toBeUndefined();
});

test("metadata with another criticality: one value, the rest as it was, the original unread and unchanged", () => {
  let read = 0;
  const wire: [string, string][] = [
    ["a", "1"],
    ["x-mesh-criticality", "CRITICAL"],
    ["a", "2"],
    ["x-mesh-criticality", "VERY"],
  ];
  const original = Metadata.lazy({
    all: (key) => wire.filter(([name]) => name === key).map(([, value]) => value),
    entries() {
      read++;
      return wire;
    },
  });
  const lowered = withCriticality(original, "SHEDDABLE");
  expect(criticalityOf(lowered)).toBe("SHEDDABLE");
  expect(lowered.all("X-Mesh-Criticality")).toEqual(["SHEDDABLE"]);
  expect(lowered.all("a")).toEqual(["1", "2"]);
  expect(read).toBe(0);

  const changed = lowered.clone().set("a", "3");
  expect([...changed]).toEqual([
    ["a", "3"],
    ["x-mesh-criticality", "SHEDDABLE"],
  ]);
  expect(original.all("x-mesh-criticality")).toEqual(["CRITICAL", "VERY"]);
  expect([...original]).toHaveLength(4);
  expect(criticalityOf(withCriticality(new Metadata(), "CRITICAL"))).toBe("CRITICAL");
});

test.each([
  // what the call is made for, what the caller's metadata claims, what the option says, what is sent
  [undefined, undefined, undefined, undefined],
  [undefined, undefined, "CRITICAL_PLUS", "CRITICAL_PLUS"],
  [undefined, "SHEDDABLE", undefined, "SHEDDABLE"],
  ["SHEDDABLE", undefined, undefined, "SHEDDABLE"],
  ["SHEDDABLE", "CRITICAL", undefined, "SHEDDABLE"],
  ["SHEDDABLE", undefined, "CRITICAL_PLUS", "SHEDDABLE"],
  ["CRITICAL", "CRITICAL", "SHEDDABLE", "SHEDDABLE"],
  ["CRITICAL_PLUS", "SHEDDABLE_PLUS", "CRITICAL", "SHEDDABLE_PLUS"],
  ["nonsense", undefined, undefined, undefined],
  ["nonsense", undefined, "CRITICAL", "CRITICAL"],
  ["CRITICAL", "nonsense", undefined, "CRITICAL"],
] as const)(
  "a call made for one that is %s, with %s in its metadata and the option %s, is %s",
  (of, own, option, is) => {
    const options: CallOptions = {
      ...(of && { requestMetadata: claim(of) }),
      ...(own && { metadata: { "x-mesh-criticality": own } }),
      ...(option && { criticality: option }),
    };
    expect(sent(options)).toEqual(is ? [["x-mesh-criticality", is]] : []);
  },
);

test("an option that is no criticality is a mistake of the caller", () => {
  expect(() => sent({ criticality: "sheddable" as "SHEDDABLE" })).toThrow(
    'criticality is "sheddable": use one of CRITICAL_PLUS, CRITICAL, SHEDDABLE_PLUS, SHEDDABLE',
  );
});

test("the caller's own metadata stays as it is", () => {
  const metadata = claim("CRITICAL");
  sent({ metadata, criticality: "SHEDDABLE" });
  expect(criticalityOf(metadata)).toBe("CRITICAL");
});
