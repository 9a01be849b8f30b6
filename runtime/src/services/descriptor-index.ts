import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { wellKnownFiles } from "../messages/descriptors.ts";

/** Which file declares what, over the files of several services. */
export class DescriptorIndex {
  readonly #files = new Map<string, FileDescriptorProto>();
  readonly #symbols = new Map<string, string>();
  readonly #messages = new Set<string>();
  readonly #extensions = new Map<string, Map<number, string>>();

  /** From base64 `google.protobuf.FileDescriptorSet`s. A file that several of them have counts once. */
  constructor(descriptorSets: Iterable<string>) {
    for (const set of new Set(descriptorSets)) {
      for (const file of fromBinary(FileDescriptorSetSchema, base64Decode(set)).file) this.#add(file);
    }
    for (const { proto } of wellKnownFiles.values()) this.#add(proto);
  }

  /** Name of the file that declares a service, method, message, field, enum, value or extension. */
  fileOfSymbol(name: string): string | undefined {
    return this.#symbols.get(name);
  }

  /** Name of the file that declares the extension with this number. */
  fileOfExtension(message: string, number: number): string | undefined {
    return this.#extensions.get(message)?.get(number);
  }

  /** Numbers of the known extensions of a message, ascending; undefined when there is no such message. */
  extensionNumbers(message: string): number[] | undefined {
    if (!this.#messages.has(message)) return undefined;
    return [...(this.#extensions.get(message)?.keys() ?? [])].sort((a, b) => a - b);
  }

  /**
   * The file, then what it imports, directly or not; undefined when there is no such file. Imports in `sent` are left
   * out; all names are added to it. An import that the sets do not have is left out too.
   */
  withImports(name: string, sent: Set<string>): Uint8Array[] | undefined {
    const first = this.#files.get(name);
    if (!first) return undefined;
    sent.add(name);
    const found = [first];
    for (const file of found) {
      for (const dependency of file.dependency) {
        const imported = this.#files.get(dependency);
        if (imported && !sent.has(dependency)) {
          sent.add(dependency);
          found.push(imported);
        }
      }
    }
    return found.map((file) => toBinary(FileDescriptorProtoSchema, file));
  }

  #add(file: FileDescriptorProto): void {
    if (this.#files.has(file.name)) return;
    this.#files.set(file.name, file);
    const scope = file.package === "" ? "" : `${file.package}.`;
    for (const message of file.messageType) this.#addMessage(message, scope, file.name);
    for (const declared of file.enumType) this.#addEnum(declared, scope, file.name);
    for (const extension of file.extension) this.#addExtension(extension, scope, file.name);
    for (const service of file.service) {
      this.#symbols.set(scope + service.name, file.name);
      for (const method of service.method) this.#symbols.set(`${scope}${service.name}.${method.name}`, file.name);
    }
  }

  #addMessage(message: DescriptorProto, scope: string, file: string): void {
    const name = scope + message.name;
    this.#symbols.set(name, file);
    this.#messages.add(name);
    const inner = `${name}.`;
    for (const field of [...message.field, ...message.oneofDecl]) this.#symbols.set(inner + field.name, file);
    for (const nested of message.nestedType) this.#addMessage(nested, inner, file);
    for (const declared of message.enumType) this.#addEnum(declared, inner, file);
    for (const extension of message.extension) this.#addExtension(extension, inner, file);
  }

  /** Values of an enum are siblings of the enum, not children. Source: descriptor.proto, EnumValueDescriptorProto. */
  #addEnum(declared: EnumDescriptorProto, scope: string, file: string): void {
    for (const { name } of [declared, ...declared.value]) this.#symbols.set(scope + name, file);
  }

  #addExtension({ name, extendee, number }: FieldDescriptorProto, scope: string, file: string): void {
    this.#symbols.set(scope + name, file);
    const message = extendee.replace(/^\./, "");
    const numbers = this.#extensions.get(message) ?? new Map<number, string>();
    this.#extensions.set(message, numbers.set(number, file));
  }
}
