export const root: string;

/** Where scripts/corpus puts what it makes. */
export const folder: string;

/** The generators to compare, with the parameters that users are told to use. */
export const generators: {
  readonly "protoc-gen-mesh": string;
  readonly "protoc-gen-ts_proto": string;
  readonly "protoc-gen-es": string;
};
