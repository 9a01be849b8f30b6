import type { Readable, Writable } from "node:stream";

/** The runner's messages: each behind its length, 32 bits, most significant first. */
export async function* readFrames(input: Readable): AsyncGenerator<Buffer> {
  let unread: Buffer = Buffer.alloc(0);
  for await (const chunk of input) {
    unread = Buffer.concat([unread, chunk as Buffer]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
      const end = 4 + unread.readUInt32BE(0);
      yield unread.subarray(4, end);
      unread = unread.subarray(end);
    }
  }
  if (unread.length > 0) throw new Error(`the input ends in the middle of a message of ${unread.length} bytes`);
}

/** One message for the runner. */
export function writeFrame(output: Writable, message: Uint8Array): void {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  output.write(Buffer.concat([length, message]));
}
