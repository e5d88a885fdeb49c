/**
 * The dashboard of one or several servers, in the order in which somebody on call asks: is it converged, if not why, and
 * what else is wrong. `npm run docs:dashboard` writes it to workspace-orchestrator.json.
 */
import type { Dashboard, Panel, Query, Row } from "./Grafana.ts"

/** A metric of the chosen instances. */
const of = (name: string, matchers = ""): string =>
  `${name}{job=~"$job",instance=~"$instance"${matchers === "" ? "" : `,${matchers}`}}`

const rate = (name: string, by: string, matchers = ""): string =>
  `sum by (${by}) (rate(${of(name, matchers)}[$__rate_interval]))`

const quantile = (part: number, name: string, by = "", matchers = ""): string =>
  `histogram_quantile(${part}, sum by (${by === "" ? "le" : `le, ${by}`}) (rate(${of(`${name}_bucket`, matchers)}[$__rate_interval])))`

const percentiles = (name: string): ReadonlyArray<Query> => [
  { expr: quantile(0.5, name), legend: "median" },
  { expr: quantile(0.95, name), legend: "95th percentile" },
  { expr: quantile(0.99, name), legend: "99th percentile" }
]

type PanelOptions = Omit<Panel, "title" | "kind" | "unit" | "queries">
type MakePanel = (
  title: string,
  unit: Panel["unit"],
  queries: ReadonlyArray<Query>,
  options: PanelOptions
) => Panel

const panel =
  (kind: Panel["kind"]): MakePanel =>
  (title, unit, queries, options) => ({ title, kind, unit, queries, ...options })

const time = panel("time")
const now = panel("now")
const states = panel("states")
const heat = panel("heat")
const table = panel("table")

const convergence: Row = {
  title: "Convergence",
  panels: [
    now("Converged", "bool_yes_no", [{ expr: of("wso_converged"), legend: "{{instance}}" }], {
      description: "The monitored set equals the desired one, and the desired one is freshly known.",
      alerts: ["WsoNotConverged"],
      goodFrom: 1
    }),
    now("Not converged for", "s", [{ expr: `max(${of("wso_not_converged_seconds")})`, legend: "longest" }], {
      description: "Objective S-2: within ten minutes, whatever webhook was lost.",
      alerts: ["WsoNotConverged"],
      warnAt: 60,
      failAt: 600
    }),
    now(
      "Last run that read the source",
      "dateTimeFromNow",
      [{ expr: `min(${of("wso_reconcile_last_success_timestamp_seconds")}) * 1000`, legend: "last success" }],
      {
        description: "When the source of truth was last read by a run of the whole loop.",
        alerts: ["WsoNoAuthority", "WsoReconcileFailing"]
      }
    ),
    table(
      "Alerts",
      "short",
      [
        {
          expr: 'ALERTS{alertname=~"Wso.*",alertstate="firing",job=~"$job|"}',
          legend: "{{alertname}}"
        }
      ],
      { description: "What fires now. Each has a section of its own in the [runbook](${runbook}#alerts)." }
    ),
    time(
      "Workspaces",
      "short",
      [
        { expr: `sum(${of("wso_stores_desired")})`, legend: "desired" },
        { expr: `sum(${of("wso_stores_monitored")})`, legend: "monitored" },
        { expr: `sum(${of("wso_stores_failing")})`, legend: "failing" }
      ],
      {
        description: "Desired and monitored lie on each other while all is well.",
        alerts: ["WsoMostStoresUnhealthy", "WsoStoresFailing"]
      }
    ),
    time("Drift", "short", [{ expr: `sum by (kind) (${of("wso_stores_drift")})`, legend: "{{kind}}" }], {
      description:
        "Missing: desired and not monitored. Orphaned: the other way round (objective S-3: none, but for those that wait for evidence, grace, the guard or a pause).",
      alerts: ["WsoWorkspaceWaiting", "WsoOrphan"],
      stacked: true
    }),
    time(
      "Longest wait of a workspace",
      "s",
      [{ expr: `max by (kind) (${of("wso_oldest_unconverged_seconds")})`, legend: "{{kind}}" }],
      {
        description: "Objective S-1: a workspace is monitored within a minute.",
        alerts: ["WsoWorkspaceWaiting"],
        failAt: 60
      }
    ),
    time(
      "Held and waiting, by reason",
      "short",
      [{ expr: `sum by (reason) (${of("wso_stores_blocked")})`, legend: "{{reason}}" }],
      {
        description: "What no worker can change: `wso explain <id>` says what each waits for.",
        alerts: ["WsoRemovalGuardTripped", "WsoPaused"],
        stacked: true
      }
    ),
    time(
      "Failures, as a part of all",
      "percentunit",
      [
        { expr: of("job:wso_provision_failures:ratio_rate15m"), legend: "openings {{instance}}" },
        { expr: of("job:wso_reconcile_failures:ratio_rate15m"), legend: "runs {{instance}}" }
      ],
      {
        description: "Objective S-4: below 1 %. Nothing is shown while nothing is tried.",
        alerts: ["WsoFailureRatioHigh", "WsoFailureRatioCritical"],
        warnAt: 0.01,
        failAt: 0.05
      }
    ),
    time(
      "Failures by kind",
      "ops",
      [{ expr: rate("wso_errors_total", "component, code"), legend: "{{component}} {{code}}" }],
      {
        description:
          "By where and what: the table _When the source is refused_ of the runbook explains the codes.",
        alerts: ["WsoFailureRatioHigh"],
        stacked: true
      }
    ),
    time("Transitions", "ops", [{ expr: rate("wso_events_total", "type"), legend: "{{type}}" }], {
      description: "What `wso events` shows one by one.",
      stacked: true
    }),
    states("Ready", "bool_yes_no", [{ expr: of("wso_ready"), legend: "{{instance}}" }], {
      description: "A snapshot is accepted and its first pass has been made: `/health/ready`.",
      alerts: ["WsoDown"],
      goodFrom: 1
    })
  ]
}

