/** Checks of what the server stands on: its state, the disk, the process, what watches it, and its secrets. */
import { type Check, judged, magnitude, verdict } from "../Check.ts"
import { age, count, days, duration, gigabytes, percent } from "../words.ts"

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const notOfOne = "it is about the whole server"
const notOfWorkspaces = { explain: notOfOne, stuck: notOfOne } as const

const state: Check = {
  name: "state",
  looksAt: "whether the server can write its own state",
  wanted: "can be written",
  judge: ({ state: { error, healthy } }) =>
    verdict(
      healthy ? "ok" : "fail",
      healthy ? "can be written" : `cannot be written: ${error ?? "unknown why"}`,
      error?.includes("while this server runs") === true
        ? "put the file back where it was, or restart the server (wso backup restore, where the file is lost)"
        : "df -h and ls -ld of STORE_DATA_PATH: free the disk, or give the folder back; it is tried again by itself"
    ),
  weighs: { warn: "degraded", fail: "unhealthy" },
  incident: { kind: "storage-failing", severity: "critical", from: "fail", afterMs: MINUTE_MS },
  alerts: ["WsoStorageDown", "WsoAuditNotWritten"],
  runbook: "wsostoragedown",
  leftOut: notOfWorkspaces
}

const audit: Check = {
  name: "audit-chain",
  looksAt: "whether each record of the audit trail fits the one before it, as of the hourly look",
  wanted: "intact",
  judge: ({ state: { auditIntact } }) =>
    verdict(
      auditIntact === false ? "fail" : "ok",
      auditIntact === null
        ? "not looked at yet"
        : auditIntact
          ? "intact"
          : "a record was changed or taken away",
      "wso audit verify names the record; keep the state file as it is"
    ),
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "audit-chain", severity: "critical", from: "fail", afterMs: 0 },
  alerts: ["WsoAuditChainBroken"],
  runbook: "wsoauditchainbroken",
  leftOut: notOfWorkspaces
}

const DISK_USED = { warn: 0.8, fail: 0.9 }

const disk: Check = {
  name: "disk",
  looksAt: "how full the disk of the data folder is",
  wanted: `below ${percent(DISK_USED.warn)}; fails from ${percent(DISK_USED.fail)} on`,
  judge: ({ machine: { disk: figures } }) => {
    const next = "df -h of STORE_DATA_PATH; wso backup ls: fewer may be kept (STATE_BACKUP_KEEP)"
    if (figures === null) return verdict("ok", "not told by this platform", next)
    const used = figures.totalBytes === 0 ? 0 : 1 - figures.freeBytes / figures.totalBytes
    return verdict(
      judged(used, DISK_USED),
      `${percent(used)} used, ${gigabytes(figures.freeBytes)} free`,
      next
    )
  },
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { kind: "disk-full", severity: "high", from: "fail", afterMs: 10 * MINUTE_MS },
  alerts: ["WsoDiskFull"],
  runbook: "wsodiskfull",
  leftOut: notOfWorkspaces
}

const MEMORY_USED = { warn: 0.8, fail: 0.9 }

const memory: Check = {
  name: "memory",
  looksAt: "how much of its memory, or of its JavaScript heap, the process uses",
  wanted: `below ${percent(MEMORY_USED.warn)}; fails from ${percent(MEMORY_USED.fail)} on`,
  judge: ({ machine: { memoryRatio } }) =>
    verdict(
      judged(memoryRatio, MEMORY_USED),
      `${percent(memoryRatio)} of what is allowed`,
      "docs/deployment.md says how much memory a store costs: give the process more, or fewer stores"
    ),
  weighs: { warn: "healthy", fail: "degraded" },
  incident: { kind: "memory-high", severity: "medium", from: "fail", afterMs: 10 * MINUTE_MS },
  alerts: ["WsoMemoryHigh"],
  runbook: "wsomemoryhigh",
  leftOut: notOfWorkspaces
}

/** The longest delay of the last minute, WsoEventLoopLag's figure; and the longest stall of the day. */
const DELAY_MS = { warn: 1 * SECOND_MS, fail: 10 * SECOND_MS }

