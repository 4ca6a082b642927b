import type { Random } from './random.ts';

/** What the sample company's records say, in both languages. */
export type Language = 'ja' | 'en';

export interface PersonName {
  first: string;
  last: string;
  /** for the mail address */
  plain: string;
}

const JA_FAMILY = [
  ['佐藤', 'sato'],
  ['鈴木', 'suzuki'],
  ['高橋', 'takahashi'],
  ['田中', 'tanaka'],
  ['渡邊', 'watanabe'],
  ['伊藤', 'ito'],
  ['小林', 'kobayashi'],
  ['齋藤', 'saito'],
  ['髙木', 'takagi'],
  ['吉田', 'yoshida'],
] as const;
const JA_GIVEN = [
  ['健太', 'kenta'],
  ['美咲', 'misaki'],
  ['大輔', 'daisuke'],
  ['さくら', 'sakura'],
  ['翔', 'sho'],
  ['陽子', 'yoko'],
  ['直樹', 'naoki'],
] as const;
const EN_FAMILY = [
  'Miller',
  "O'Brien",
  'García',
  'Schmidt',
  'Novák',
  'Okafor',
  'Larsen',
  'Dubois',
  'Singh',
  'Walker',
];
const EN_GIVEN = ['Anna', 'James', 'Chloë', 'Robert', 'Ingrid', 'Samuel', 'Priya'];

function ascii(text: string): string {
  return text
    .normalize('NFD')
    .replace(/[^A-Za-z]/g, '')
    .toLowerCase();
}

/** A person's name; the same number always gives the same person. */
export function personName(language: Language, number: number): PersonName {
  if (language === 'ja') {
    const [last, lastPlain] = JA_FAMILY[number % JA_FAMILY.length] as (typeof JA_FAMILY)[number];
    const [first, firstPlain] = JA_GIVEN[
      Math.floor(number / 3) % JA_GIVEN.length
    ] as (typeof JA_GIVEN)[number];
    return { first, last, plain: `${firstPlain}.${lastPlain}` };
  }
  const last = EN_FAMILY[number % EN_FAMILY.length] as string;
  const first = EN_GIVEN[Math.floor(number / 3) % EN_GIVEN.length] as string;
  return { first, last, plain: `${ascii(first)}.${ascii(last)}` };
}

export const COMPANIES = [
  'みなと精機株式会社',
  'Brightwater Logistics, Inc.',
  '株式会社 北斗電子',
  'Hôtel du Port "Le Phare"',
  '有限会社あおぞら文具',
  'Köhler & Söhne GmbH',
  'サンライズ物産(株)',
  'Cedar Hill Clinic',
] as const;

export const INDUSTRIES = ['製造', 'Logistics', 'Retail', '医療', 'Hospitality'] as const;

export const PRODUCTS = [
  'ハーバー計測器 HX-200',
  'Label printer LP-4',
  'Cloud gateway "Pier"',
  '卓上スキャナ S1',
  'Docking station, 12 ports',
  '会議用スピーカー',
  'Thermal paper 80mm',
  'Battery pack BP-9',
] as const;

const SUBJECTS: Readonly<Record<Language, readonly string[]>> = {
  ja: [
    '電源が入りません',
    '見積書の再発行をお願いします(至急)',
    'ログインできない, パスワード再設定も届かない',
    '納期について',
    'Re: 「E-42」エラーの対処方法',
    '請求書の宛名変更',
    'か\u3099めんか\u3099まっ暗になる',
    '返品手続き ☂',
  ],
  en: [
    'Printer prints blank pages',
    'Invoice shows the wrong address, please correct',
    'Cannot sign in after the update',
    'Where is my order?',
    'Fwd: "Error E-42" on start-up',
    '=SUM of the invoice does not match',
    'Request for a quotation; 25 units',
    'Battery drains overnight 🔋',
  ],
};

