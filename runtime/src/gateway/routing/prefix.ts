import { decode } from "./path.ts";

/** Whether a text is the beginning of paths: literal segments, none of them empty or what templates mean something by. */
export const isPrefix = (text: string): boolean =>
  /^\/(?:[^/?#*{}\s]+(?:\/[^/?#*{}\s]+)*\/?)?$/.test(text) && decode(text) !== undefined;

/** What to tell whoever wrote something else. */
export const prefixHelp = (what: string): string =>
  `${what} must start with a slash and have no empty segment and no variable, such as "/shop"`;

/** The segments of a prefix, as routes have theirs. */
export const prefixSegments = (prefix: string): readonly string[] =>
  prefix
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => encodeURIComponent(decode(segment) ?? segment));
