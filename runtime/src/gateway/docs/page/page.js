import { el, inline, prose } from "./dom.js";
import { labels, resolve, tree, typeName } from "./schema.js";
import { tryIt } from "./try.js";

const methods = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
const byId = (id) => document.getElementById(id);
/** Credentials by the names of their schemes. They live as long as the page. */
const secrets = new Map();

theme();
const source = new URL(document.querySelector("script[data-document]").dataset.document, location.href);
try {
  const response = await fetch(source, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`${source.pathname} answered ${response.status}`);
  render(await response.json());
} catch (error) {
  byId("main").replaceChildren(el("p.status.bad", null, `The document cannot be read: ${error.message}`));
}

function render(root) {
  const { title, version, description } = root.info;
  document.title = title;
  byId("title").textContent = title;
  byId("about").append(`Version ${version}  `, el("a", { href: source.href }, "openapi.json"));
  const listed = operationsOf(root);
  const main = byId("main");
  main.replaceChildren();
  if (description) main.append(prose(description));
  main.append(credentials(root) ?? "");
  for (const tag of tagsOf(root, listed)) {
    const own = listed.filter((one) => tagNameOf(one) === tag.name);
    if (own.length === 0) continue;
    main.append(
      el("section", null, el("h2", null, tag.name), prose(tag.description), ...own.map(({ element }) => element)),
    );
    const links = own.map((one) => {
      one.link = el(
        "a",
        { href: `#${one.id}` },
        badge(one.method),
        el("span", null, one.operation.summary ?? one.path),
      );
      return one.link;
    });
    byId("nav").append(el("details", { open: true }, el("summary", null, tag.name), ...links));
  }
  search(listed);
  addEventListener("hashchange", open);
  open();
}

function tagNameOf({ operation }) {
  return operation.tags?.[0] ?? "Operations";
}

/** The tags of the document, and those that only operations name, so that no operation is missing. */
function tagsOf({ tags = [] }, listed) {
  const names = new Set([...tags.map(({ name }) => name), ...listed.map(tagNameOf)]);
  return [...names].map((name) => tags.find((tag) => tag.name === name) ?? { name });
}

function operationsOf(root) {
  return Object.entries(root.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => resolve(one, root));
      const one = {
        path,
        method: method.toUpperCase(),
        operation,
        parameters,
        id: operation.operationId ?? `${method}-${path}`,
      };
      return [{ ...one, element: card(one, root) }];
    }),
  );
}

function badge(method) {
  return el(`b.method.${method.toLowerCase()}`, null, method);
}

/** One operation. What it consists of is made when it is opened: documents may have thousands. */
function card(one, root) {
  const { path, method, operation, id } = one;
  const marks = [
    operation.deprecated && "deprecated",
    operation["x-websocket"] && "WebSocket",
    needsCredential(operation, root) && "needs a credential",
  ].filter(Boolean);
  const text = path.split(/(\{[^}]*\})/).map((part) => (part.startsWith("{") ? el("i", null, part) : part));
  const details = el(
    "details.operation",
    { id },
    el(
      "summary",
      null,
      badge(method),
      el(`code.path${operation.deprecated ? ".old" : ""}`, null, ...text),
      el("span.summary", null, operation.summary ?? ""),
      ...marks.map((mark) => el("span.label", null, mark)),
    ),
  );
  details.addEventListener("toggle", () => details.append(inside(one, root)), { once: true });
  return details;
}

/** Whether every alternative asks for something: one that does not makes the others a choice. */
function needsCredential(operation, root) {
  const alternatives = operation.security ?? root.security ?? [];
  return alternatives.length > 0 && alternatives.every((one) => Object.keys(one).length > 0);
}

function inside(one, root) {
  const { operation, parameters } = one;
  const body = resolve(operation.requestBody, root);
  const parts = [el("p.quiet", null, operation["x-rpc"] ?? operation.operationId ?? ""), prose(operation.description)];
  if (parameters.length > 0) parts.push(el("h3", null, "Parameters"), table(parameters, root));
  const bodies = grouped(body.content);
  if (bodies.length > 0) parts.push(el("h3", null, "Body"));
  for (const { types, schema } of bodies) parts.push(el("p.quiet", null, types.join(", ")), shape(schema, root));
  parts.push(el("h3", null, "Answers"), ...answers(operation, root));
  parts.push(el("h3", null, "Try it"), tryIt(one, root, secrets));
  return el("div.inside", null, ...parts);
}

