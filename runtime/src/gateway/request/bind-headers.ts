import type { HttpConfig } from "../../policies/index.ts";
import type { HeaderBinder } from "../binding/body.ts";
import { badRequest, HttpError } from "../errors.ts";

/**
 * Compiles how a method takes fields from headers; undefined when it takes none. A header that is given for a field that
 * the request has no room for is a 400 that names the header, and shows nothing of its value.
 *
 * A repeated header fills a repeated field, however it was split into lines: both forms mean the same in HTTP. Source: RFC
 * 9110, 5.3. `lists` are the repeated fields.
 */
export function compileHeaders(config: HttpConfig, lists: ReadonlySet<string>): HeaderBinder | undefined {
  const { headers: bindings = [] } = config;
  if (bindings.length === 0) return undefined;
  return (headers, write) => {
    for (const { header, field } of bindings) {
      const given = headers[header];
      if (given === undefined) continue;
      const text = typeof given === "string" ? given : given.join(",");
      const values = lists.has(field) ? text.split(",").map((one) => one.trim()) : [text];
      for (const value of values) {
        try {
          write(field, value);
        } catch (error) {
          throw error instanceof HttpError ? badRequest(header, complaint(error), error) : error;
        }
      }
    }
  };
}

/** What is wrong, without the name of the field in front, which the header stands for. */
const complaint = ({ text }: HttpError): string => text.replace(/^[\w.]+: /, "");
