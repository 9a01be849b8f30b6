import type { DescMessage } from "@bufbuild/protobuf";
import type { Route } from "@protomesh/runtime";
import type { Change } from "./change.ts";
import type { Both, Verdict } from "./verdict.ts";

/** What HTTP clients of a method notice. A route is known by its HTTP method and by the paths that it matches. */
export function diffRoutes({ before, after }: Both): Change[] {
  const [old, now] = [byRequest(before.routes), byRequest(after.routes)];
  const change = (verdict: Verdict, from: Route | undefined, to: Route | undefined): Change => ({
    class: verdict[0],
    subject: after.path,
    option: "(google.api.http)",
    before: from && textOf(from),
    after: to && textOf(to),
    text: verdict[1],
    place: after.place,
    placeBefore: before.place,
  });
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key): Change[] => {
    const [from, to] = [old.get(key), now.get(key)];
    if (from && to) {
      const same = meaningOf(from, before.desc) === meaningOf(to, after.desc);
      return same ? [] : [change(["breaking", "the route takes or gives other fields"], from, to)];
    }
    return from
      ? [change(["breaking", "HTTP clients no longer find the route"], from, undefined)]
      : [change(["operational", "another route"], undefined, to)];
  });
}

const byRequest = (routes: readonly Route[]): Map<string, Route> =>
  new Map(routes.map((route) => [JSON.stringify([route.method, route.segments, route.verb]), route]));

const textOf = ({ method, template, body, responseBody }: Route): string =>
  [
    method,
    template,
    ...(body ? [`body: ${body}`] : []),
    ...(responseBody ? [`response_body: ${responseBody}`] : []),
  ].join(" ");

/** What a route does with a request, by the numbers of fields: their names may change. */
function meaningOf(
  { variables, body, responseBody }: Route,
  { input, output }: { readonly input: DescMessage; readonly output: DescMessage },
): string {
  const numbers = (path: string | undefined, of: DescMessage) =>
    path === undefined || path === "*" ? path : numbersOf(path, of);
  return JSON.stringify([
    variables.map(({ field, from, to }) => [numbersOf(field, input), from, to]),
    numbers(body, input),
    numbers(responseBody, output),
  ]);
}

function numbersOf(path: string, message: DescMessage): string {
  let at: DescMessage | undefined = message;
  const numbers = path.split(".").map((name) => {
    const field = at?.fields.find((candidate) => candidate.name === name);
    at = field?.message;
    return field?.number ?? name;
  });
  return numbers.join(".");
}
