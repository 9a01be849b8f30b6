import { el } from "./dom.js";
import { credentialsFor, curl, headersOf, urlOf } from "./request.js";
import { labels, resolve, sample } from "./schema.js";

const mostShown = 1_000_000;

/** A form that makes a call and shows what comes back. */
export function tryIt({ method, path, operation, parameters }, root, secrets) {
  const values = new Map();
  const body = resolve(operation.requestBody, root);
  const contents = Object.keys(body.content ?? {});
  const binary = contents.includes("*/*");
  const accepts = Object.keys(success(operation, root).content ?? {}).sort((a, b) => rank(a) - rank(b));
  const accept = accepts.length > 1 ? select("Accept", accepts) : undefined;
  const type = contents.length > 1 ? select("Content-Type", contents) : undefined;
  const file = binary ? el("input", { type: "file", ariaLabel: "Body" }) : undefined;
  const text =
    contents.length > 0 && !binary ? el("textarea", { rows: 8, spellcheck: false, ariaLabel: "Body" }) : undefined;
  const fill = () => {
    if (!text) return;
    const { schema = {} } = body.content[type?.value ?? contents[0]];
    const lines = (type?.value ?? contents[0]) === "application/x-ndjson";
    text.value = JSON.stringify(sample(schema, root), null, lines ? 0 : 2);
  };
  fill();
  type?.addEventListener("change", fill);
  const output = el("div.output", { ariaLive: "polite" });
  const stop = el("button", { type: "button", hidden: true }, "Stop");
  const request = (credentials) => {
    const contentType = file ? file.files[0]?.type || "application/octet-stream" : text && (type?.value ?? contents[0]);
    const headers = headersOf(parameters, values, credentials, { accept: accept?.value ?? accepts[0], contentType });
    return { url: urlOf(path, parameters, values, serverOf(root), credentials), headers };
  };
  const shown = () => {
    const { url, headers } = request([]);
    const body = { text: text?.value, file: file?.files[0] };
    return curl(method, new URL(url, location.href).href, headers, body, credentialsFor(operation, root, secrets));
  };
  const command = el(
    "button",
    { type: "button", onclick: () => output.replaceChildren(el("pre", null, shown())) },
    "curl",
  );
  const send = async (event) => {
    event.preventDefault();
    const abort = new AbortController();
    stop.hidden = false;
    stop.onclick = () => abort.abort();
    const { url, headers } = request(credentialsFor(operation, root, secrets));
    await show(output, url, { method, headers, body: file ? file.files[0] : text?.value, signal: abort.signal });
    stop.hidden = true;
  };
  return el(
    "form.try",
    { onsubmit: send },
    ...parameters.map((parameter) => field(parameter, values, root)),
    accept && el("label.field", null, el("span", null, "Accept"), accept),
    type && el("label.field", null, el("span", null, "Content-Type"), type),
    (text || file) && el("label.field.wide", null, el("span", null, "Body"), text ?? file),
    el("div.buttons", null, el("button.primary", { type: "submit" }, "Send"), command, stop),
    output,
  );
}

/** Lines before arrays, so that what streams is shown as it comes. */
const rank = (type) => ["application/x-ndjson", "text/event-stream"].indexOf(type) + 1 || 9;

const serverOf = (root) => root.servers?.[0]?.url ?? "";

/** The answer that is meant to come. */
export function success(operation, root) {
  const [, response] = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith("2")) ?? [];
  return resolve(response, root);
}

function select(label, options) {
  return el("select", { ariaLabel: label }, ...options.map((option) => el("option", { value: option }, option)));
}

function field(parameter, values, root) {
  const { name, in: where, required, schema = {}, style } = parameter;
  const whole = resolve(schema, root);
  const many = whole.type === "array" || style === "deepObject";
  const choices = whole.enum ?? (whole.type === "boolean" ? ["true", "false"] : undefined);
  const store = (event) => values.set(`${where}.${name}`, event.target.value);
  const secret = whole["x-sensitive"] === true;
  const hint =
    style === "deepObject" ? "key=value, one each line" : many ? "one each line" : String(whole.examples?.[0] ?? "");
  const shared = { required: required === true, oninput: store, autocomplete: "off", placeholder: hint };
  const input = choices
    ? el("select", shared, ...(required ? [] : [""]).concat(choices).map((one) => el("option", { value: one }, one)))
    : el(many ? "textarea" : "input", { ...shared, ...(many ? { rows: 2 } : { type: secret ? "password" : "text" }) });
  if (choices && required) values.set(`${where}.${name}`, choices[0]);
  return el(
    "label.field",
    null,
    el(
      "span",
      null,
      el("code", null, name),
      required && el("span.required", null, "*"),
      el("small", null, ` ${where}`),
    ),
    input,
    el("span.hints", null, ...labels({ ...whole, pattern: undefined }, root).slice(0, 6)),
  );
}

/** Sends the request and prints the answer while it comes. */
async function show(output, url, options) {
  const status = el("p.status", null, "Sending…");
  const headers = el("details", { hidden: true }, el("summary", null, "Headers"));
  const content = el("pre");
  output.replaceChildren(status, headers, content);
  const begin = performance.now();
  try {
    const response = await fetch(url, options);
    const took = () => `${Math.round(performance.now() - begin)} ms`;
    status.className = `status ${response.ok ? "good" : "bad"}`;
    status.textContent = `${response.status} ${response.statusText}  ${took()}`;
    headers.hidden = false;
    headers.append(el("pre", null, [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n")));
    const type = response.headers.get("content-type") ?? "";
    // A HEAD has headers only.
    if (!response.body) return;
    if (!/json|^text\/|xml/.test(type)) {
      const blob = await response.blob();
      if (blob.size > 0)
        output.append(el("a", { href: URL.createObjectURL(blob), download: "" }, `Save ${blob.size} bytes of ${type}`));
    } else await read(response, content);
    status.textContent = `${response.status} ${response.statusText}  ${took()}`;
  } catch (error) {
    status.className = "status bad";
    status.textContent = error.name === "AbortError" ? "Stopped." : `No answer: ${error.message}`;
  }
}

async function read(response, content) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    content.append(decoder.decode(value, { stream: true }));
    if (content.textContent.length > mostShown) {
      content.append("\n… and more, which is not shown");
      await reader.cancel();
      return;
    }
  }
  try {
    content.textContent = JSON.stringify(JSON.parse(content.textContent), null, 2);
  } catch {
    // A stream, or text: it stays as it came.
  }
}