/** Media types that have the same schema. */
function grouped(content = {}) {
  const groups = new Map();
  for (const [type, { schema = {} }] of Object.entries(content)) {
    const key = JSON.stringify(schema);
    groups.set(key, { types: [...(groups.get(key)?.types ?? []), type], schema });
  }
  return [...groups.values()];
}

function shape(schema, root) {
  return el("div.shape", null, el("span.type", null, typeName(schema, root)), tree(schema, root));
}

function table(parameters, root) {
  const rows = parameters.map((parameter) => {
    const { name, in: where, required, description, deprecated } = parameter;
    const schema = parameter.schema ?? Object.values(parameter.content ?? {})[0]?.schema ?? {};
    return el(
      "div.row",
      null,
      el(`code.name${deprecated ? ".old" : ""}`, null, name),
      required && el("span.required", { title: "required" }, "*"),
      el("small", null, ` ${where}  `),
      el("span.type", null, typeName(schema, root)),
      " ",
      ...labels(schema, root),
      description && prose(description),
    );
  });
  return el("div.schema", null, ...rows);
}

function answers(operation, root) {
  return Object.entries(operation.responses ?? {}).map(([status, response]) => {
    const { description, content, headers } = resolve(response, root);
    const details = el(
      "details.row",
      null,
      el(
        "summary",
        null,
        el(`code.${/^[23]/.test(status) ? "good" : "bad"}`, null, status),
        " ",
        ...inline(description ?? ""),
      ),
    );
    const fill = () => {
      for (const [name, header] of Object.entries(headers ?? {}))
        details.append(el("p.quiet", null, el("code", null, name), ` ${resolve(header, root).description ?? ""}`));
      for (const { types, schema } of grouped(content))
        details.append(el("p.quiet", null, types.join(", ")), shape(schema, root));
    };
    details.addEventListener("toggle", fill, { once: true });
    return details;
  });
}

/** Where callers say who they are. Nothing of it is kept. */
function credentials(root) {
  const schemes = Object.entries(root.components?.securitySchemes ?? {}).filter(([, { type }]) => type !== "mutualTLS");
  if (schemes.length === 0) return undefined;
  const inputs = schemes.map(([name, scheme]) => {
    const kind =
      scheme.type === "apiKey"
        ? `API key in ${scheme.in} ${scheme.name}`
        : `${scheme.scheme ?? scheme.type} credential`;
    const store = (event) => secrets.set(name, event.target.value.trim());
    const input = el("input", { type: "password", autocomplete: "off", oninput: store });
    return el("label.field", null, el("span", null, el("code", null, name), el("small", null, ` ${kind}`)), input);
  });
  return el(
    "details.credentials",
    null,
    el("summary", null, "Credentials"),
    el("form.try", { onsubmit: (event) => event.preventDefault() }, ...inputs),
  );
}

function search(listed) {
  const input = byId("search");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { path, method, operation, element, link } of listed) {
      const text = [method, path, operation.summary, operation.description, operation["x-rpc"]].join(" ").toLowerCase();
      const hidden = !words.every((word) => text.includes(word));
      element.hidden = hidden;
      if (link) link.hidden = hidden;
    }
    for (const section of document.querySelectorAll("section, nav > details"))
      section.hidden = [...section.querySelectorAll(".operation, a")].every(({ hidden }) => hidden);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "")) return;
    event.preventDefault();
    input.focus();
  });
}

/** Opens what the address names. */
function open() {
  const found = byId(decodeURIComponent(location.hash.slice(1)));
  if (!found?.matches(".operation")) return;
  found.open = true;
  found.scrollIntoView({ block: "start" });
}

function theme() {
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const print = () => {
    button.textContent = now() === "dark" ? "Light" : "Dark";
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = now() === "dark" ? "light" : "dark";
    print();
  });
  dark.addEventListener("change", print);
  print();
}