const provisioning: Row = {
  title: "Provisioning",
  panels: [
    time(
      "Desired until monitored",
      "s",
      [
        ...percentiles("wso_store_provision_duration_seconds"),
        { expr: of("job:wso_provision_seconds:mean_rate15m"), legend: "mean of 15 min {{instance}}" }
      ],
      {
        description: "Objective S-5: mean below 15 s, 95th percentile below 30 s.",
        alerts: ["WsoProvisionSlow"],
        warnAt: 15,
        failAt: 30,
        width: 8
      }
    ),
    heat(
      "Desired until monitored, all of them",
      "s",
      [
        {
          expr: `sum by (le) (increase(${of("wso_store_provision_duration_seconds_bucket")}[$__rate_interval]))`,
          legend: "{{le}}"
        }
      ],
      { description: "Each provisioning by how long it took.", alerts: ["WsoProvisionSlow"], width: 8 }
    ),
    time("Opening of one store", "s", percentiles("wso_store_open_duration_seconds"), {
      description: "Without the wait for a worker, and only where it succeeded.",
      alerts: ["WsoProvisionSlow"],
      width: 8
    }),
    time(
      "Openings and closings, by result",
      "ops",
      [{ expr: rate("wso_store_operations_total", "operation, result"), legend: "{{operation}} {{result}}" }],
      {
        description:
          "Why openings fail: `timeout`, `rejected` (the Sync Worker refuses us), `corrupt`, `busy`, `driver`.",
        alerts: ["WsoFailureRatioHigh"],
        stacked: true,
        width: 8
      }
    ),
    time(
      "Stores by status",
      "short",
      [{ expr: `sum by (status) (${of("wso_stores")})`, legend: "{{status}}" }],
      {
        description: "Read off the live stores. All `disconnected`: the Sync Worker, or the way to it.",
        alerts: ["WsoMostStoresUnhealthy"],
        stacked: true,
        width: 8
      }
    ),
    time(
      "Compared with a week ago",
      "percentunit",
      [
        { expr: of("job:wso_provision:p95_1w_ratio"), legend: "provisioning {{instance}}" },
        { expr: of("job:wso_queue:p95_1w_ratio"), legend: "wait for a worker {{instance}}" },
        { expr: of("job:wso_http:p95_1w_ratio"), legend: "HTTP {{instance}}" }
      ],
      {
        description: "95th percentiles of a day, as a part of those of the same day last week.",
        warnAt: 1.2,
        width: 8
      }
    )
  ]
}

