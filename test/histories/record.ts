import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { importPhaseWorkflowId, migrationWorkflowId, PROCESSING_QUEUE_WORKFLOW_ID } from '../../workflows/messages.ts';
import { DAY, Lifecycle, OPERATOR, REQUESTER, type Request } from '../lifecycle/environment.ts';

/**
 * Records one history per path through the workflows, for the replay test beside it, under the name of a shape:
 * `node test/histories/record.ts <shape> [path ...]`, all paths where none is named. Run it with a new name when a change of the workflows (behind `patched()`) gives new
 * requests another history; those of earlier shapes stay, for requests that are under way.
 */
type Path = (life: Lifecycle) => Promise<string[]>;

const migrationOf = ({ id }: Request): string => migrationWorkflowId(id);
const importing = async (life: Lifecycle): Promise<void> =>
  life.until('importing', () => life.world.named('importSegments').length > 0);

const PATHS: Record<string, Path> = {
  completed: async (life) => {
    const request = await (await life.create()).approved();
    await request.result();
    return [
      migrationOf(request),
      importPhaseWorkflowId(request.id, 'phase-1'),
      importPhaseWorkflowId(request.id, 'phase-2'),
      PROCESSING_QUEUE_WORKFLOW_ID,
    ];
  },

  cancelled: async (life) => {
    const request = await (await life.create()).submitted();
    await request.command('cancel', { by: REQUESTER });
    await request.result();
    return [migrationOf(request)];
  },

  expired: async (life) => {
    const request = await life.create();
    await request.steps();
    await request.result();
    return [migrationOf(request)];
  },

  'sent-back-then-rejected': async (life) => {
    const request = await (await life.create()).verifying();
    await request.command('grantLimits', { by: OPERATOR, reason: 'large', limits: { files: 9 } });
    await request.command('sendBack', { by: OPERATOR, reason: 'no agents' });
    await request.steps({ revision: 3, portal: 'another' });
    await request.command('submit', { by: REQUESTER });
    await request.command('take', { by: OPERATOR });
    await request.command('reject', { by: OPERATOR, reason: 'not ours' });
    await request.result();
    return [migrationOf(request)];
  },

  'paused-and-resumed': async (life) => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await importing(life);
    await request.command('pause', { by: OPERATOR, reason: 'maintenance' });
    await request.noted('turnGivenBack:phase-1');
    gate.open();
    await request.command('resume', { by: OPERATOR });
    await request.reaches('REPLY_WINDOW');
    await request.command('pause', { by: OPERATOR });
    await request.command('resume', { by: OPERATOR });
    await request.result();
    return [migrationOf(request), importPhaseWorkflowId(request.id, 'phase-1')];
  },

  stopped: async (life) => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await importing(life);
    await request.command('stop', { by: OPERATOR, reason: 'wrong export' });
    await request.result();
    gate.open();
    return [migrationOf(request), importPhaseWorkflowId(request.id, 'phase-1')];
  },

  'cancelled-outside': async (life) => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await importing(life);
    await request.handle.cancel();
    await life.until('ended', async () => (await request.handle.describe()).status.name === 'CANCELLED');
    gate.open();
    return [migrationOf(request), importPhaseWorkflowId(request.id, 'phase-1')];
  },

  'faults-and-failed-proof': async (life) => {
    life.world.fail('closePortal');
    life.world.fail('importSegments');
    life.world.discrepancies = 2;
    const request = await (await life.create()).approved();
    for (let pauses = 1; pauses <= 3; pauses++) {
      await request.paused();
      await request.command('resume', { by: OPERATOR, ...(pauses === 3 ? { accept: true } : {}) });
    }
    await request.reaches('REPLY_WINDOW');
    life.world.discrepancies = 0;
    await request.result();
    return [migrationOf(request), importPhaseWorkflowId(request.id, 'phase-1')];
  },

  'replies-retry-and-early-start': async (life) => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    await request.command('reply', { by: REQUESTER, key: 'k1', files: [{ key: 'r1', bytes: 10 }] });
    await request.handle.signal('mailReply', { by: 'requester:mail', key: 'k2', files: [] });
    await request.command('retryTab', { by: OPERATOR, tab: 'tickets' });
    await request.reaches('REPLY_WINDOW', ({ reports }) => reports.length === 2);
    await request.command('startPhase2', { by: REQUESTER });
    await request.command('startPhase2', { by: OPERATOR });
    await request.result();
    return [migrationOf(request), importPhaseWorkflowId(request.id, 'phase-1')];
  },

  'waited-in-line': async (life) => {
    const gate = life.world.hold('importSegments');
    const first = await (await life.create()).approved();
    await importing(life);
    const second = await (await life.create()).approved();
    await second.reaches('QUEUED', ({ placeInLine }) => placeInLine === 1);
    gate.open();
    await second.result();
    await first.result();
    return [migrationOf(second), PROCESSING_QUEUE_WORKFLOW_ID];
  },

  'read-by-api': async (life) => {
    const request = await life.create();
    await request.steps({ readsApi: true });
    await request.command('sourceKey', { by: REQUESTER });
    await request.command('submit', { by: REQUESTER });
    await request.command('take', { by: OPERATOR });
    await request.noted('checked');
    await request.command('approve', { by: OPERATOR });
    await request.reaches('REPLY_WINDOW');
    // refused when it is tried with the reminder, and given anew
    life.world.sourceKeyWorks = false;
    await life.pass(8 * DAY);
    await request.noted('sourceKeyRefused');
    life.world.sourceKeyWorks = true;
    await request.command('sourceKey', { by: REQUESTER });
    await request.result();
    return [
      migrationOf(request),
      importPhaseWorkflowId(request.id, 'phase-1'),
      importPhaseWorkflowId(request.id, 'phase-2'),
    ];
  },

  'cut-history': async (life) => {
    life.world.plan = [{ tab: 'tickets', records: 300, bytes: 300 }];
    life.world.segmentsPerTab = 260;
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    return [importPhaseWorkflowId(request.id, 'phase-1')];
  },
};

const folder = import.meta.dirname;
await mkdir(folder, { recursive: true });
const [shape = '', ...named] = process.argv.slice(2);
if (!/^[a-z][a-z-]*$/.test(shape)) throw new Error('name the shape, for example: node test/histories/record.ts books-together');
const isMeant = (path: string): boolean => named.length === 0 || named.includes(path);
for (const file of await readdir(folder)) {
  if (file.endsWith(`.${shape}.json.gz`) && isMeant(file.split('.')[0] ?? '')) await rm(join(folder, file));
}
const life = await Lifecycle.start();
try {
  for (const [path, walk] of Object.entries(PATHS)) {
    if (!isMeant(path)) continue;
    for (const workflowId of await walk(life)) {
      const history = await life.temporal.client.workflow.getHandle(workflowId).fetchHistory();
      const kind = workflowId.split('/')[0] ?? workflowId;
      const phase = workflowId.split('/')[2];
      const name = [path, kind, ...(phase === undefined ? [] : [phase]), shape].join('.');
      const kept = JSON.stringify({ workflowId, history: withoutTraces(JSON.parse(historyToJSON(history))) });
      await writeFile(join(folder, `${name}.json.gz`), gzipSync(kept, { level: 9 }));
      console.log(`${name}: ${history.events?.length} events`);
    }
    await life.clear();
  }
} finally {
  await life.stop();
}

/** Stack traces tell of the machine that recorded them, and replaying needs none. */
function withoutTraces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTraces);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'stackTrace')
      .map(([key, each]) => [key, withoutTraces(each)]),
  );
}
