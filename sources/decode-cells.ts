import { isUtf8 } from 'node:buffer';
import type { Encoding } from './rows.ts';

/**
 * Text of `bytes[start, end)`, or null when it does not decode: nothing is replaced, nothing normalised, a byte
 * order mark inside is kept.
 */
export type DecodeText = (bytes: Buffer, start: number, end: number) => string | null;

// ICU's Shift_JIS turns these three control characters round (IBM's habit); ASCII must stay ASCII.
const ICU_CONTROLS: Readonly<Record<string, string>> = { '\x1c': '\x1a', '\x7f': '\x1c', '\x1a': '\x7f' };
// oxlint-disable-next-line no-control-regex -- these controls are what has to be found
const CONTROLS_TURNED = /[\x1a\x1c\x7f]/;
// oxlint-disable-next-line no-control-regex -- these controls are what has to be found
const ALL_CONTROLS_TURNED = /[\x1a\x1c\x7f]/g;
const C1 = /[\u0080-\u009f]/;
const ALL_C1 = /[\u0080-\u009f]/g;

const C1_IN_1252 = new TextDecoder('windows-1252').decode(
  Uint8Array.from({ length: 32 }, (_, index) => 128 + index),
);

function strict(label: string): (bytes: Uint8Array) => string | null {
  const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      return null;
    }
  };
}

const shiftJis = strict('shift_jis');
const eucJp = strict('euc-jp');

const DECODERS: Readonly<Record<Encoding, DecodeText>> = {
  'utf-8': (bytes, start, end) =>
    isUtf8(bytes.subarray(start, end)) ? bytes.toString('utf8', start, end) : null,
  'utf-16le': (bytes, start, end) => {
    const text = bytes.toString('utf16le', start, end);
    return (end - start) % 2 === 0 && text.isWellFormed() ? text : null;
  },
  'utf-16be': (bytes, start, end) => {
    if ((end - start) % 2 !== 0) return null;
    const text = Buffer.from(bytes.subarray(start, end)).swap16().toString('utf16le');
    return text.isWellFormed() ? text : null;
  },
  shift_jis: (bytes, start, end) => {
    const text = shiftJis(bytes.subarray(start, end));
    if (text === null || !CONTROLS_TURNED.test(text)) return text;
    return text.replace(ALL_CONTROLS_TURNED, (control) => ICU_CONTROLS[control] as string);
  },
  'euc-jp': (bytes, start, end) => {
    const text = eucJp(bytes.subarray(start, end));
    // ICU lets bytes 80-9F through as C1 controls; EUC-JP has no such characters
    return text === null || C1.test(text) ? null : text;
  },
  'windows-1252': (bytes, start, end) => {
    const text = bytes.toString('latin1', start, end);
    return C1.test(text) ? text.replace(ALL_C1, (c) => C1_IN_1252[c.charCodeAt(0) - 128] as string) : text;
  },
};

/** The strict decoder of an encoding. */
export function decoderOf(encoding: Encoding): DecodeText {
  return DECODERS[encoding];
}
