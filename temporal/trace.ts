import type { IncomingHttpHeaders } from 'node:http';
import { fileURLToPath } from 'node:url';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import {
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { TraceSinks } from '../workflows/trace-commands.ts';

/** What takes part in traces: the calls of the API; clients, workflows and activities of Temporal. */
export interface Tracing {
  /**
   * Does what a call of the API asks for within a span of its own, which follows the caller's where it names one.
   * @returns ends the span; `route` is the pattern of the address
   */
  call(
    method: string,
    headers: IncomingHttpHeaders,
    work: () => void,
  ): (end: { route: string; status: number }) => void;
  client: WorkflowClientInterceptor;
  activity: ActivityInterceptorsFactory;
  /** path of the module that workflows load */
  workflowModule: string;
  /** where workflows tell what they were started and commanded by */
  sinks: InjectedSinks<TraceSinks>;
  /** Sends what is not sent yet. */
  stop(): Promise<void>;
}

/** Sends spans with the codes and names of errors, never with their messages: those may quote what a person wrote. */
class SilentSpanProcessor extends BatchSpanProcessor {
  override onEnd(span: ReadableSpan): void {
    delete span.status.message;
    for (const { attributes } of span.events) {
      delete attributes?.['exception.message'];
      delete attributes?.['exception.stacktrace'];
    }
    super.onEnd(span);
  }
}

/**
 * Begins to trace this process. Loaded only where a collector is configured.
 * @param endpoint of the collector, for OTLP over HTTP, as OTEL_EXPORTER_OTLP_ENDPOINT names it
 * @param service the process, for example `api`
 */
export function startTracing(endpoint: string, service: string): Tracing {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
  const processor = new SilentSpanProcessor(exporter, { scheduledDelayMillis: 1_000 });
  const resource = new Resource({ 'service.namespace': 'deskferry', 'service.name': `deskferry ${service}` });
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  // makes it the one of @opentelemetry/api, with W3C trace context
  provider.register();
  const tracer = trace.getTracer('deskferry');
  return {
    call(method, headers, work) {
      const from = propagation.extract(context.active(), headers);
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER }, from);
      context.with(trace.setSpan(from, span), work);
      return ({ route, status }) => {
        span.updateName(`${method} ${route}`);
        span.setAttributes({
          'http.request.method': method,
          'http.route': route,
          'http.response.status_code': status,
        });
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      };
    },
    client: new OpenTelemetryWorkflowClientInterceptor(),
    activity: (its) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(its) }),
    workflowModule: fileURLToPath(new URL('../workflows/trace-commands.ts', import.meta.url)),
    sinks: {
      trace: {
        took: {
          fn({ workflowId, runId, workflowType }, what, carrier) {
            const attributes = { temporalWorkflowId: workflowId, run_id: runId, workflowType };
            tracer.startSpan(what, { attributes }, propagation.extract(ROOT_CONTEXT, carrier)).end();
          },
        },
      },
    },
    stop: () => provider.shutdown(),
  };
}