const SENTENCES: Readonly<Record<Language, readonly string[]>> = {
  ja: [
    '先週の更新以降、起動すると「E-42: 接続できません」と表示されます。',
    'マニュアルの 12 ページ、「初期設定」の手順はすべて試しました。',
    '担当の者が不在のため、代わりにご連絡しております。',
    '至急ご確認のほど、よろしくお願いいたします。',
    '写真を添付しますので、ご覧ください。\nシリアル番号は HX-200-0931 です。',
    '弊社では ①東京 ②大阪 の二拠点で使っています。',
  ],
  en: [
    'Since last week\'s update it shows "E-42: no connection" at start-up.',
    'We tried everything on page 12 of the manual, twice, without success.',
    'My colleague is away; please answer to this address instead.',
    'Could you tell us, at least roughly, when we can expect a replacement?',
    'A photo is attached.\nThe serial number is LP-4-7781, bought in March.',
    'It worked for 10 minutes; then the light went from green to red.',
  ],
};

const ANSWERS: Readonly<Record<Language, readonly string[]>> = {
  ja: [
    'お問い合わせいただき、ありがとうございます。',
    '担当部署にて確認し、改めてご連絡いたします。',
    '一度、電源コードを抜いて 30 秒お待ちください。',
    '交換品を本日発送いたしました。',
  ],
  en: [
    'Thank you for getting in touch.',
    'We have passed this to the workshop and will come back to you.',
    'Please unplug the device, wait 30 seconds, and plug it in again.',
    'A replacement left our warehouse today, "signed for" delivery.',
  ],
};

const NOTES: Readonly<Record<Language, readonly string[]>> = {
  ja: [
    '倉庫に在庫確認済み。',
    '電話あり、\n折り返し希望(午後)。',
    '前回と同じ症状, 要エスカレーション',
    '値引き 5% まで可。',
  ],
  en: [
    'Checked stock: 3 left, all in Osaka.',
    'Customer called,\nwants a call back after 2pm.',
    'Same as last time; escalate if it happens again.',
    'Discount of up to 5% is fine, says "the boss".',
  ],
};

/** A ticket's subject. */
export function subjectText(random: Random, language: Language): string {
  return random.pick(SUBJECTS[language]);
}

/** What a customer writes, one to four sentences apart by empty lines. */
export function questionText(random: Random, language: Language): string {
  return paragraphs(random, SENTENCES[language], 1 + random.int(4));
}

/** What an agent answers. */
export function answerText(random: Random, language: Language): string {
  return paragraphs(random, ANSWERS[language], 1 + random.int(3));
}

/** What agents note among themselves. */
export function noteText(random: Random, language: Language): string {
  return random.pick(NOTES[language]);
}

function paragraphs(random: Random, sentences: readonly string[], count: number): string {
  const start = random.int(sentences.length);
  return Array.from({ length: count }, (_, index) => sentences[(start + index) % sentences.length]).join(
    '\n\n',
  );
}

/** Plain text as a mail program would send it in HTML. */
export function asHtml(text: string, signature: string, images = ''): string {
  const body = text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;')
    .split('\n\n')
    .map((part) => `<p style="margin:0 0 1em 0">${part.replaceAll('\n', '<br>')}</p>`)
    .join('\n');
  return `<div dir="ltr">\n${body}${images}\n<hr><p class="signature">${signature}</p>\n</div>`;
}

const ARTICLE_SUBJECTS: readonly { ja: string; en: string }[] = [
  { ja: 'ラベルプリンターの用紙交換', en: 'Changing the paper of the label printer' },
  { ja: 'エラー「E-42」の意味と対処', en: 'What "E-42" means, and what to do' },
  { ja: '返品と交換の手続き', en: 'Returns and exchanges, step by step' },
  { ja: 'パスワードを忘れたとき', en: 'I forgot my password' },
  { ja: '請求書の再発行', en: 'Getting an invoice again' },
];

export function articleTitle(group: number, language: Language): string {
  const subject = ARTICLE_SUBJECTS[group % ARTICLE_SUBJECTS.length] as { ja: string; en: string };
  return group < ARTICLE_SUBJECTS.length ? subject[language] : `${subject[language]} (${group + 1})`;
}

export function articleAnswer(random: Random, language: Language, title: string): string {
  const steps = paragraphs(random, ANSWERS[language], 3)
    .split('\n\n')
    .map((step) => `  <li>${step.replaceAll('"', '&quot;')}</li>`)
    .join('\n');
  return `<h2>${title.replaceAll('"', '&quot;')}</h2>\n<ol class="steps">\n${steps}\n</ol>\n<p>${random.pick(SENTENCES[language])}</p>`;
}
