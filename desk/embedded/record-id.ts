import { BadName } from '../errors.ts';

// A record's `_id` is `portal/scope/externalId`: whose record it is stands in front, so that a prefix is ownership.

/** Scope of the records that a portal had before any import; no source may be called so. */
export const NATIVE_SCOPE = 'desk';

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const PORTAL = /^[A-Za-z0-9_.-]{1,100}$/;

/** @throws BadName unless the name can be a portal's id */
export function checkPortalId(portal: string): void {
  if (!PORTAL.test(portal))
    throw new BadName('portal id', portal, 'letters, digits, ".", "_" and "-", at most 100');
}

/** @throws BadName unless the name can be a source's scope */
export function checkScope(scope: string): void {
  if (!NAME.test(scope)) throw new BadName('scope', scope, 'letters, digits, "_" and "-", at most 64');
  if (scope === NATIVE_SCOPE) throw new BadName('scope', scope, "it is kept for the desk's own records");
}

/** `portal/scope/externalId`, with `%` and `/` of the external id percent-encoded. */
export function recordId(portal: string, scope: string, externalId: string): string {
  return `${portal}/${scope}/${escaped(externalId)}`;
}

/** The external id in a record's `_id`. */
export function externalIdOf(id: string): string {
  const last = id.slice(id.lastIndexOf('/') + 1);
  return last.includes('%') ? last.replace(/%2F/g, '/').replace(/%25/g, '%') : last;
}

/** The bounds of all ids that begin with a prefix ending in `/`: `$gte` first, `$lt` second. */
export function prefixBounds(prefix: string): { from: string; before: string } {
  // '0' is the character after '/'
  return { from: prefix, before: `${prefix.slice(0, -1)}0` };
}

function escaped(externalId: string): string {
  if (!externalId.includes('/') && !externalId.includes('%')) return externalId;
  return externalId.replace(/%/g, '%25').replace(/\//g, '%2F');
}