const queue: Row = {
  title: "Queue",
  panels: [
    time(
      "Waiting for a worker",
      "short",
      [{ expr: `sum by (priority) (${of("wso_workqueue_depth")})`, legend: "{{priority}}" }],
      {
        description: "By priority. At most one entry for each workspace.",
        alerts: ["WsoQueueDeep", "WsoQueueVeryDeep"],
        stacked: true
      }
    ),
    time(
      "Oldest that waits for a worker",
      "s",
      [{ expr: of("wso_workqueue_oldest_ready_seconds"), legend: "{{instance}}" }],
      { description: "Above five minutes, workers do not keep up.", alerts: ["WsoQueueBacklog"], failAt: 300 }
    ),
    time(
      "Work that runs",
      "s",
      [
        { expr: of("wso_workqueue_longest_running_processor_seconds"), legend: "longest {{instance}}" },
        { expr: of("wso_workqueue_unfinished_work_seconds"), legend: "sum {{instance}}" }
      ],
      {
        description: "Cut off after `STORE_CONNECTION_TIMEOUT` and 30 s.",
        alerts: ["WsoWorkStuck"],
        failAt: 120
      }
    ),
    time(
      "Workers",
      "short",
      [
        { expr: `sum(${of("wso_workers_busy")})`, legend: "busy" },
        { expr: `sum(${of("wso_workers")})`, legend: "limit" }
      ],
      { description: "`PROVISION_CONCURRENCY`, and how much of it is used.", alerts: ["WsoQueueBacklog"] }
    ),
    time(
      "Became due, by priority",
      "ops",
      [{ expr: rate("wso_workqueue_adds_total", "priority"), legend: "{{priority}}" }],
      { description: "Nudges, deaths, drift found by a resync, and retries.", stacked: true }
    ),
    time(
      "Put off because it failed",
      "percentunit",
      [{ expr: of("job:wso_retries:ratio_rate1h"), legend: "{{instance}}" }],
      {
        description: "As a part of all that became due in an hour.",
        alerts: ["WsoRetryRateHigh"],
        warnAt: 0.3
      }
    ),
    time(
      "Wait and work, 95th percentile",
      "s",
      [
        { expr: quantile(0.95, "wso_workqueue_queue_duration_seconds"), legend: "wait for a worker" },
        { expr: quantile(0.95, "wso_workqueue_work_duration_seconds"), legend: "in a worker's hand" }
      ],
      {
        description: "Waiting long and working shortly: more workers help. The other way round: they do not."
      }
    ),
    time(
      "Reconciles by how they ended",
      "ops",
      [
        { expr: rate("wso_workspace_reconciles_total", "result"), legend: "{{result}}" },
        { expr: rate("wso_workqueue_retries_total", "job"), legend: "retries" },
        { expr: `sum(${of("wso_workqueue_waiting")})`, legend: "workspaces in backoff or delay" }
      ],
      { description: "`defect` is a fault of the program, and retried as well.", alerts: ["WsoWorkerDefect"] }
    )
  ]
}

