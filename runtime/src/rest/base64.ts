// atob and btoa are in every browser; Uint8Array.fromBase64 is not yet.

/** Bytes as base64 of the standard alphabet, with padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  // In pieces, because the arguments of a call are limited.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Bytes from base64 of either alphabet, padded or not; undefined when the text is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "")), (char) =>
      char.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}
