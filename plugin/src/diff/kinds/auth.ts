import type { AuthConfig } from "@protomesh/runtime/policies";
import { compareRules } from "../rule.ts";
import { type Both, each, type Judge, type Kind, type Verdict, without } from "../verdict.ts";

const openness: readonly AuthConfig["access"][] = ["DENY", "AUTHENTICATED", "PUBLIC"];

const access: Judge<AuthConfig["access"]> = (before = "DENY", after = "DENY") => [
  openness.indexOf(after) > openness.indexOf(before)
    ? ["security", after === "PUBLIC" ? "everybody may call" : "every known caller that has what it takes may call"]
    : ["breaking", after === "DENY" ? "nobody may call" : "callers need credentials"],
];

/** Any one of a list is enough, and an empty list means any at all. */
const anyOf =
  (looser: Verdict, tighter: Verdict): Judge<readonly string[]> =>
  (before = [], after = []) => {
    if (before.length === 0) return [tighter];
    if (after.length === 0) return [looser];
    return [
      ...(without(after, before).length > 0 ? [looser] : []),
      ...(without(before, after).length > 0 ? [tighter] : []),
    ];
  };

const rule: Judge<string> = (before, after) => {
  if (before === undefined) return [["breaking", "callers must meet a condition"]];
  if (after === undefined) return [["security", "callers need to meet no condition"]];
  const verdict = compareRules(before, after);
  if (verdict === "same") return [];
  return [
    verdict === "narrower"
      ? ["breaking", "callers must meet one more condition"]
      : ["security", "it cannot be shown that the new condition admits nobody whom the old one refused"],
  ];
};

/** What counts only where known callers are asked for, before and after; otherwise `access` says all. */
const ofAuthenticated =
  <T>(judge: Judge<T>): Judge<T> =>
  (before, after, both) =>
    accessOf(both.before) === "AUTHENTICATED" && accessOf(both.after) === "AUTHENTICATED"
      ? judge(before, after, both)
      : [];

const accessOf = ({ policy }: Both["before"]): AuthConfig["access"] => policy.auth?.access ?? "DENY";

/** With PUBLIC, providers are asked only when they are named. */
const providersOfPublic: Judge<readonly string[]> = (before = [], after = [], both) => {
  if (after.length === 0) return [["security", "credentials are no longer looked at"]];
  if (before.length === 0) return [["breaking", "callers with a bad credential are refused"]];
  return anyProvider(before, after, both);
};

const anyProvider = anyOf(
  ["security", "callers that other providers know may call"],
  ["breaking", "callers that only other providers know are refused"],
);

const providers: Judge<readonly string[]> = (before = [], after = [], both) => {
  const [was, now] = [accessOf(both.before), accessOf(both.after)];
  if (was === "AUTHENTICATED" && now === "AUTHENTICATED") return anyProvider(before, after, both);
  if (was !== "PUBLIC") return [];
  if (now === "PUBLIC") return providersOfPublic(before, after, both);
  // Where none was named, no credential was refused.
  return now === "AUTHENTICATED" && before.length > 0 ? anyProvider(before, after, both) : [];
};

/** `auth`. A method without it is for nobody. */
export const auth: Kind<AuthConfig> = {
  rows: {
    access,
    providers,
    scopes: ofAuthenticated(
      each({
        added: ["breaking", "callers without the scope are refused"],
        removed: ["security", "callers without the scope may call"],
      }),
    ),
    audiences: ofAuthenticated(
      anyOf(
        ["security", "credentials that are meant for others are accepted"],
        ["breaking", "credentials that are meant for others are refused"],
      ),
    ),
    rule: ofAuthenticated(rule),
  },
};
