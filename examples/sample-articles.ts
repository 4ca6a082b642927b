import type { WarningCode } from '../domain/codes.ts';
import { articleAnswer, articleTitle, type Language } from './desk-texts.ts';
import { type Random, randomFor } from './random.ts';
import { authorWarnings, DEPARTED, timeText } from './sample-people.ts';
import { FILES, failedRow, type SampleRow, soundRow, type Values } from './sample-rows.ts';
import { BLOCK, type SampleWorld } from './sample-world.ts';

const DAY = 86_400_000;

/** Articles and their translations, a translation now and then before its original. */
export function* articleRows(world: SampleWorld): Generator<SampleRow> {
  for (let group = 0; group < world.articleGroups; group++) yield* articleGroup(world, group);
}

function* articleGroup(world: SampleWorld, group: number): Generator<SampleRow> {
  const random = randomFor(world.seed, 'article', group);
  const author = random.chance(0.1) ? random.pick(DEPARTED) : random.pick(world.agents).mail;
  const warnings = authorWarnings(world, author, false);
  const original = articleValues(random, group, 'ja', author);
  const translation = {
    ...articleValues(random, group, 'en', author),
    'Translation Of': original['ArticleExtId'] ?? '',
  };
  if (group % 40 === 25) yield* unusableGroup(original, translation, group, warnings);
  else if (group % 3 === 1) {
    yield soundRow(FILES.articles, translation, warnings);
    yield soundRow(FILES.articles, original, warnings);
  } else {
    yield soundRow(FILES.articles, original, warnings);
    yield soundRow(FILES.articles, translation, warnings);
  }
  if (group % 20 === 3 && world.tickets >= BLOCK) {
    yield failedRow(
      FILES.articles,
      {
        ...translation,
        ArticleExtId: `KB-${group + 1}-fr`,
        Locale: 'fr',
        'Translation Of': `KB-${group + 1}-en`,
      },
      { code: 'BAD_FORMAT', column: 'Translation Of', why: 'a translation of a translation' },
    );
  }
}

/** The original lacks its category, so its translation fails with it. */
function* unusableGroup(
  original: Values,
  translation: Values,
  group: number,
  warnings: readonly WarningCode[],
): Generator<SampleRow> {
  const later = group % 80 === 25 ? { mended: original, migratedLater: warnings } : {};
  yield failedRow(
    FILES.articles,
    { ...original, Category: '' },
    { code: 'MISSING_REQUIRED', column: 'Category', why: 'empty', ...later },
  );
  yield failedRow(FILES.articles, translation, {
    code: 'PARENT_FAILED',
    column: 'Translation Of',
    why: 'its original failed',
    ...(group % 80 === 25 ? { migratedLater: warnings } : {}),
  });
}

function articleValues(random: Random, group: number, language: Language, author: string): Values {
  const title = articleTitle(group, language);
  const created = Date.UTC(2022, 0, 10) + group * 3_600_000;
  return {
    ArticleExtId: `KB-${group + 1}-${language}`,
    Title: title,
    Answer: articleAnswer(random, language, title),
    Category: language === 'ja' ? '使い方' : 'How to',
    Section: random.pick(['Devices', '請求', '']),
    Status: random.pick(['Published', 'Published', 'Draft', 'Review']),
    Permission: random.pick(['ALL', 'REGISTEREDUSERS', 'AGENTS']),
    Locale: language,
    Tags: random.pick(['label, paper', 'E-42;エラー', '']),
    'Author Email': author,
    Permalink: `kb-${group + 1}-${language}`,
    'Created Time': timeText(random, created),
    'Modified Time': timeText(random, created + DAY),
  };
}
