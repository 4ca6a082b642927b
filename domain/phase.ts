/** One import run over all chosen tabs (spec: words). */
export const PHASES = ['sample', 'phase-1', 'phase-2'] as const;
export type Phase = (typeof PHASES)[number];
