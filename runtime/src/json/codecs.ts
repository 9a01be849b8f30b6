import { isDeepStrictEqual } from "node:util";
import {
  create,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type Message,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Codec } from "../core/spec.ts";
import { describe, schemaOf, undescribe } from "../messages/descriptors.ts";
import { compileJson, type JsonCodec, type JsonOptions } from "./codec.ts";
import { byNumber, esShape } from "./es-shape.ts";
import { type Learned, learn, type Probe } from "./learn.ts";
import { getter } from "./place.ts";
import { type SampleKind, setSample } from "./samples.ts";
import type { Form, MessageShape, Shapes } from "./shape.ts";

/** JSON of the messages of a codec, and fields of its messages. */
export interface MessageJson extends JsonCodec {
  /** True when the codec's objects are read and printed directly; false for the detour over bytes. */
  readonly direct: boolean;
  /** Reads a field by its proto names, steps of singular messages; undefined when it is not given. */
  field(...names: readonly string[]): (message: unknown) => unknown;
}

/**
 * The JSON of a codec's messages, straight between JSON and its objects where it can be learned how these hold their fields, and
 * over bytes and protobuf-es messages where not. Compiled, and learned, at the first use.
 */
export function messageJson(codec: Codec, registry: FileRegistry, options: JsonOptions): MessageJson {
  const desc = schemaOf(codec, registry);
  let ready: MessageJson | undefined;
  const now = (): MessageJson => {
    ready ??= build(codec, desc, registry, options);
    return ready;
  };
  let parse: MessageJson["parse"] = (text) => {
    ({ parse } = now());
    return parse(text);
  };
  let read: MessageJson["read"] = (tree) => {
    ({ read } = now());
    return read(tree);
  };
  let print: MessageJson["print"] = (message) => {
    ({ print } = now());
    return print(message);
  };
  return {
    get direct() {
      return now().direct;
    },
    parse: (text) => parse(text),
    read: (tree) => read(tree),
    print: (message) => print(message),
    printField(name) {
      let printOne: ((message: unknown) => string) | undefined;
      return (message) => {
        printOne ??= now().printField(name);
        return printOne(message);
      };
    },
    field(...names) {
      let get: ((message: unknown) => unknown) | undefined;
      return (message) => {
        get ??= now().field(...names);
        return get(message);
      };
    },
  };
}

function build(codec: Codec, desc: DescMessage, registry: FileRegistry, options: JsonOptions): MessageJson {
  if ("schema" in codec) return direct(desc, esShape, options);
  const shapes = learnedShapes(codec, desc, registry);
  if (shapes) return direct(desc, shapes, options);

  const own = compileJson(desc, esShape, options);
  const [toMessage, fromMessage] = [describe(codec, registry), undescribe(codec, registry)];
  const get = (names: readonly string[]) => fieldOf(desc, esShape, names);
  return {
    direct: false,
    parse: (text) => fromMessage(own.parse(text) as Message),
    read: (tree) => fromMessage(own.read(tree) as Message),
    print: (message) => own.print(toMessage(message)),
    printField(name) {
      const print = own.printField(name);
      return (message) => print(toMessage(message));
    },
    field(...names) {
      const read = get(names);
      return (message) => read(toMessage(message));
    },
  };
}

const direct = (desc: DescMessage, shapes: Shapes, options: JsonOptions): MessageJson => ({
  ...compileJson(desc, shapes, options),
  direct: true,
  field: (...names) => fieldOf(desc, shapes, names),
});

function fieldOf(desc: DescMessage, shapes: Shapes, names: readonly string[]): (message: unknown) => unknown {
  let at: DescMessage | undefined = desc;
  const steps = names.map((name) => {
    const place = at && shapes(at).fields.find(({ field }) => field.name === name);
    if (!place) throw new Error(`${desc.typeName} has no field ${names.join(".")}: generate the code again`);
    at = place.field.message;
    return getter(place);
  });
  return (message) => {
    let value = message;
    for (const step of steps) {
      if (typeof value !== "object" || value === null) return undefined;
      value = step(value);
    }
    return value;
  };
}

