import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

export interface Metrics {
  /** Counts an answered call. */
  answered(call: { method: string; route: string; status: number; seconds: number }): void;
  /** Everything, as Prometheus reads it. */
  read(): Promise<{ text: string; contentType: string }>;
}

/** The measurements of one API process; labels are methods, route patterns and statuses only. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'deskferry_api_' });
  const durations = new Histogram({
    name: 'deskferry_api_call_duration_seconds',
    help: 'How long calls took, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 5, 30, 300],
    registers: [registry],
  });
  return {
    answered({ method, route, status, seconds }) {
      durations.observe({ method, route, status }, seconds);
    },
    read: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}
