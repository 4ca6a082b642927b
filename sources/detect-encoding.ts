import { isAscii, isUtf8 } from 'node:buffer';
import encodingJapanese from 'encoding-japanese';
import { decoderOf } from './decode-cells.ts';
import type { Encoding } from './rows.ts';

/** How a part is encoded, for the requester to confirm. */
export interface DetectedEncoding {
  encoding: Encoding;
  /** whether a byte order mark says so */
  bom: boolean;
  /** 0 = a guess, 1 = certain */
  confidence: number;
  reason: string;
}

const HEAD_BYTES = 1_000_000;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Tells a part's encoding from its first bytes (formats.md, General): a byte order mark; UTF-8, also where a few rows do not
 * decode; Shift_JIS or EUC-JP, if the text it makes is Japanese; else Windows-1252.
 * @param head the part's beginning; up to 1 MB of it is looked at, wherever it was cut
 */
export function detectEncoding(head: Uint8Array): DetectedEncoding {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, HEAD_BYTES));
  if (bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    return marked('utf-8');
  if (bytes.length >= 2 && bytes[0] === 0xff && bytes[1] === 0xfe) return marked('utf-16le');
  if (bytes.length >= 2 && bytes[0] === 0xfe && bytes[1] === 0xff) return marked('utf-16be');
  if (isAscii(bytes)) return found('utf-8', 1, 'only ASCII characters');
  if (isUtf8(withoutCutCharacter(bytes))) return found('utf-8', 1, 'valid UTF-8');

  const lines = linesBeyondAscii(bytes);
  const utf8 = lines.filter((line) => isUtf8(line)).length;
  if (utf8 * 2 >= lines.length) {
    const reason = `UTF-8 but for ${lines.length - utf8} of ${lines.length} lines`;
    return found('utf-8', utf8 / lines.length, reason);
  }
  return japanese(lines) ?? found('windows-1252', 0.5, 'neither UTF-8 nor Japanese');
}

function marked(encoding: Encoding): DetectedEncoding {
  return { encoding, bom: true, confidence: 1, reason: 'byte order mark' };
}

function found(encoding: Encoding, confidence: number, reason: string): DetectedEncoding {
  return { encoding, bom: false, confidence: Math.round(confidence * 100) / 100, reason };
}

/** The lines with other than ASCII characters. The last one may be cut within a character. */
function linesBeyondAscii(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let begin = 0;
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) continue;
    const line = at < bytes.length ? bytes.subarray(begin, at) : withoutCutCharacter(bytes.subarray(begin));
    if (!isAscii(line)) lines.push(line);
    begin = at + 1;
  }
  return lines;
}

/** Without its last character if that is UTF-8 cut short. */
function withoutCutCharacter(line: Buffer): Buffer {
  for (let cut = 1; cut <= 3 && cut <= line.length; cut++) {
    const byte = line[line.length - cut] as number;
    if (byte < 0x80) break;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 0;
    if (length > cut && isUtf8(line.subarray(0, line.length - cut)))
      return line.subarray(0, line.length - cut);
    if (length > 0) break;
  }
  return line;
}

// of what Japanese writes everyday text with, everything but the rarer half of the kanji
const USUAL = /[\u3000-\u30ff\uff00-\uff60\u2460-\u2473]|[\uff61-\uff9f]{2,}/gu;
const BEYOND_ASCII = /[^\0-\u007f]/gu;

interface Candidate {
  encoding: 'shift_jis' | 'euc-jp';
  /** share of the lines that decode */
  decoded: number;
  /** share of the characters beyond ASCII that are everyday Japanese */
  usual: number;
}

function weigh(encoding: Candidate['encoding'], lines: Buffer[]): Candidate {
  const decode = decoderOf(encoding);
  let decoded = 0;
  let characters = 0;
  let usual = 0;
  for (const [k, line] of lines.entries()) {
    const cutAtMost = k === lines.length - 1 ? 2 : 0;
    let text = decode(line, 0, line.length);
    for (let cut = 1; text === null && cut <= cutAtMost; cut++) text = decode(line, 0, line.length - cut);
    if (text === null) continue;
    decoded++;
    characters += text.match(BEYOND_ASCII)?.length ?? 0;
    for (const run of text.match(USUAL) ?? []) usual += run.length;
    usual += usualKanji(line, encoding);
  }
  return { encoding, decoded: decoded / lines.length, usual: characters === 0 ? 0 : usual / characters };
}

/** Kanji of the first level of JIS X 0208, the everyday ones: by their lead bytes. */
function usualKanji(line: Buffer, encoding: Candidate['encoding']): number {
  let count = 0;
  for (let at = 0; at + 1 < line.length; at++) {
    const lead = line[at] as number;
    if (lead < 0x80 || (encoding === 'shift_jis' && lead >= 0xa1 && lead <= 0xdf)) continue;
    if (encoding === 'shift_jis' ? lead >= 0x88 && lead <= 0x97 : lead >= 0xb0 && lead <= 0xcf) count++;
    at++;
  }
  return count;
}

function japanese(lines: Buffer[]): DetectedEncoding | null {
  const candidates = [weigh('euc-jp', lines), weigh('shift_jis', lines)].filter(
    ({ decoded, usual }) => decoded >= 0.5 && usual >= 0.5,
  );
  const detected = encodingJapanese.detect(Buffer.concat(lines), ['EUCJP', 'SJIS']);
  const score = ({ encoding, decoded, usual }: Candidate) =>
    decoded + usual + ((detected === 'EUCJP') === (encoding === 'euc-jp') && detected !== false ? 0.1 : 0);
  const [best] = candidates.toSorted((a, b) => score(b) - score(a));
  if (best === undefined) return null;
  const confidence = Math.min(best.decoded, 0.5 + best.usual / 2, candidates.length > 1 ? 0.8 : 1);
  return found(best.encoding, confidence, `${Math.round(best.usual * 100)} % everyday Japanese characters`);
}
