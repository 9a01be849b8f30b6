import { resolve } from "./schema.js";

/** The values of inputs by `<in>.<name>`: what a request is made of. */

/** The URL of a call: path, query and API keys that go there. */
export function urlOf(path, parameters, values, server, credentials) {
  const filled = path.replace(/\{([^}]*)\}/g, (_, name) => {
    const parameter = parameters.find((one) => one.in === "path" && one.name === name);
    const text = values.get(`path.${name}`) ?? "";
    if (parameter?.["x-multi-segment"] === true) return text.split("/").map(encodeURIComponent).join("/");
    return encodeURIComponent(text);
  });
  const query = [];
  for (const parameter of parameters) {
    const text = values.get(`query.${parameter.name}`) ?? "";
    if (parameter.in === "query" && text !== "") query.push(...pairsOf(parameter, text));
  }
  for (const { scheme, value } of credentials) if (scheme.in === "query") query.push([scheme.name, value]);
  const search = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return `${server.replace(/\/$/, "")}${filled}${search === "" ? "" : `?${search}`}`;
}

/** Lists have a value on each line, maps a `key=value`. */
function pairsOf({ name, style, schema }, text) {
  const lines = text.split("\n").filter((line) => line !== "");
  if (style === "deepObject")
    return lines.map((line) => {
      const at = line.indexOf("=");
      return [`${name}[${at < 0 ? line : line.slice(0, at)}]`, at < 0 ? "" : line.slice(at + 1)];
    });
  return schema?.type === "array" ? lines.map((line) => [name, line]) : [[name, text]];
}

/** The headers of a call. */
export function headersOf(parameters, values, credentials, { accept, contentType }) {
  const headers = {};
  if (accept) headers.accept = accept;
  if (contentType) headers["content-type"] = contentType;
  for (const { in: where, name } of parameters) {
    const text = values.get(`header.${name}`) ?? "";
    if (where === "header" && text !== "") headers[name] = text;
  }
  for (const { scheme, value } of credentials) {
    if (scheme.type === "apiKey" && scheme.in === "header") headers[scheme.name] = value;
    else if (scheme.type === "http")
      headers.authorization = `${scheme.scheme === "basic" ? "Basic" : "Bearer"} ${value}`;
    else if (scheme.type === "oauth2") headers.authorization = `Bearer ${value}`;
  }
  return headers;
}

/** The schemes of an operation for which there is a credential: those of the first alternative that is complete. */
export function credentialsFor(operation, root, given) {
  for (const alternative of operation.security ?? root.security ?? []) {
    const names = Object.keys(alternative);
    if (names.length === 0 || names.some((name) => !given.get(name))) continue;
    return names.map((name) => ({
      name,
      scheme: resolve(root.components?.securitySchemes?.[name], root),
      value: given.get(name),
    }));
  }
  return [];
}

/** The same call for a shell, with the credentials as variables that are named after their schemes. */
export function curl(method, url, headers, { text, file }, credentials) {
  const quote = (value) => `'${String(value).replaceAll("'", "'\\''")}'`;
  const verb = method === "GET" ? "" : method === "HEAD" ? " --head" : ` -X ${method}`;
  const lines = [`curl${verb} ${quote(url)}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  for (const { name, scheme } of credentials) {
    const variable = `"$${name.toUpperCase().replace(/\W/g, "_")}"`;
    for (const [header, before] of Object.entries(headersOf([], new Map(), [{ scheme, value: "" }], {})))
      lines.push(`-H ${quote(`${header}: ${before}`)}${variable}`);
    if (scheme.in === "query") lines.push(`--url-query ${quote(`${scheme.name}=`)}${variable}`);
  }
  if (text) lines.push(`--data-raw ${quote(text)}`);
  if (file) lines.push(`--data-binary ${quote(`@${file.name}`)}`);
  return lines.join(" \\\n  ");
}
