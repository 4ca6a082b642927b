import type { z } from 'zod';
import { jsonPointer } from './json-pointer.ts';
import { type Fault, Problem } from './problem.ts';

/** A key nobody types by accident: it would reach into the program. */
const FORBIDDEN_KEY = '__proto__';
const DEEPEST = 32;

/** What no text of a body may hold: databases and programs would change it, or end it there. */
function textFault(text: string): string | null {
  if (!text.isWellFormed()) return 'holds half a character (a lone surrogate)';
  return text.includes('\0') ? 'holds a NUL character' : null;
}

function forbiddenContent(value: unknown, path: readonly PropertyKey[], faults: Fault[]): void {
  if (faults.length > 20) return;
  const fault = typeof value === 'string' ? textFault(value) : null;
  if (fault !== null) faults.push({ pointer: jsonPointer(path), detail: fault });
  if (typeof value !== 'object' || value === null) return;
  if (path.length > DEEPEST) {
    faults.push({ pointer: jsonPointer(path), detail: `is nested more than ${DEEPEST} levels deep` });
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (key === FORBIDDEN_KEY || textFault(key) !== null)
      faults.push({ pointer: jsonPointer(at), detail: 'is not a name that can be used here' });
    else forbiddenContent(inner, at, faults);
  }
}

function bodyFaults(issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue): Fault[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: jsonPointer([...issue.path, key]),
        detail: 'is not known here',
      }));
    }
    return [{ pointer: jsonPointer(issue.path), detail: issue.message }];
  });
}

/**
 * Checks a JSON body.
 * @throws Problem `invalid-body` with a JSON pointer for every fault; unknown members are faults
 */
export function validBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const faults: Fault[] = [];
  forbiddenContent(body, [], faults);
  if (faults.length === 0) {
    const read = schema.safeParse(body);
    if (read.success) return read.data;
    faults.push(...bodyFaults(read.error.issues));
  }
  throw invalidBody(faults);
}

/** How many faults are told at once: an answer is not to be many times as large as what was sent. */
const TOLD = 50;

/** The problem `invalid-body` for faults found outside a schema. */
export function invalidBody(faults: readonly Fault[]): Problem {
  const errors = faults.slice(0, TOLD);
  const places = errors.map(
    (fault) => `${fault.pointer === '' ? 'the body' : fault.pointer} ${fault.detail}`,
  );
  if (faults.length > errors.length) places.push(`and ${faults.length - errors.length} more`);
  return new Problem('invalid-body', `Correct the body and send it again: ${places.join('; ')}.`, { errors });
}

/** Checks query or path parameters. @throws Problem `invalid-parameter` */
export function validParameters<T extends z.ZodType>(schema: T, parameters: unknown): z.output<T> {
  const read = schema.safeParse(parameters);
  if (read.success) return read.data;
  const errors = read.error.issues.flatMap((issue): Fault[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ parameter: key, detail: 'is not known here' }))
      : [{ parameter: String(issue.path[0] ?? ''), detail: issue.message }],
  );
  const places = errors.map((error) => `${error.parameter} ${error.detail}`);
  throw new Problem('invalid-parameter', `Correct the parameters: ${places.join('; ')}.`, { errors });
}
