/** All protos with a service, sorted. */
export function serviceFiles(): string[];

/** About a hundred files from everywhere. */
export function subsetOf(files: readonly string[]): string[];

/** Compiles files and keeps what protoc hands to a plugin in a file, whose path is returned. */
export function captureRequest(files: readonly string[], path: string): Promise<string>;
