import { describe, expect, it } from 'vitest';
import { fileName } from './file-name.ts';

describe('A4: names of uploaded files', () => {
  it('A4: are kept as they are, in NFC', () => {
    expect(fileName('問い合わせ_01.csv')).toBe('問い合わせ_01.csv');
    expect(fileName('か\u3099.csv')).toBe('が.csv');
    expect(fileName('a'.repeat(255))).toHaveLength(255);
    // joined by what is not seen itself
    for (const name of ['\u{1f469}\u200d\u{1f4bb}.csv', 'می\u200cخواهم.csv', '葛\u{e0100}.csv'])
      expect(fileName(name)).toBe(name);
  });

  it('A4: are no paths, hold nothing invisible, and have at most 255 bytes', () => {
    for (const name of [
      '',
      ' ',
      '.',
      '..',
      'a/b',
      'a\\b',
      'a\0b',
      'a\u0085b',
      '\u202ea',
      'a\u200e.csv',
      'Tick\u200bets.csv',
      '\ufeffa.csv',
      'a\u3164.csv',
      'a\u{e0041}.csv',
      '\ud800',
      'a'.repeat(256),
      'あ'.repeat(86),
    ]) {
      expect(() => fileName(name), JSON.stringify(name)).toThrow('Name the file otherwise');
    }
  });
});