/** What was learned of a service's codecs, by type; null: it cannot be. */
const known = new WeakMap<FileRegistry, Map<string, Shapes | null>>();

/** The shapes of a codec's objects, learned once; null when they cannot be. */
function learnedShapes(codec: Codec, desc: DescMessage, registry: FileRegistry): Shapes | null {
  let ofService = known.get(registry);
  if (!ofService) {
    ofService = new Map();
    known.set(registry, ofService);
  }
  let shapes = ofService.get(desc.typeName);
  if (shapes === undefined) {
    shapes = tryToLearn(codec, desc, registry);
    ofService.set(desc.typeName, shapes);
  }
  return shapes;
}

function tryToLearn(codec: Codec, desc: DescMessage, registry: Registry): Shapes | null {
  try {
    const learned = learn(codec, desc, registry);
    const shapes: Shapes = (type) => learned.shapes.get(type) as MessageShape;
    return verify(codec, desc, shapes, learned, registry) ? shapes : null;
  } catch {
    // Whatever a generator's code throws at samples: the detour is right for all that it can hold.
    return null;
  }
}

/** Whether the shapes read and print samples of every type as the detour does. Throws what a codec has against them. */
function verify(codec: Codec, desc: DescMessage, shapes: Shapes, { probes }: Learned, registry: Registry): boolean {
  const bare = compileJson(desc, shapes, { registry });
  const full = compileJson(desc, shapes, { registry, emitDefaults: true });
  return probes.every((probe) =>
    samplesOf(probe, shapes(probe.desc)).every((sample) => {
      const whole = probe.whole(sample);
      const object = codec.decode(toBinary(desc, whole));
      const kept = fromBinary(desc, codec.encode(object));
      const json = toJson(desc, kept, { registry });
      const fromJson = fromBinary(desc, codec.encode(bare.read(toJson(desc, whole, { registry }))));
      return (
        isDeepStrictEqual(JSON.parse(bare.print(object)), json) &&
        isDeepStrictEqual(JSON.parse(full.print(object)), toJson(desc, kept, { registry, alwaysEmitImplicit: true })) &&
        isDeepStrictEqual(toJson(desc, fromJson, { registry }), json)
      );
    }),
  );
}

/** An empty message, messages with every field, and one for each member of a oneof. */
function samplesOf({ desc }: Probe, shape: MessageShape): Message[] {
  const samples = [create(desc)];
  // A Value with nothing in it has no JSON, and each of its kinds is tried below.
  if (desc.typeName === "google.protobuf.Value") samples.pop();
  const edges = (form: Form) => ({
    wide: !(form.kind === "scalar" && form.as === "number"),
    openEnums: !(form.kind === "enum" && form.texts),
  });
  for (const kind of ["plain", "edge"] as SampleKind[]) {
    const all = reflect(desc);
    let isEmpty = true;
    for (const field of byNumber(desc)) {
      const place = shape.fields.find((one) => one.field === field);
      if (!place || (kind === "edge" && isOutOfRange(field.name, desc))) continue;
      if (!field.oneof) {
        setSample(all, field, kind, edges(place.form));
        isEmpty = false;
        continue;
      }
      const one = reflect(desc);
      setSample(one, field, kind, edges(place.form));
      samples.push(one.message);
    }
    if (!isEmpty) samples.push(all.message);
  }
  return samples.filter((message) => isPrintable(message, desc));
}

const isOutOfRange = (name: string, { typeName }: DescMessage): boolean =>
  /^google\.protobuf\.(Timestamp|Duration|FieldMask|Any)$/.test(typeName) && name !== "";

/** Samples are made field by field, and not every such Any or FieldMask has a JSON form. */
function isPrintable(message: Message, desc: DescMessage): boolean {
  try {
    toJson(desc, message);
    return true;
  } catch {
    return false;
  }
}
