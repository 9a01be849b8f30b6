/**
 * Bytes as text, each as one character. What is kept for long is kept so: text lies in the heap, and many small buffers are
 * what garbage collection is slowest with.
 */
export const latin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1");

/** The bytes of such a text, as a copy. */
export function bytesOf(text: string): Uint8Array {
  const { buffer, byteOffset, byteLength } = Buffer.from(text, "latin1");
  return new Uint8Array(buffer, byteOffset, byteLength);
}