const source: Row = {
  title: "Source of truth",
  panels: [
    states("Dependencies", "bool_yes_no", [{ expr: of("wso_dependency_up"), legend: "{{dependency}}" }], {
      description: "What answers. While the Auth Worker does not, what runs keeps running.",
      alerts: ["WsoCircuitOpen", "WsoMostStoresUnhealthy", "WsoSyncBackendDown"],
      goodFrom: 1
    }),
    time("Age of what is desired", "s", [{ expr: of("wso_desired_age_seconds"), legend: "{{instance}}" }], {
      description: "Of the accepted snapshot.",
      alerts: ["WsoNoAuthority"],
      failAt: 600
    }),
    states(
      "Where it came from",
      "bool_yes_no",
      [
        { expr: of("wso_desired_source"), legend: "{{source}}" },
        { expr: of("wso_desired_fresh"), legend: "fresh" }
      ],
      {
        description:
          "`snapshot`: the Auth Worker has not answered since the start. `static`: reconciliation is disabled.",
        alerts: ["WsoRunningOnSnapshot"],
        goodFrom: 1
      }
    ),
    states(
      "Circuit breakers",
      "bool_yes_no",
      [{ expr: of("wso_circuit_state"), legend: "{{dependency}} {{state}}" }],
      {
        description: "The state that each is in.",
        alerts: ["WsoCircuitOpen"],
        goodFrom: 1
      }
    ),
    time(
      "Questions to the Auth Worker, by answer",
      "ops",
      [{ expr: rate("wso_directory_calls_total", "call, result"), legend: "{{call}} {{result}}" }],
      {
        description: "The runbook's _When the source is refused_ says what each result means.",
        alerts: ["WsoReconcileFailing"],
        stacked: true
      }
    ),
    time(
      "How long it took to answer, 95th percentile",
      "s",
      [{ expr: quantile(0.95, "wso_directory_call_duration_seconds", "call"), legend: "{{call}}" }],
      { description: "Retries included.", alerts: ["WsoProvisionSlow"] }
    ),
    time(
      "Runs by result",
      "ops",
      [
        { expr: rate("wso_reconcile_total", "trigger, result"), legend: "{{trigger}} {{result}}" },
        { expr: of("wso_reconcile_consecutive_failures"), legend: "failed in a row {{instance}}" }
      ],
      {
        description: "Of the whole loop. `partial`: something failed or is held.",
        alerts: ["WsoReconcileFailing"]
      }
    ),
    time(
      "Runs, nudges and breakers",
      "short",
      [
        {
          expr: quantile(0.95, "wso_reconcile_duration_seconds", "trigger"),
          legend: "seconds of a run, 95th percentile, {{trigger}}"
        },
        { expr: rate("wso_nudges_coalesced_total", "job"), legend: "refreshes shared a second" },
        {
          expr: rate("wso_circuit_transitions_total", "dependency, to"),
          legend: "{{dependency}} turns {{to}}, a second"
        },
        { expr: `sum(${of("wso_reconcile_running")})`, legend: "running" }
      ],
      { description: "A storm of nudges costs few refreshes: most are shared.", alerts: ["WsoCircuitOpen"] }
    )
  ]
}

const WEBHOOK_ROUTE = 'http_route="/webhooks/workspaces"'

const webhooks: Row = {
  title: "Webhooks",
  panels: [
    time(
      "Handled, by event and answer",
      "ops",
      [{ expr: rate("wso_webhook_requests_total", "event, result"), legend: "{{event}} {{result}}" }],
      {
        description: "`reconcile_queued`: not settled within `WEBHOOK_WAIT_MS`, the loop goes on with it.",
        alerts: ["WsoWebhookAbuse"],
        stacked: true,
        width: 8
      }
    ),
    time(
      "Refused, by reason",
      "ops",
      [{ expr: rate("wso_webhook_rejections_total", "reason"), legend: "{{reason}}" }],
      {
        description: "`secret`, `signature`: compare `WEBHOOK_SECRET` on both sides. `stale`: the clocks.",
        alerts: ["WsoAuthFailuresSpike"],
        stacked: true,
        width: 8
      }
    ),
    time(
      "Time to answer",
      "s",
      [
        {
          expr: quantile(0.5, "http_server_request_duration_seconds", "", WEBHOOK_ROUTE),
          legend: "median"
        },
        {
          expr: quantile(0.95, "http_server_request_duration_seconds", "", WEBHOOK_ROUTE),
          legend: "95th percentile"
        }
      ],
      {
        description: "Until the workspace is as it should be, at most `WEBHOOK_WAIT_MS`.",
        alerts: ["WsoHttpSlow"],
        width: 8
      }
    )
  ]
}

