const MOST_BYTES = 255;

/**
 * What is not seen: controls, line separators, marks and overrides of direction (which show a name as another one), blanks without a
 * width, tags. The joiners (U+200C, U+200D) stay, because scripts and emoji need them.
 */
const UNSEEN =
  /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e007f}]/u;

/** Why a text cannot be the name of an uploaded file, as the end of a sentence about it; null when it can (A4). @param name in NFC */
export function faultOfFileName(name: string): string | null {
  if (!name.isWellFormed()) return 'is not valid Unicode';
  if (name.trim() === '' || name === '.' || name === '..') return 'is empty';
  if (/[/\\]/.test(name)) return 'holds a slash or backslash';
  if (UNSEEN.test(name)) return 'holds characters that are not seen';
  const { length } = new TextEncoder().encode(name);
  return length > MOST_BYTES ? `is longer than ${MOST_BYTES} bytes` : null;
}