const eventLoop: Check = {
  name: "event-loop",
  looksAt: "for how long the process answers nothing because it computes",
  wanted: `below ${DELAY_MS.warn} ms; fails from ${DELAY_MS.fail} ms on`,
  judge: ({ day: { longestStallMs }, machine: { eventLoopDelayMs } }) =>
    verdict(
      judged(eventLoopDelayMs, DELAY_MS),
      `${Math.round(eventLoopDelayMs)} ms at the most in the last minute, ${Math.round(longestStallMs)} ms in the last day`,
      "docs/runbook.md#wsoeventlooplag: less work at once (PROVISION_CONCURRENCY), or a faster machine"
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: {
    none: "it asks for a change of the machine or the settings, and mends itself when the load goes"
  },
  alerts: ["WsoEventLoopLag"],
  runbook: "wsoeventlooplag",
  leftOut: {
    ...notOfWorkspaces,
    incidents: "it asks for a change of the machine or the settings, and mends itself when the load goes"
  }
}

/** A backup every day is usual; where there has never been one, none is asked for. */
const BACKUP_AGE_MS = 48 * HOUR_MS

const backup: Check = {
  name: "backup",
  looksAt: "how old the newest backup of the state is",
  wanted: `where there are any, one of the last ${duration(BACKUP_AGE_MS)}`,
  judge: ({ newestBackupAgeMs }) =>
    verdict(
      newestBackupAgeMs !== null && newestBackupAgeMs >= BACKUP_AGE_MS ? "warn" : "ok",
      newestBackupAgeMs === null ? "none yet" : age(newestBackupAgeMs),
      "wso backup create"
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "it can wait for the daily report" },
  alerts: { none: "the daily report warns; backups are made by a schedule outside of this server" },
  runbook: "daily",
  leftOut: { ...notOfWorkspaces, incidents: "it can wait for the daily report" }
}

const watching: Check = {
  name: "telemetry",
  looksAt: "whether log lines, reports and spans were lost in the last day",
  wanted: "none lost",
  judge: ({ machine: { logLinesDropped, telemetryDropped } }) =>
    verdict(
      logLinesDropped + telemetryDropped > 0 ? "warn" : "ok",
      logLinesDropped + telemetryDropped === 0
        ? "none lost"
        : `${count(logLinesDropped, "log line")} and ${telemetryDropped} reports or spans were lost`,
      "look at what reads the log (a full disk, a reader that has stopped) and at SENTRY_DSN and OTEL_EXPORTER_OTLP_ENDPOINT",
      {
        counts: { logLines: logLinesDropped, telemetry: telemetryDropped },
        fingerprint: magnitude(logLinesDropped + telemetryDropped)
      }
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { kind: "telemetry-lost", severity: "medium", from: "warn", afterMs: MINUTE_MS },
  alerts: ["WsoCheckFailing"],
  runbook: "wsocheckfailing",
  leftOut: notOfWorkspaces
}

const notifications: Check = {
  name: "notifications",
  looksAt: "whether notifications of incidents arrive",
  wanted: "the newest arrived, where NOTIFY_WEBHOOK_URL is set",
  judge: ({ notifications: { configured, lastError, pending } }) =>
    verdict(
      configured && lastError !== null ? "warn" : "ok",
      !configured
        ? "NOTIFY_WEBHOOK_URL is not set"
        : lastError === null
          ? `${pending} on their way`
          : `${pending} have not arrived: ${lastError}`,
      "wso notify test says what the receiver answers; then mend NOTIFY_WEBHOOK_URL or its receiver"
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "it would be told by the way that does not work" },
  alerts: ["WsoCheckFailing"],
  runbook: "wsocheckfailing",
  leftOut: { ...notOfWorkspaces, incidents: "it would be told by the way that does not work" }
}

const REJECTIONS = { warn: 100, fail: 10_000 }

const webhooks: Check = {
  name: "webhooks",
  looksAt: "whether webhooks are let in, and how many were not in the last day",
  wanted: `WEBHOOK_SECRET set; below ${REJECTIONS.warn} refused, fails from ${REJECTIONS.fail} on`,
  judge: ({ reconciler, webhooks: { configured, rejections } }) => {
    if (!configured && reconciler.disabled === null) {
      return verdict(
        "warn",
        "WEBHOOK_SECRET is not set: webhooks are answered 503, and changes wait for the next resync",
        "set WEBHOOK_SECRET here and in the Auth Worker, and restart"
      )
    }
    return verdict(
      judged(rejections, REJECTIONS),
      `${rejections} refused`,
      "docs/runbook.md#wsoauthfailuresspike: who sends them, and with which secret"
    )
  },
  weighs: { warn: "healthy", fail: "healthy" },
  incident: {
    none: "resyncs find what webhooks would have told, and strangers must not be able to wake people"
  },
  alerts: ["WsoAuthFailuresSpike"],
  runbook: "wsoauthfailuresspike",
  leftOut: {
    ...notOfWorkspaces,
    incidents: "resyncs find what webhooks would have told, and strangers must not be able to wake people"
  }
}

const ERRORS = { warn: 10, fail: 1_000 }

const errors: Check = {
  name: "errors",
  looksAt: "how many failures there were in the last day",
  wanted: `below ${ERRORS.warn}; fails from ${ERRORS.fail} on`,
  judge: ({ day }) =>
    verdict(
      judged(day.errors, ERRORS),
      String(day.errors),
      'curl -s -H "Authorization: Bearer $SERVER_BYPASS_TOKEN" $WSO_URL/recent-errors has the newest of each kind'
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "what fails now has an incident of its own" },
  alerts: ["WsoFailureRatioHigh"],
  runbook: "daily",
  leftOut: {
    ...notOfWorkspaces,
    incidents: "what fails now has an incident of its own"
  }
}

/** A quarter of a year, and a week and a half to rotate in. */
const SECRET_AGE_MS = { warn: 80 * DAY_MS, fail: 90 * DAY_MS }

const secrets: Check = {
  name: "secrets",
  looksAt: "how old the oldest secret is",
  wanted: `younger than ${days(SECRET_AGE_MS.warn)}; fails from ${days(SECRET_AGE_MS.fail)} on`,
  judge: ({ oldestSecret }) =>
    verdict(
      oldestSecret === null ? "ok" : judged(oldestSecret.ageMs, SECRET_AGE_MS),
      oldestSecret === null ? "none" : `${oldestSecret.variable} is ${days(oldestSecret.ageMs)} old`,
      "docs/deployment.md, Rotation; wso secrets shows which"
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "it can wait for the daily report" },
  alerts: { none: "it can wait for the daily report" },
  runbook: "daily",
  leftOut: { ...notOfWorkspaces, incidents: "it can wait for the daily report" }
}

export const machineChecks: ReadonlyArray<Check> = [
  state,
  audit,
  disk,
  memory,
  eventLoop,
  backup,
  watching,
  notifications,
  webhooks,
  errors,
  secrets
]
