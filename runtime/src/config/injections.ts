import type { JsonValue } from "@bufbuild/protobuf";
import type { Code } from "../core/error.ts";
import { parseDuration, parseKey } from "../core/fields.ts";
import { nearest } from "../core/known-keys.ts";
import type { FaultConfig } from "../policies/fault.ts";
import type { MirrorConfig, SplitConfig } from "../traffic.ts";
import type { Place } from "./place.ts";

/** An object of a checked configuration. */
export type Json = { readonly [key: string]: JsonValue };

/** The config of a fault. Throws a ConfigError. */
export function parseFault(json: Json, place: Place): FaultConfig {
  const {
    delay,
    abort,
    header,
    maxActive,
    side = "CLIENT",
  } = json as {
    delay?: Json;
    abort?: Json;
    header?: string;
    maxActive?: number;
    side?: FaultConfig["side"];
  };
  if (!delay && !abort) throw place.error("", "does nothing: add delay or abort");
  return {
    side,
    ...(delay && { delay: { ms: delayMs(delay, place.at("delay")), percent: percentOf(delay, place.at("delay")) } }),
    ...(abort && { abort: { code: codeOf(abort, place.at("abort")), percent: percentOf(abort, place.at("abort")) } }),
    ...(header !== undefined && { header: headerOf(header, place) }),
    ...(maxActive !== undefined && { maxActive: atLeastOne("maxActive", maxActive, place) }),
  };
}

function delayMs({ duration = "" }: Json, place: Place): number {
  place.required({ duration: duration as string });
  return place.parsed("duration", () => parseDuration(duration as string));
}

function codeOf({ code = "" }: Json, place: Place): Code {
  place.required({ code: code as string });
  if (code === "OK") throw place.error("code", "OK is no failure: name another code, such as UNAVAILABLE");
  return code as Code;
}

/** The config of a split. Throws a ConfigError. */
export function parseSplit(json: Json, known: readonly string[], place: Place): SplitConfig {
  const { targets = [], sticky, header } = json as { targets?: readonly Json[]; sticky?: string; header?: string };
  if (targets.length === 0) throw place.error("targets", "is empty: name at least one target");
  const shares = targets.map((share, index) => {
    const here = place.at(`targets[${index}]`);
    const { target = "", weight = 0 } = share as { target?: string; weight?: number };
    checkTarget(target, known, here);
    return { target, weight: atLeastOne("weight", weight, here) };
  });
  shares.forEach(({ target }, index) => {
    if (shares.findIndex((one) => one.target === target) !== index)
      throw place.error(`targets[${index}].target`, `${JSON.stringify(target)} is there twice: add up the weights`);
  });
  if (sticky !== undefined) {
    const { kind } = place.parsed("sticky", () => parseKey(sticky));
    if (kind !== "metadata" && kind !== "field")
      throw place.error(
        "sticky",
        `a client does not know ${JSON.stringify(kind)}: use "metadata:<name>" or "field:<path>"`,
      );
  }
  return {
    targets: shares,
    ...(sticky !== undefined && { sticky }),
    ...(header !== undefined && { header: headerOf(header, place) }),
  };
}

/** The config of a mirror. Throws a ConfigError. */
export function parseMirror(json: Json, known: readonly string[], place: Place): MirrorConfig {
  const {
    target = "",
    maxActive = 100,
    allowSideEffects = false,
  } = json as {
    target?: string;
    maxActive?: number;
    allowSideEffects?: boolean;
  };
  checkTarget(target, known, place);
  return {
    target,
    percent: percentOf(json, place),
    maxActive: atLeastOne("maxActive", maxActive, place),
    allowSideEffects,
  };
}

function checkTarget(target: string, known: readonly string[], place: Place): void {
  place.required({ target });
  if (known.includes(target)) return;
  const meant = nearest(target, known);
  throw place.error(
    "target",
    `no target is named ${JSON.stringify(target)}${meant ? `, did you mean ${meant}?` : "."} Named are: ${known.join(", ") || "none"}. New ones need a restart`,
  );
}

function percentOf({ percent = 100 }: Json, place: Place): number {
  if ((percent as number) >= 0 && (percent as number) <= 100) return percent as number;
  throw place.error("percent", `${percent} is out of range: use a number between 0 and 100`);
}

function atLeastOne(key: string, value: number, place: Place): number {
  if (value >= 1) return value;
  throw place.error(key, "is 0: use a whole number of at least 1, or leave the whole entry out");
}

function headerOf(header: string, place: Place): string {
  const name = header.toLowerCase();
  if (/^[a-z0-9_.-]+$/.test(name) && !name.startsWith("grpc-") && !name.endsWith("-bin")) return name;
  throw place.error("header", `${JSON.stringify(header)} is no key of text metadata: write one such as "x-canary"`);
}
