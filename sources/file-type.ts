/** What a file holds, judged by its first bytes, whatever its name says. */
export interface FileType {
  kind: 'csv' | 'json' | 'xml' | 'zip' | 'spreadsheet' | 'binary';
  /** what people call it */
  title: string;
  /** share of NUL bytes in the head, 0..1 */
  nuls: number;
}

const SIGNATURES: readonly [signature: string, kind: 'zip' | 'spreadsheet' | 'binary', title: string][] = [
  ['PK\x03\x04', 'zip', 'a ZIP archive'],
  ['PK\x05\x06', 'zip', 'an empty ZIP archive'],
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'spreadsheet', 'an Office document'],
  ['\x1f\x8b', 'binary', 'a gzip archive'],
  ['7z\xbc\xaf\x27\x1c', 'binary', 'a 7z archive'],
  ['Rar!\x1a\x07', 'binary', 'a RAR archive'],
  ['%PDF-', 'binary', 'a PDF document'],
  ['\x89PNG', 'binary', 'an image'],
  ['\xff\xd8\xff', 'binary', 'an image'],
  ['GIF8', 'binary', 'an image'],
  ['SQLite format 3\0', 'binary', 'a database'],
];

// above these shares of its bytes it is no text
const NUL_TOLERANCE = 0.1;
const CONTROL_TOLERANCE = 0.03;

/** Judges a file by its beginning. @param head up to 1 MB of it */
export function fileType(head: Uint8Array): FileType {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const start = bytes.toString('latin1', 0, 16);
  for (const [signature, kind, title] of SIGNATURES) {
    if (start.startsWith(signature)) return { kind, title, nuls: 0 };
  }
  const utf16 = start.startsWith('\xff\xfe') ? 'utf-16le' : start.startsWith('\xfe\xff') ? 'utf-16be' : null;
  const { nuls, controls } = utf16 === null ? shares(bytes) : { nuls: 0, controls: 0 };
  if (nuls > NUL_TOLERANCE) {
    return { kind: 'binary', title: 'no text, or UTF-16 without a byte order mark', nuls };
  }
  if (controls > CONTROL_TOLERANCE) return { kind: 'binary', title: 'no text', nuls };
  const text = new TextDecoder(utf16 ?? 'utf-8').decode(bytes.subarray(0, 4096)).trimStart();
  // a CSV header may begin with a bracket: what follows it decides
  if (/^(?:\[\s*(?:\{|\]|$)|\{\s*(?:"|\}|$))/.test(text)) return { kind: 'json', title: 'JSON', nuls };
  if (/^<(?:\?xml\s|!--|!DOCTYPE\s|[\p{L}_][\p{L}\p{N}_.:-]*[\s/>])/u.test(text))
    return { kind: 'xml', title: 'XML', nuls };
  return { kind: 'csv', title: 'text', nuls };
}

function shares(bytes: Buffer): { nuls: number; controls: number } {
  let nuls = 0;
  let controls = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === 0) nuls++;
    else if (byte < 0x09 || (byte > 0x0d && byte < 0x1a) || (byte > 0x1b && byte < 0x20)) controls++;
  }
  const total = Math.max(bytes.length, 1);
  return { nuls: nuls / total, controls: controls / total };
}
