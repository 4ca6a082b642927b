// A process that runs a phase or an undo activity by activity, and kills itself in the middle of what it is told.
//     forked; it takes one RunOrder and answers with Told
import { openDatabase } from '../store/database.ts';
import type { Phase } from '../domain/phase.ts';
import { makeActivities, openEngine, runPhase } from './import-engine.ts';
import { makeUndoActivities, runUndo } from './undo-engine.ts';

/** A run of a request's phase or undo, as far as it has come. */
export interface RunOrder {
  uri: string;
  database: string;
  folder: string;
  request: string;
  work: Phase | 'undo';
  /** activities that are over, with what they answered: what Temporal remembers */
  done: [call: string, answer: unknown][];
  /** at which call to MongoDB or the storage to die, and whether before it is made or when it is answered; null = never */
  cutAt: number | null;
  answered: boolean;
  /** at which calls to tell the parent */
  tellAt: number[];
}

export type Told = { ready: true } | { call: string; answer: unknown } | { calls: number; over: boolean };

/** The clock of these runs stands, so that they can be compared byte for byte. */
export const STANDING = new Date('2026-01-01T00:00:00Z');

const RETRIES = 200;

function tell(told: Told): Promise<void> {
  return new Promise((resolve) => process.send?.(told, () => resolve()));
}

async function run(order: RunOrder): Promise<void> {
  let calls = 0;
  const onCall = (isAnswer: boolean): void => {
    if (!isAnswer) calls++;
    if (!isAnswer && order.tellAt.includes(calls)) void tell({ calls, over: false });
    if (calls === order.cutAt && isAnswer === order.answered) process.kill(process.pid, 'SIGKILL');
  };
  const { client, db } = await openDatabase(`${order.uri}/?monitorCommands=true`, order.database);
  client.on('commandStarted', () => onCall(false));
  client.on('commandSucceeded', () => onCall(true));
  const engine = openEngine(db, order.folder, () => STANDING);
  const { storage } = engine;
  const parts = {
    ...engine,
    storage: {
      ...storage,
      put: async (...given: Parameters<typeof storage.put>) => {
        onCall(false);
        const told = await storage.put(...given);
        onCall(true);
        return told;
      },
    },
  };
  const answers = new Map(order.done);
  /** Runs an activity until it succeeds, unless it is over already. */
  const remembered = <T extends object>(activities: T): T => {
    const entries = Object.entries(activities) as [string, (argument: unknown) => Promise<unknown>][];
    return Object.fromEntries(
      entries.map(([name, act]) => [
        name,
        async (argument: unknown): Promise<unknown> => {
          const call = `${name} ${JSON.stringify(argument)}`;
          if (answers.has(call)) return answers.get(call);
          const answer = await untilDone(() => act(argument));
          void tell({ call, answer: answer ?? null });
          return answer;
        },
      ]),
    ) as T;
  };
  const { request, work } = order;
  if (work === 'undo') await runUndo(remembered(makeUndoActivities(parts)), request, STANDING.getTime());
  else await runPhase(engine, request, work, remembered(makeActivities(parts)));
  await tell({ calls, over: true });
  await client.close();
}

/** A database that is away comes back. */
async function untilDone<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (attempt === RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  process.once('message', (order) => {
    run(order as RunOrder).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once('disconnect', () => process.exit(0));
  await tell({ ready: true });
}
