/** Longer lines are a person's text; none of the patterns below would be as long. */
const LONGEST_MARK = 500;

const QUOTE = /^\s{0,3}[>＞]/;

const SEPARATOR =
  /^[-_=*\s]{2,}(?:original message|original appointment|forwarded message|reply message|元のメッセージ|元のメール|オリジナル\s?メッセージ|転送メッセージ|転送されたメッセージ)[-_=*\s]{2,}$/i;

/** Outlook draws a line above the original's header block. */
const RULE = /^[_-]{10,}$/;

const HEADER =
  /^\*?(from|sent|date|to|cc|subject|差出人|送信者|送信元|送信日時|日時|日付|宛先|件名)\s?\*?\s?[:：]/i;
const SENDER_HEADERS = new Set(['from', '差出人', '送信者', '送信元']);

const CLOCK = /\d{1,2}[:：時]\d{2}/;
const DATE =
  /\d{4}\s?[年/.-]\s?\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\b\d{1,2}\b.*\b\d{4}\b|\b\d{4}\b.*\b\d{1,2}\b/;

/** Who wrote what follows, and when. */
const ATTRIBUTIONS: readonly RegExp[] = [
  /^[-\s]*on\s.+\swrote\s?(?:[:：]|-{2,})$/i,
  /^.+\swrote(?:\s(?:on|at)\s.+|\s?\(.+\))?\s?[:：]$/i,
  /^\d{4}\s?[年/.-]\s?\d{1,2}\s?[月/.-]\s?\d{1,2}.*(?:@|のメール|書きました|さん).*[:：]$/,
  /^(?:\S.*)?(?:さん(?:は|が)(?:書き|送信し)ました|様(?:は|が)書かれました|のメッセージ|からのメール)\s?[:：]$/,
];

/** What a telephone adds below. */
const DEVICE_SIGNATURE =
  /^(?:sent from (?:my |outlook|mail for|yahoo|proton).*|get outlook for .*|(?:私の)?\S{2,20}から送信(?:されました)?|outlook for .{3,10}を入手.*)$/i;

/**
 * What a person wrote anew: the text of a mail without the history below or between it, and without the signature.
 * Knows how English and Japanese mail programs quote. Gives '' when there is nothing new.
 */
export function newText(text: string): string {
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const marks = lines.map(markOf);
  const kept: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const mark = marks[at] ?? '';
    if (isSignature(lines[at] ?? '') || SEPARATOR.test(mark) || isHeaderBlock(marks, at)) break;
    if (RULE.test(mark) && isHeaderBlock(marks, nextSaid(marks, at + 1))) break;
    const attribution = attributionLength(marks, at);
    if (attribution > 0) {
      const next = nextSaid(marks, at + attribution);
      const quoted = QUOTE.test(marks[next] ?? '');
      const said = marks.slice(at, at + attribution).join(' ');
      // without marks below it, all that follows is the history
      if (!quoted && (next >= lines.length || said.includes('@') || CLOCK.test(said))) break;
      if (quoted) {
        at = next;
        continue;
      }
    }
    if (!QUOTE.test(mark)) kept.push((lines[at] ?? '').trimEnd());
    at++;
  }
  return withoutDevice(kept)
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+/, '')
    .trimEnd();
}

/** A line as the patterns see it; too long for any of them = empty, but said. */
function markOf(line: string): string {
  if (line.length > LONGEST_MARK) return '…';
  return line.replace(/[\u00a0\u200b\u200e\u200f\ufeff]/g, ' ').trim();
}

/** RFC 3676 4.3; many programs lose the space at the end. */
function isSignature(line: string): boolean {
  return line === '-- ' || line === '--';
}

/** From the sender's line on, at least three of a mail's headers stand together. */
function isHeaderBlock(marks: readonly string[], at: number): boolean {
  const first = HEADER.exec(marks[at] ?? '')?.[1]?.toLowerCase();
  if (first === undefined || !SENDER_HEADERS.has(first)) return false;
  const found = new Set([first]);
  for (let next = at + 1; next < Math.min(marks.length, at + 12); next++) {
    const name = HEADER.exec(marks[next] ?? '')?.[1]?.toLowerCase();
    if (name !== undefined) found.add(name);
  }
  return found.size >= 3;
}

/** How many lines from here on say who wrote what follows (a program may have wrapped them), or 0. */
function attributionLength(marks: readonly string[], at: number): number {
  if ((marks[at] ?? '') === '' || QUOTE.test(marks[at] ?? '')) return 0;
  for (let length = 1; length <= 3 && at + length <= marks.length; length++) {
    if (marks[at + length - 1] === '') return 0;
    const said = marks.slice(at, at + length).join(' ');
    if (said.length > LONGEST_MARK) return 0;
    if (!/[:：-]$/.test(said)) continue;
    if (!DATE.test(said) && !CLOCK.test(said) && !said.includes('@')) continue;
    if (ATTRIBUTIONS.some((pattern) => pattern.test(said))) return length;
  }
  return 0;
}

function nextSaid(marks: readonly string[], from: number): number {
  let at = from;
  while (at < marks.length && marks[at] === '') at++;
  return at;
}

function withoutDevice(lines: readonly string[]): string[] {
  const said = lines.findLastIndex((line) => line.trim() !== '');
  const last = lines[said];
  return last !== undefined && DEVICE_SIGNATURE.test(last.trim()) ? lines.slice(0, said) : [...lines];
}
