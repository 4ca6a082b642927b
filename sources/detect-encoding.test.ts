import * as fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { detectEncoding } from './detect-encoding.ts';
import type { Encoding } from './rows.ts';

const JAPANESE = `TicketExtId,件名,説明,担当者
T1,製品の電源が入りません,"お世話になっております。
昨日から、電源ボタンを押しても反応がありません。",山田太郎
T2,請求書の宛名変更,「株式会社サンプル」へ変更をお願いします。,佐藤花子
T3,ログインできない,ﾊﾟｽﾜｰﾄﾞを忘れました①,鈴木
`;
const GERMAN = `Betreff,Beschreibung
Gerät läuft nicht,"Größe über 100 €, bitte prüfen"
Rückfrage,Die Tür schließt nicht – was tun?
`;
const FRENCH = `Sujet,Détail
Problème d’été,"J’ai reçu un écran cassé, où l’échanger ?"
Élève préféré,à côté de la fenêtre
`;

function encode(text: string, encoding: string): Buffer {
  return iconv.encode(text, encoding === 'shift_jis' ? 'cp932' : encoding);
}

describe('formats.md General: the encoding is detected', () => {
  it.each([
    ['utf-8', JAPANESE],
    ['shift_jis', JAPANESE],
    ['euc-jp', JAPANESE.replace('①', '')],
    ['utf-8', GERMAN],
    ['windows-1252', GERMAN],
    ['utf-8', FRENCH],
    ['windows-1252', FRENCH],
    ['utf-8', 'a,b\n1,2\n'],
    ['utf-8', ''],
    ['shift_jis', '顧客番号,氏名\n1,髙橋①\n'],
    ['shift_jis', 'ﾅﾏｴ,ﾃﾞﾝﾜ\nﾔﾏﾀﾞ ﾀﾛｳ,03\n'],
    ['euc-jp', '件名,状態\n返品について,対応中\n'],
  ] as [Encoding, string][])('%s', (encoding, text) => {
    expect(detectEncoding(encode(text, encoding))).toMatchObject({ encoding, bom: false });
  });

  it.each([
    ['utf-8', [0xef, 0xbb, 0xbf]],
    ['utf-16le', [0xff, 0xfe]],
    ['utf-16be', [0xfe, 0xff]],
  ] as const)('%s by its byte order mark', (encoding, mark) => {
    const bytes = Buffer.concat([Buffer.from(mark), encode(JAPANESE, encoding)]);
    expect(detectEncoding(bytes)).toMatchObject({ encoding, bom: true, confidence: 1 });
  });

  it.each(['utf-8', 'shift_jis', 'euc-jp'] as const)('%s wherever the head is cut', (encoding) => {
    const bytes = encode(JAPANESE.replace('①', ''), encoding);
    fc.assert(
      fc.property(fc.integer({ min: 40, max: bytes.length }), (length) => {
        expect(detectEncoding(bytes.subarray(0, length)).encoding).toBe(encoding);
      }),
    );
  });

  it('UTF-8 stays UTF-8 where a few rows do not decode: those fail alone', () => {
    const bytes = Buffer.concat([
      Buffer.from(JAPANESE),
      Buffer.from('T4,\xff\xfe,\x82\xa0,x\n', 'latin1'),
      Buffer.from(JAPANESE),
    ]);
    const detected = detectEncoding(bytes);
    expect(detected.encoding).toBe('utf-8');
    expect(detected.confidence).toBeLessThan(1);
    expect(detected.reason).toContain('1 of');
  });

  it('only a byte order mark and plain UTF-8 are certain', () => {
    expect(detectEncoding(Buffer.from(JAPANESE)).confidence).toBe(1);
    expect(detectEncoding(encode(GERMAN, 'windows-1252')).confidence).toBeLessThan(1);
    expect(detectEncoding(encode(JAPANESE, 'shift_jis')).confidence).toBeLessThan(1);
  });
});
