import type { Request } from 'express';
import type { Keys, Role } from '../store/keys.ts';
import { Problem } from './problem.ts';

/** Who calls: the holder of an API key (F4). */
export interface Principal {
  /** the key's name, never the key */
  name: string;
  role: Role;
  /** the only tenant the key is for; null for an operator or auditor of all */
  tenant: string | null;
  /** `role:key name`, as the audit log has it (F2) */
  by: string;
}

/** Who calls an address that needs no key: sees nothing of any tenant. */
export const NOBODY: Principal = { name: '', role: 'requester', tenant: null, by: 'nobody' };

const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="deskferry"' };

function presentedKey(request: Request): string | null {
  const bearer = /^Bearer +([\x21-\x7e]+) *$/i.exec(request.get('authorization') ?? '');
  return bearer?.[1] ?? request.get('x-api-key') ?? null;
}

/**
 * Finds who calls by the key in `Authorization: Bearer` or `X-API-Key`.
 * @throws Problem `unauthenticated` when there is none, or it is unknown, expired or revoked: which of them is not told
 */
export async function authenticate(request: Request, keys: Pick<Keys, 'find'>): Promise<Principal> {
  const key = presentedKey(request);
  if (key === null) {
    throw new Problem('unauthenticated', 'Send an API key as "Authorization: Bearer <key>".', {
      headers: CHALLENGE,
    });
  }
  const found = await keys.find(key);
  if (found === null) {
    throw new Problem(
      'unauthenticated',
      'The API key is not known here, has expired or was revoked; use another one.',
      {
        headers: { 'WWW-Authenticate': `${CHALLENGE['WWW-Authenticate']}, error="invalid_token"` },
      },
    );
  }
  return { name: found.name, role: found.role, tenant: found.tenant, by: `${found.role}:${found.name}` };
}

/** A requester sees what belongs to their own tenant; operators and auditors see all, unless their key is for one tenant (F4). */
export function maySee(principal: Principal, tenant: string): boolean {
  return principal.tenant === null ? principal.role !== 'requester' : principal.tenant === tenant;
}
