import { readFile } from 'node:fs/promises';

/** Linux counts processor time in hundredths of a second. */
const TICKS_A_SECOND = 100;

/** Processor time of a process so far, its own and the system's for it, in seconds. @throws when there is no such process */
export async function processorSeconds(pid: number | null | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // behind the name, which may hold anything, the 14th and 15th field of the whole line
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}
