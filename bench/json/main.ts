// Measures ProtoJSON: started by json/measure.ts.
import { fromJson, fromJsonString, toJson } from "@bufbuild/protobuf";
import type { Codec, MethodSpec } from "../../runtime/src/core/spec.ts";
import { esJson } from "../../runtime/src/json/codec.ts";
import { messageJson } from "../../runtime/src/json/codecs.ts";
import { describe, registryOf, schemaOf } from "../../runtime/src/messages/descriptors.ts";
import { answer, cpuUs } from "../child.ts";
import { Order, Tiny } from "../gen/mesh/bench/v1/bench.ts";
import { Bench } from "../gen/mesh/bench/v1/bench_mesh.ts";
import { order, tiny } from "../samples.ts";

/** Keeps results alive, and makes one string of what was printed, as sending it does. */
let sink = 0;
const sent = (text: string) => {
  sink += Buffer.byteLength(text);
};

const registry = registryOf(Bench);
const methods = Bench.methods as { readonly [key: string]: MethodSpec };

function jobs(size: string, codec: Codec, message: unknown): [name: string, job: () => unknown][] {
  const schema = schemaOf(codec, registry);
  const described = describe(codec, registry)(message);
  const printing = { registry, alwaysEmitImplicit: true };
  const own = esJson(schema, { registry, emitDefaults: true });
  const learned = messageJson(codec, registry, { registry, emitDefaults: true });
  const text = JSON.stringify(toJson(schema, described, printing));
  if (!learned.direct || learned.print(message) !== text || own.print(described) !== text)
    throw new Error(`${size}: the codecs do not print the same`);
  const tree = JSON.parse(text);
  return [
    [`${size}, text to message: protobuf-es`, () => fromJsonString(schema, text, { registry })],
    [`${size}, text to message: ours, of protobuf-es`, () => own.parse(text)],
    [`${size}, text to message: ours, of ts-proto`, () => learned.parse(text)],
    [`${size}, parsed JSON to message: protobuf-es`, () => fromJson(schema, tree, { registry })],
    [`${size}, parsed JSON to message: ours, of protobuf-es`, () => own.read(tree)],
    [`${size}, parsed JSON to message: ours, of ts-proto`, () => learned.read(tree)],
    [`${size}, message to text: protobuf-es`, () => sent(JSON.stringify(toJson(schema, described, printing)))],
    [`${size}, message to text: ours, of protobuf-es`, () => sent(own.print(described))],
    [`${size}, message to text: ours, of ts-proto`, () => sent(learned.print(message))],
  ];
}

const all = new Map([
  ...jobs("20 B", methods.echo?.request as Codec, Tiny.create(tiny)),
  ...jobs("1 KiB", methods.putOrder?.request as Codec, Order.create(order)),
]);

const answers = {
  prepare: async (): Promise<string[]> => [...all.keys()],

  /** Nanoseconds of CPU time per message. */
  async run({ name, times }: { name: string; times: number }): Promise<number> {
    const job = all.get(name) as () => unknown;
    const before = cpuUs();
    for (let n = 0; n < times; n++) job();
    return ((cpuUs() - before) * 1000) / times;
  },
};
export type JsonAnswers = typeof answers;

process.once("exit", () => {
  if (Number.isNaN(sink)) throw new Error("nothing was printed");
});
answer(answers);