const messages: Row = {
  title: "Messages",
  panels: [
    time(
      "Pending and parked",
      "short",
      [
        { expr: `sum(${of("wso_user_messages", 'state="pending"')})`, legend: "pending" },
        { expr: `sum(${of("wso_user_messages", 'state="parked"')})`, legend: "parked" }
      ],
      { description: "Parked ones wait for a decision: `wso messages`.", alerts: ["WsoMessagesParked"] }
    ),
    time(
      "Oldest open message",
      "s",
      [{ expr: `max(${of("wso_oldest_pending_message_seconds")})`, legend: "longest" }],
      { description: "For how long a user has waited for an answer.", alerts: ["WsoMessagesWaiting"] }
    ),
    time(
      "Attempts, by result",
      "ops",
      [{ expr: rate("wso_message_attempts_total", "result"), legend: "{{result}}" }],
      {
        description: "`refused`: the handler's breaker is open, and the attempt does not count.",
        alerts: ["WsoMessagesFailing"],
        stacked: true
      }
    ),
    time("Time of the handler", "s", percentiles("wso_message_handling_duration_seconds"), {
      description: "Of one attempt, failed ones included.",
      alerts: ["WsoMessagesFailing"]
    }),
    time(
      "Handlers, and what fails",
      "short",
      [
        { expr: `sum(${of("wso_message_handlers_active")})`, legend: "handlers that run" },
        {
          expr: of("job:wso_message_failures:ratio_rate15m"),
          legend: "failures of all attempts {{instance}}"
        },
        { expr: of("wso_message_error_ratio"), legend: "failures of the newest attempts {{instance}}" }
      ],
      { description: "At most `MESSAGE_CONCURRENCY` handlers run.", alerts: ["WsoMessagesFailing"] }
    )
  ]
}

const http: Row = {
  title: "HTTP",
  panels: [
    time(
      "Requests by route",
      "reqps",
      [
        {
          expr: rate("http_server_request_duration_seconds_count", "http_request_method, http_route"),
          legend: "{{http_request_method}} {{http_route}}"
        }
      ],
      { description: "By the template of the route; empty: no such route.", stacked: true }
    ),
    time(
      "Answers that are no success",
      "reqps",
      [
        {
          expr: rate(
            "http_server_request_duration_seconds_count",
            "http_route, http_response_status_code",
            'http_response_status_code=~"[45].."'
          ),
          legend: "{{http_response_status_code}} {{http_route}}"
        }
      ],
      {
        description: "401 and 403: see _Refused proofs_. 5xx: the source of truth, or a defect.",
        stacked: true
      }
    ),
    time(
      "Time to answer, 95th percentile",
      "s",
      [
        {
          expr: quantile(0.95, "http_server_request_duration_seconds", "http_route"),
          legend: "{{http_route}}"
        },
        { expr: of("job:wso_http_seconds:p95_rate5m"), legend: "all but streams and orders {{instance}}" }
      ],
      { description: "Until the answer began.", alerts: ["WsoHttpSlow"], failAt: 5 }
    ),
    time(
      "Watchers of events",
      "short",
      [
        { expr: `sum(${of("wso_event_subscribers")})`, legend: "watchers" },
        { expr: rate("wso_events_missed_total", "job"), legend: "transitions missed a second" }
      ],
      { description: "Who watches `GET /events`, and what slow ones have not got." }
    )
  ]
}

