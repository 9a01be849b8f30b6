import type { PathVariable } from "@protomesh/runtime";

/** A path template that cannot be served. The message says what is wrong and what would be right. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** A parsed path template; the fields are those of `Route`. */
export interface PathTemplate {
  readonly segments: readonly string[];
  readonly verb?: string;
  readonly variables: readonly PathVariable[];
}

/**
 * Parses a path template of `google.api.http`.
 *
 * Accepts the grammar of google/api/http.proto, the bare `/`, and segments after a `**`: Firestore's own API has such
 * templates, against that grammar. Refuses what the grammar forbids and some servers let pass: nested or repeated
 * variables, empty segments, a second `**`.
 * Source: google/api/http.proto, "Path template syntax"; RFC 3986, 3.3 and 6.2.2.2.
 */
export function parsePathTemplate(template: string): PathTemplate {
  const text = new Scanner(template);
  if (!text.take("/")) throw new TemplateError(`it must start with "/": write "/${template}"`);
  if (text.atEnd) return { segments: [], variables: [] };

  const segments: string[] = [];
  const variables: PathVariable[] = [];
  do {
    if (text.take("{")) readVariable(text, segments, variables);
    else segments.push(readSegment(text));
  } while (text.take("/"));
  const verb = text.take(":") ? readVerb(text) : undefined;
  if (!text.atEnd) throw unexpected(text);
  checkWildcards(segments);
  return verb === undefined ? { segments, variables } : { segments, verb, variables };
}

/** Reads a template from left to right. */
class Scanner {
  readonly template: string;
  #at = 0;

  constructor(template: string) {
    this.template = template;
  }

  get atEnd(): boolean {
    return this.#at === this.template.length;
  }

  /** What was not read yet. */
  get rest(): string {
    return this.template.slice(this.#at);
  }

  /** Reads exactly this text, or nothing. */
  take(text: string): boolean {
    const found = this.template.startsWith(text, this.#at);
    if (found) this.#at += text.length;
    return found;
  }

  /** Reads up to the first of these characters. */
  until(stop: RegExp): string {
    const length = this.rest.search(stop);
    const text = length < 0 ? this.rest : this.rest.slice(0, length);
    this.#at += text.length;
    return text;
  }
}

const fieldPath = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;

function readVariable(text: Scanner, segments: string[], variables: PathVariable[]): void {
  const field = text.until(/[={}/]/);
  if (!fieldPath.test(field)) {
    throw new TemplateError(
      `"{${field}" does not name a field: write {field} or {message.field}, in letters, digits and "_"`,
    );
  }
  if (variables.some((variable) => variable.field === field))
    throw new TemplateError(`{${field}} stands in it twice: a field takes one value, so remove one`);

  const from = segments.length;
  if (text.take("=")) {
    do segments.push(readSegment(text));
    while (text.take("/"));
  } else segments.push("*");
  if (!text.take("}")) throw unexpected(text, `{${field}} needs its closing "}"`);
  variables.push({ field, from, to: segments.length });
}

function readSegment(text: Scanner): string {
  if (text.rest.startsWith("{"))
    throw new TemplateError("a variable stands inside a variable: end the outer one first");
  const segment = text.until(/[/:{}]/);
  if (segment === "")
    throw new TemplateError("it has an empty segment: remove the extra slash, or write a literal there");
  return segment === "*" || segment === "**" ? segment : literal(segment, "segment");
}

function readVerb(text: Scanner): string {
  const verb = text.until(/[/{}]/);
  if (verb === "") throw new TemplateError(`it ends in ":" without a verb: name one, or remove the colon`);
  return literal(verb, "verb");
}

/** One spelling for all that mean the same bytes: unreserved characters as they are, others as %XX in capitals. */
function literal(text: string, what: string): string {
  const bad = text.replace(/%[0-9A-Fa-f]{2}/g, "").match(/[^A-Za-z0-9._~-]/)?.[0];
  if (bad === "*") {
    throw new TemplateError(`"*" stands for a whole segment, and ${JSON.stringify(text)} has it inside one`);
  }
  if (bad === "%")
    throw new TemplateError(`the ${what} ${JSON.stringify(text)} has a "%" without two hex digits: write "%25"`);
  if (bad !== undefined) {
    throw new TemplateError(
      `the ${what} ${JSON.stringify(text)} has ${JSON.stringify(bad)}: only letters, digits and "-._~" stand for themselves, write other characters as %XX`,
    );
  }
  try {
    return encodeURIComponent(decodeURIComponent(text)).replace(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  } catch (cause) {
    throw new TemplateError(`the ${what} ${JSON.stringify(text)} is not UTF-8: check its %XX escapes`, { cause });
  }
}

/** A `**` takes what the segments after it leave over, so there can be only one. */
function checkWildcards(segments: readonly string[]): void {
  if (segments.indexOf("**") !== segments.lastIndexOf("**"))
    throw new TemplateError(`it has "**" twice, so nobody could tell where one ends: write "*" for one segment`);
}

function unexpected(text: Scanner, expectation = `"{...}" must be a whole segment, and a verb must come last`) {
  const rest = text.atEnd ? "its end" : JSON.stringify(text.rest);
  return new TemplateError(`it cannot be read at ${rest}: ${expectation}`);
}
