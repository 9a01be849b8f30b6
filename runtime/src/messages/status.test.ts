import { expect, test } from "vitest";
import { type Code, codes, RpcError } from "../core/error.ts";
import { BadRequest, ErrorInfo, RetryInfo } from "./details.ts";
import { decodeStatus, detail, encodeStatus, findDetail } from "./status.ts";

test("a detail is found again by its type", () => {
  const error = new RpcError("INVALID_ARGUMENT", "no", {
    details: [
      detail(ErrorInfo, { reason: "EMPTY", domain: "kitchen" }),
      detail(BadRequest, { fieldViolations: [{ field: "dish.name", description: "is empty" }] }),
    ],
  });

  expect(findDetail(error, BadRequest)?.fieldViolations).toMatchObject([{ field: "dish.name" }]);
  expect(findDetail(error, ErrorInfo)?.reason).toBe("EMPTY");
  expect(findDetail(error, RetryInfo)).toBeUndefined();
});

test("what is no RpcError has no detail", () => {
  for (const value of [undefined, null, "text", new Error("plain"), { details: "text" }]) {
    expect(findDetail(value, RetryInfo)).toBeUndefined();
  }
});

test("bytes that are not the message they claim to be are no detail", () => {
  const error = new RpcError("INTERNAL", "", {
    details: [{ type: RetryInfo.typeName, value: Uint8Array.of(255, 255, 255) }],
  });

  expect(findDetail(error, RetryInfo)).toBeUndefined();
});

test.each(codes)("%s survives the wire with its text and details", (code: Code) => {
  const details = [detail(ErrorInfo, { reason: "R" }), { type: "acme.v1.Unknown", value: Uint8Array.of(8, 1) }];

  expect(decodeStatus(encodeStatus({ code, text: "wörds", details }))).toEqual({ code, text: "wörds", details });
});

test("damaged status bytes are no status", () => {
  expect(decodeStatus(Uint8Array.of(255, 255, 255))).toBeUndefined();
});

test("a code that gRPC does not define reads as UNKNOWN", () => {
  expect(decodeStatus(Uint8Array.of(8, 99))?.code).toBe("UNKNOWN");
});
