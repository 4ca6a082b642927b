import type { Db } from 'mongodb';
import { insertNew } from './database.ts';

interface Claim {
  _id: string;
  request: string;
}

/** A8: one portal has at most one open request; the claim is the `_id`. */
export interface PortalClaims {
  /** True when this request holds the portal now, also when it did before. */
  claim(portal: string, request: string): Promise<boolean>;
  /** Ends this request's claim; another's stays. */
  release(request: string, portal: string): Promise<void>;
  /** The request that holds the portal, or null. */
  holder(portal: string): Promise<string | null>;
  /** Every claim there is: one per open request at most. */
  all(): Promise<{ portal: string; request: string }[]>;
}

export function createPortalClaims(db: Db): PortalClaims {
  const claims = db.collection<Claim>('portalClaims');
  const holder = async (portal: string): Promise<string | null> =>
    (await claims.findOne({ _id: portal }))?.request ?? null;
  return {
    claim: async (portal, request) =>
      (await insertNew(claims, { _id: portal, request })) || (await holder(portal)) === request,
    async release(request, portal) {
      await claims.deleteOne({ _id: portal, request });
    },
    holder,
    async all() {
      const found = await claims.find({}).toArray();
      return found.map(({ _id, request }) => ({ portal: _id, request }));
    },
  };
}
