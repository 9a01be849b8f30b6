import { create, type DescFile, fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type SourceCodeInfo_Location,
  SourceCodeInfoSchema,
} from "@bufbuild/protobuf/wkt";
import { GenerationError } from "./generation-error.ts";

/** What a compiler asks for. */
export interface Request {
  /** The request without source information, each file once: as the proto file has it, options of source retention included. */
  readonly message: CodeGeneratorRequest;
  readonly sources: Sources;
  /** The files as other programs see them, without options of source retention and without source information. */
  runtimeCopy(name: string): FileDescriptorProto;
}

// Numbers of CodeGeneratorRequest and of FileDescriptorProto.
const requestField = { protoFile: 15, sourceFile: 17 };
const fileField = { name: 1, sourceCodeInfo: 9 };

/**
 * Reads a `google.protobuf.compiler.CodeGeneratorRequest`.
 *
 * Most of a request is comments and positions, and files to generate come twice. What is not always needed stays in
 * its bytes until it is: objects would take several times the space and most of the time.
 *
 * Throws `GenerationError` when the bytes are something else.
 */
export function readRequest(bytes: Uint8Array): Request {
  try {
    return read(bytes);
  } catch (cause) {
    throw new GenerationError("the input is no CodeGeneratorRequest: buf and protoc run this program; try --help", {
      cause,
    });
  }
}

function read(bytes: Uint8Array): Request {
  const rest: Uint8Array[] = [];
  const runtime = new Map<string, Cut>();
  const asWritten = new Map<string, Cut>();
  for (const { field, from, start, end } of fields(bytes)) {
    const file = field === requestField.protoFile ? runtime : field === requestField.sourceFile ? asWritten : undefined;
    if (file) {
      const cut = cutFile(bytes.subarray(start, end));
      file.set(cut.name, cut);
    } else rest.push(bytes.subarray(from, end));
  }
  const message = create(CodeGeneratorRequestSchema, fromBinary(CodeGeneratorRequestSchema, Buffer.concat(rest)));
  const chosen = [...runtime.values()].map((cut) => asWritten.get(cut.name) ?? cut);
  message.protoFile = chosen.map((cut) => fromBinary(FileDescriptorProtoSchema, cut.file()));
  return {
    message,
    sources: new Sources(new Map(chosen.map((cut) => [cut.name, cut.sourceCodeInfo]))),
    runtimeCopy: (name) => fromBinary(FileDescriptorProtoSchema, (runtime.get(name) as Cut).file()),
  };
}

/** Comments and positions of a request's files. */
export class Sources {
  readonly #infos: ReadonlyMap<string, readonly Uint8Array[]>;

  /** By file name: the encoded `google.protobuf.SourceCodeInfo`, in as many pieces as it came. */
  constructor(infos: ReadonlyMap<string, readonly Uint8Array[]>) {
    this.#infos = infos;
  }

  /** All locations of a file, in the compiler's order. Decodes them anew: keep what you need. */
  locations(file: DescFile): SourceCodeInfo_Location[] {
    const pieces = this.#infos.get(file.proto.name) ?? [];
    return pieces.flatMap((piece) => fromBinary(SourceCodeInfoSchema, piece).location);
  }
}

/** An encoded file with its source information cut out. */
interface Cut {
  readonly name: string;
  readonly sourceCodeInfo: readonly Uint8Array[];
  readonly file: () => Uint8Array;
}

function cutFile(bytes: Uint8Array): Cut {
  let name = "";
  const sourceCodeInfo: Uint8Array[] = [];
  const pieces: Uint8Array[] = [];
  let kept = 0;
  for (const { field, from, start, end } of fields(bytes)) {
    if (field === fileField.name) name = Buffer.from(bytes.subarray(start, end)).toString("utf8");
    if (field !== fileField.sourceCodeInfo) continue;
    sourceCodeInfo.push(bytes.subarray(start, end));
    pieces.push(bytes.subarray(kept, from));
    kept = end;
  }
  return { name, sourceCodeInfo, file: () => Buffer.concat([...pieces, bytes.subarray(kept)]) };
}

/** The fields of an encoded message: the tag begins at `from`, a length-delimited value spans `start` to `end`. */
function* fields(
  bytes: Uint8Array,
): Generator<{ readonly field: number; readonly from: number; readonly start: number; readonly end: number }> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const [field, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) {
      const length = reader.uint32();
      const start = reader.pos;
      if (start + length > bytes.length) throw new RangeError("the request ends within a field");
      reader.pos = start + length;
      yield { field, from, start, end: reader.pos };
    } else {
      reader.skip(wireType, field);
      yield { field, from, start: from, end: reader.pos };
    }
  }
}
