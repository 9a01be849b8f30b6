import { create, type DescFile, type DescMethod, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Route } from "@protomesh/runtime";
import type { MethodPolicy } from "@protomesh/runtime/policies";
import type { Analysis } from "../analysis.ts";
import { idempotencyOf, kindOf } from "../method.ts";
import type { DocModel, ServiceModel } from "../model.ts";
import { placeOf } from "../names/place.ts";
import type { Origin } from "../options/effective.ts";
import type { Finding, Place } from "../problems.ts";
import type { Request } from "../request.ts";

/** What the proto files of one run promise about every method: what is compared, exported and documented. */
export interface Contract {
  /** In the order of the files. */
  readonly services: readonly ServiceContract[];
  /** An encoded `google.protobuf.FileDescriptorSet` of the files and their imports, with options, without comments. */
  image(): Uint8Array;
  /**
   * Where a place begins, such as that of a method or of an origin: the file as imports name it, line and column counted from
   * 1. Line 1 for all where the descriptors come without source information.
   */
  locate(place: Place): Pick<Finding, "file" | "line" | "column">;
}

/** What one service promises. */
export interface ServiceContract {
  /** Full name, such as `acme.shop.v1.Shop`. */
  readonly name: string;
  readonly desc: DescService;
  readonly doc: DocModel;
  readonly place: Place;
  readonly methods: readonly MethodContract[];
}

/** What one method promises. */
export interface MethodContract {
  /** Name in the proto file. */
  readonly name: string;
  /** `/acme.shop.v1.Shop/GetOrder`. */
  readonly path: string;
  readonly kind: ReturnType<typeof kindOf>;
  readonly idempotency: ReturnType<typeof idempotencyOf>;
  readonly desc: DescMethod;
  readonly doc: DocModel;
  readonly place: Place;
  /** What is in force: parsed, with inheritance and defaults applied. */
  readonly policy: MethodPolicy;
  /**
   * Who set what last, as options name it, items of lists by their name: `retry`, `retry.attempts`, `retry.budget.ratio`,
   * `rate_limit[tenant].rate`. The rest is by default.
   */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly routes: readonly Route[];
}

/** What analysed files promise. Meaningful only where the analysis found no error. */
export function contractOf({ files, problems, resolver }: Analysis, { message }: Request): Contract {
  return {
    services: files.flatMap(({ file, model }) => model.services.map((service) => ofService(file, service, resolver))),
    image: () => toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: message.protoFile })),
    locate: (place) => problems.locate(place),
  };
}

function ofService(file: DescFile, model: ServiceModel, resolver: Analysis["resolver"]): ServiceContract {
  const desc = file.services.find(({ typeName }) => typeName === model.typeName) as DescService;
  return {
    name: desc.typeName,
    desc,
    doc: model.doc,
    place: placeOf(desc),
    methods: model.methods.map(({ doc, policy, routes }, index) => {
      const method = desc.methods[index] as DescMethod;
      return {
        name: method.name,
        path: `/${desc.typeName}/${method.name}`,
        kind: kindOf(method),
        idempotency: idempotencyOf(method),
        desc: method,
        doc,
        place: placeOf(method),
        policy: policy as MethodPolicy,
        origins: resolver.origins(method),
        routes,
      };
    }),
  };
}
