import type { Request } from 'express';
import type { Keys, Role } from '../store/keys.ts';
import { type BearerTokens, looksLikeToken, TOKEN_NAME } from './bearer-tokens.ts';
import { Problem } from './problem.ts';

/** Who calls: the holder of an API key or of a token (F4). */
export interface Principal {
  /** the key's name, never the key; of a token `oidc:` and its subject */
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

/** What a call presents to say who makes it; null when it presents nothing. */
export function credentialOf(request: Request): string | null {
  const bearer = /^Bearer +([\x21-\x7e]+) *$/i.exec(request.get('authorization') ?? '');
  return bearer?.[1] ?? request.get('x-api-key') ?? null;
}

/** The problem of a call that presents nothing where something is needed. */
export function nothingPresented(): Problem {
  return new Problem('unauthenticated', 'Send an API key as "Authorization: Bearer <key>".', {
    headers: CHALLENGE,
  });
}

/**
 * Finds who calls by the API key or the token in `Authorization: Bearer`, or the key in `X-API-Key`.
 * @param tokens null where no identity provider is configured
 * @throws Problem `unauthenticated` when it is unknown, expired or revoked: which of them is not told of a key
 */
export async function identify(
  credential: string,
  keys: Pick<Keys, 'find'>,
  tokens: BearerTokens | null,
): Promise<Principal> {
  if (tokens !== null && looksLikeToken(credential)) return tokens.identify(credential);
  const found = await keys.find(credential);
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

/**
 * F4: what came slowly is not taken from a key that was revoked, or is past its time, by now. A token was good when the call began, and
 * can be short-lived: it stays so until the call ends.
 * @throws Problem `unauthenticated`
 */
export async function requireStillKnown(
  api: { identify(credential: string): Promise<Principal> },
  { request, principal }: { request: Request; principal: Principal },
): Promise<void> {
  if (!principal.name.startsWith(TOKEN_NAME)) await api.identify(credentialOf(request) ?? '');
}

/** A requester sees what belongs to their own tenant; operators and auditors see all, unless their key is for one tenant (F4). */
export function maySee(principal: Principal, tenant: string): boolean {
  return principal.tenant === null ? principal.role !== 'requester' : principal.tenant === tenant;
}
