import { type Duration, Layer } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"

/** Sends all spans to a collector that speaks OTLP over HTTP, such as `http://localhost:4318`. */
export const sendTraces = (collector: URL, exportInterval: Duration.Input = "5 seconds") =>
  OtlpTracer.layer({
    url: new URL("/v1/traces", collector).href,
    resource: { serviceName: "mailer" },
    exportInterval
  }).pipe(Layer.provide(OtlpSerialization.layerJson), Layer.provide(FetchHttpClient.layer))