const runtime: Row = {
  title: "Process",
  panels: [
    time(
      "CPU",
      "percentunit",
      [{ expr: rate("process_cpu_seconds_total", "instance"), legend: "{{instance}}" }],
      {
        description: "Of one core.",
        alerts: ["WsoEventLoopLag"]
      }
    ),
    time(
      "Memory",
      "bytes",
      [
        { expr: of("process_resident_memory_bytes"), legend: "resident {{instance}}" },
        { expr: of("nodejs_heap_size_used_bytes"), legend: "heap {{instance}}" },
        { expr: of("nodejs_heap_size_total_bytes"), legend: "heap reserved {{instance}}" },
        { expr: of("nodejs_external_memory_bytes"), legend: "external {{instance}}" },
        { expr: of("wso_memory_limit_bytes"), legend: "limit {{instance}}" },
        { expr: of("nodejs_heap_size_limit_bytes"), legend: "heap limit {{instance}}" }
      ],
      { description: "External memory is LiveStore's databases.", alerts: ["WsoMemoryHigh"] }
    ),
    time(
      "Event loop",
      "s",
      [
        { expr: of("nodejs_eventloop_lag_p99_seconds"), legend: "99th percentile {{instance}}" },
        { expr: of("nodejs_eventloop_lag_max_seconds"), legend: "longest of a minute {{instance}}" },
        {
          expr: rate("nodejs_gc_duration_seconds_sum", "instance, kind"),
          legend: "garbage collection {{kind}}, seconds a second"
        }
      ],
      { description: "Stalls delay everything.", alerts: ["WsoEventLoopLag"], failAt: 1 }
    ),
    time(
      "Open files",
      "short",
      [
        { expr: of("process_open_fds"), legend: "open {{instance}}" },
        { expr: of("process_max_fds"), legend: "limit {{instance}}" }
      ],
      { description: "Up to three for each store.", alerts: ["WsoOpenFilesHigh"] }
    ),
    time(
      "Disk of the data folder",
      "bytes",
      [
        { expr: of("wso_disk_free_bytes"), legend: "free {{instance}}" },
        { expr: of("wso_disk_size_bytes"), legend: "size {{instance}}" },
        { expr: of("wso_state_bytes"), legend: "the server's own state {{instance}}" }
      ],
      { description: "Alerts below a tenth.", alerts: ["WsoDiskFull"] }
    ),
    time("Checks that are not ok", "short", [{ expr: `${of("wso_check")} > 0`, legend: "{{check}}" }], {
      description: "1 warns, 2 fails. `wso status` says what was found, since when, and what to do.",
      alerts: ["WsoReconcilerOff", "WsoLoopStopped", "WsoCheckFailing"]
    }),
    states(
      "State can be written",
      "bool_yes_no",
      [{ expr: of("wso_state_healthy"), legend: "{{instance}}" }],
      {
        description: "Pauses, approvals, audit, the last snapshot.",
        alerts: ["WsoStorageDown"],
        goodFrom: 1
      }
    ),
    time(
      "Writes of the state that failed",
      "ops",
      [{ expr: rate("wso_state_write_failures_total", "write"), legend: "{{write}}" }],
      {
        description: "The loop goes on without.",
        alerts: ["WsoStorageDown", "WsoAuditNotWritten"],
        stacked: true
      }
    ),
    time(
      "Lines of the log, by level",
      "ops",
      [{ expr: rate("wso_log_messages_total", "level"), legend: "{{level}}" }],
      { description: "`fatal` and `error` are worth reading; `warn` in numbers too.", stacked: true }
    ),
    time(
      "Reports to Sentry and spans to the collector",
      "ops",
      [
        { expr: rate("wso_error_reports_total", "result"), legend: "errors {{result}}" },
        { expr: rate("wso_trace_exports_total", "result"), legend: "spans {{result}}" }
      ],
      { description: "Empty where neither is configured.", stacked: true }
    ),
    now(
      "Newest backup of the state",
      "dateTimeFromNow",
      [{ expr: `min(${of("wso_backup_last_success_timestamp_seconds")}) * 1000`, legend: "newest backup" }],
      { description: "`wso backup create`; empty: this process has made none." }
    ),
    time(
      "Incidents and their notifications",
      "short",
      [
        { expr: `sum by (kind) (${of("wso_incidents_open")})`, legend: "{{kind}} open" },
        { expr: rate("wso_notifications_total", "result"), legend: "notifications {{result}}, a second" }
      ],
      { description: "What `NOTIFY_WEBHOOK_URL` hears of." }
    ),
    table(
      "Versions",
      "dateTimeFromNow",
      [
        {
          expr: `${of("process_start_time_seconds")} * on (job, instance) group_left (version, node) ${of("wso_build_info")} * 1000`,
          legend: "{{instance}} {{version}}"
        }
      ],
      { description: "Each instance, its version, and since when it runs." }
    )
  ]
}

