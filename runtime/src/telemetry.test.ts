import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { rateLimit } from "./policies/rate-limit.ts";
import { recordDecisions } from "./telemetry.ts";
import { mount } from "./testing.ts";

const limit = {
  name: "tenant",
  perSecond: 1,
  burst: 1,
  by: [],
  cost: "1",
  shared: false,
  failClosed: false,
  shadow: false,
  scope: "method",
} as const;

test("decisions are counted, and become events of the span around the call; after stopping, nothing is", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const meters = new MeterProvider({ readers: [reader] });
  const spans = new InMemorySpanExporter();
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  metrics.setGlobalMeterProvider(meters);
  trace.setGlobalTracerProvider(tracers);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const { send } = mount(rateLimit, [limit]);
  const stop = recordDecisions({ meter: metrics.getMeter("protomesh"), trace });

  await trace.getTracer("test").startActiveSpan("call", async (span) => {
    await send();
    await expect(send()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    span.end();
  });
  stop();
  await expect(send()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });

  await meters.forceFlush();
  const [counter] = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  const attributes = { "mesh.policy": "rateLimit", "mesh.outcome": "refused", "rpc.method": "test.v1.Test/Call" };
  expect(counter?.descriptor).toMatchObject({ name: "mesh.policy.decisions", unit: "{decision}" });
  expect(counter?.dataPoints).toMatchObject([{ attributes, value: 1 }]);
  expect(spans.getFinishedSpans()[0]?.events).toMatchObject([
    { name: "mesh.policy", attributes: { ...attributes, limit: "tenant", cost: 1, waitMs: 1000 } },
  ]);
  await meters.shutdown();
});
