/** What alert rules and webhooks count, for Prometheus. */
import type { Alerts } from "../alerts/alerts.ts";
import { byLabel, counter, gauge, type Metric } from "./prometheus.ts";

export function alertMetrics(alerts: Alerts): readonly Metric[] {
  const { process, webhooks, book } = alerts;
  return [
    byLabel(
      ["bifrost_alerts_total", "Notices of alerts, repeated and resolved ones included."],
      "counter",
      "severity",
      alerts.told,
    ),
    gauge(["bifrost_alerts_standing", "Alerts that stand now."], book.standingAlerts),
    counter(["bifrost_alerts_dropped_total", "Alerts that found no room."], book.dropped),
    counter(["bifrost_alerts_muted_total", "Notices of rules that told too many."], alerts.muted),
    counter(
      ["bifrost_alerts_unknown_webhook_total", "Notices for webhooks that are not configured."],
      alerts.unknownTargets,
    ),
    {
      name: "bifrost_alert_webhook_deliveries_total",
      type: "counter",
      help: "Notices to webhooks, by how they ended; retried counts further tries.",
      samples: [...webhooks].flatMap(([webhook, { outcomes }]) =>
        Object.entries(outcomes).map(([outcome, value]) => ({
          labels: { webhook, outcome },
          value,
        })),
      ),
    },
    counter(
      ["bifrost_alert_rule_errors_total", "Runs of alert rules that failed."],
      process.errors,
    ),
    counter(
      ["bifrost_alert_process_restarts_total", "Ends of the process that runs alert rules."],
      process.restarts,
    ),
  ];
}