const removals: Row = {
  title: "Security and removals",
  panels: [
    states(
      "Removal guard",
      "bool_yes_no",
      [{ expr: of("wso_removal_guard_tripped"), legend: "{{instance}}" }],
      {
        description: "Tripped: nothing is removed, and workspaces are still added.",
        alerts: ["WsoRemovalGuardTripped"],
        failAt: 1
      }
    ),
    time(
      "Removals in the window",
      "short",
      [
        { expr: of("wso_removal_guard_recent_removals"), legend: "made {{instance}}" },
        { expr: of("wso_removal_guard_held_removals"), legend: "held {{instance}}" },
        { expr: of("wso_removal_guard_limit"), legend: "pass at most {{instance}}" }
      ],
      { description: "`wso diff` shows the held plan.", alerts: ["WsoRemovalGuardTripped", "WsoOrphan"] }
    ),
    now(
      "Plans that wait for approval",
      "short",
      [{ expr: `sum(${of("wso_approvals_pending")})`, legend: "plans" }],
      {
        description: "`wso approve <hash>`, or mend the source.",
        alerts: ["WsoRemovalGuardTripped"],
        warnAt: 1
      }
    ),
    now("Pauses", "short", [{ expr: `sum by (scope) (${of("wso_paused")})`, legend: "{{scope}}" }], {
      description: "Of the loop, or of single workspaces: `wso status` says who and why.",
      alerts: ["WsoPaused"],
      warnAt: 1
    }),
    now("Locked down", "bool_yes_no", [{ expr: `max(${of("wso_lockdown")})`, legend: "locked down" }], {
      description: "Nothing is changed from outside: `wso status` says who and why.",
      alerts: ["WsoLockdown"],
      failAt: 1
    }),
    time(
      "Rate limits, used",
      "percentunit",
      [{ expr: `max by (limiter) (${of("wso_ratelimit_used_ratio")})`, legend: "{{limiter}}" }],
      {
        description: "By the address that has used most: `wso limits`.",
        alerts: ["WsoRateLimitNear"],
        failAt: 0.8
      }
    ),
    time(
      "Refused by limits and lists",
      "reqps",
      [
        { expr: rate("wso_ratelimit_rejected_total", "limiter"), legend: "limit {{limiter}}" },
        { expr: rate("wso_ip_rejected_total", "list"), legend: "list {{list}}" }
      ],
      { description: "429 and 403.", alerts: ["WsoRateLimitNear"], stacked: true }
    ),
    time(
      "Secrets used",
      "reqps",
      [{ expr: rate("wso_auth_used_total", "credential, slot"), legend: "{{credential}} {{slot}}" }],
      { description: "At 0, the old one of two may go: `wso secrets`.", stacked: true }
    ),
    time(
      "Refused proofs, by where and why",
      "reqps",
      [{ expr: rate("wso_auth_failures_total", "endpoint, reason"), legend: "{{endpoint}} {{reason}}" }],
      {
        description: "Requests that did not prove who sends them.",
        alerts: ["WsoAuthFailuresSpike"],
        failAt: 1,
        stacked: true
      }
    ),
    time(
      "Audit records, by outcome",
      "ops",
      [{ expr: rate("wso_audit_records_total", "outcome"), legend: "{{outcome}}" }],
      { description: "Who did what: `wso audit`.", alerts: ["WsoAuditNotWritten"], stacked: true }
    ),
    states(
      "Audit chain intact",
      "bool_yes_no",
      [{ expr: of("wso_audit_chain_intact"), legend: "{{instance}}" }],
      {
        description: "Checked every hour.",
        alerts: ["WsoAuditChainBroken"],
        goodFrom: 1
      }
    ),
    time("Age of the secrets", "s", [{ expr: of("wso_secret_age_seconds"), legend: "{{secret}} {{slot}}" }], {
      description: "Over restarts. The deployment guide has the steps of a rotation."
    }),
    time(
      "Invariants that did not hold",
      "short",
      [{ expr: `sum by (name) (increase(${of("wso_invariant_violations_total")}[1h]))`, legend: "{{name}}" }],
      { description: "When `wso verify --deep` looked.", warnAt: 1 }
    ),
    time(
      "Commands from a chat",
      "ops",
      [{ expr: rate("wso_chatops_commands_total", "command, result"), legend: "{{command}} {{result}}" }],
      { description: "By how they ended; empty where no chat is connected.", stacked: true }
    ),
    time(
      "Closings",
      "ops",
      [
        {
          expr: rate("wso_store_operations_total", "result", 'operation="deprovision"'),
          legend: "{{result}}"
        }
      ],
      { description: "Stores that were closed because their workspace is gone.", alerts: ["WsoOrphan"] }
    )
  ]
}

export const dashboard: Dashboard = {
  uid: "workspace-orchestrator",
  title: "Workspace orchestrator",
  description: "One store open and its messages handled for every workspace that exists: no more, no fewer.",
  tags: ["workspace-orchestrator"],
  everywhere: "wso_build_info",
  runbook: "docs/runbook.md",
  annotation: {
    name: "Alerts",
    expr: 'ALERTS{alertname=~"Wso.*",alertstate="firing"}',
    title: "{{alertname}}"
  },
  rows: [convergence, provisioning, queue, source, webhooks, messages, http, runtime, removals]
}
