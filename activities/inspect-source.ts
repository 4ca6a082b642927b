import { type Draft, type Finding } from '../domain/request.ts';
import { chooseTabs, TAB_TITLES, type Tab } from '../domain/tab.ts';
import type { HelpDeskApi, SourceInventory } from '../sources/help-desk-api.ts';
import { type FileInspection, inspectFile } from '../sources/inspect-file.ts';
import { memoryFile } from '../sources/memory-file.ts';
import type { FileAccess } from '../sources/rows.ts';
import { SourceError, type SourceErrorCode } from '../sources/source-error.ts';
import { type OpenSource, patiently } from './ask-source.ts';
import { drawnName } from './draw-source.ts';

/** The first page of a tab, inspected as a file that holds as many records as the source says. */
export interface InspectedTab {
  access: FileAccess;
  inspection: FileInspection;
}

const REMEDIES: Record<SourceErrorCode, string> = {
  SOURCE_KEY_REFUSED:
    'Make a key in the help desk that may read everything that is migrated, and give it anew.',
  SOURCE_KEY_MISSING: 'Give the key: POST …/source-key, or deskferry source-key.',
  SOURCE_ADDRESS_REFUSED: 'Correct the address of the source and give its key again.',
  SOURCE_UNREACHABLE: 'See that the address is right and the help desk answers, then run the checks again.',
  SOURCE_BUSY: 'Run the checks again later.',
  SOURCE_ANSWER_BAD: 'See that the address is that of an export API as docs/source-api.md describes it.',
  SOURCE_COUNT_DIFFERS: 'Run the checks again.',
};

/**
 * B1: whether a source that is read by its API can be: its key works, and may read each chosen tab. Of each tab the first page is
 * read, so that its columns can be judged.
 */
export async function inspectSource(
  openSource: OpenSource,
  request: string,
  { tabs, omit }: Pick<Draft, 'tabs' | 'omit'>,
): Promise<{ findings: Finding[]; inspected: InspectedTab[] }> {
  const findings: Finding[] = [];
  const inspected: InspectedTab[] = [];
  let source: HelpDeskApi | null = null;
  try {
    const opened = await openSource(request);
    source = opened;
    const inventory = await patiently(() => opened.inventory(null));
    for (const tab of tabs === null ? [] : chooseTabs(tabs, omit)) {
      const records = recordsOf(inventory, tab);
      if (records === 0) continue;
      try {
        inspected.push(await inspectTab(opened, tab, records));
      } catch (error) {
        if (!(error instanceof SourceError) || error.code !== 'SOURCE_KEY_REFUSED') throw error;
        findings.push({
          severity: 'blocking',
          code: 'SOURCE_TAB_FORBIDDEN',
          message: `The key of the source may not read the tab ${tab}.`,
          remedy: 'Give a key that may, or leave the tab out.',
          tab,
        });
      }
    }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const { code, message } = error;
    findings.push({ severity: 'blocking', code, message, remedy: REMEDIES[code] });
  } finally {
    source?.close();
  }
  return { findings, inspected };
}

const recordsOf = ({ tabs }: SourceInventory, wanted: Tab): number =>
  tabs.find(({ tab }) => tab === wanted)?.records ?? 0;

async function inspectTab(source: HelpDeskApi, tab: Tab, records: number): Promise<InspectedTab> {
  const page = await patiently(() => source.page(tab, { after: null, since: null }));
  const bytes = Buffer.concat([Buffer.from('['), page.body, Buffer.from(']')]);
  const access = memoryFile(drawnName(TAB_TITLES[tab]), bytes);
  const inspection = await inspectFile(access, { encoding: 'utf-8' });
  // the rest is as large as what was read, record for record
  const estimate = page.records === 0 ? 0 : Math.round((bytes.length / page.records) * records);
  return {
    access,
    inspection: {
      ...inspection,
      unpackedBytes: estimate,
      parts: inspection.parts.map((part) => ({ ...part, records, bytes: estimate })),
    },
  };
}
