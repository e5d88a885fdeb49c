/**
 * One line on each command, for its own help and for the overview.
 */
export const summaries = {
  status: "The health of the server. Exit code 1 unless it is healthy.",
  get: "The workspaces and their stores.",
  describe: "Everything that is known of one workspace.",
  explain: "Why one workspace is as it is, and the next step. Exit code 1 unless it is as it should be.",
  diff: "What would be done now. Exit code 1 if there is anything.",
  reconcile:
    "Compare with the source of truth now: everything, or one workspace. Exit code 1 if something failed or is held.",
  suspend: "Pause the loop, or one workspace.",
  resume: "Resume the loop, or one workspace.",
  reject:
    "Keep the workspaces of exactly this held plan, until there is newer evidence. Exit code 5 if it has changed.",
  approve: "Let the removals of exactly this held plan pass the guard. Exit code 5 if it has changed.",
  queue: "What is being worked on, and what waits.",
  stuck: "What has been out of place for long. Exit code 1 if there is anything.",
  circuits: "The circuit breakers; `reset <name>` lets one admit a probe. Exit code 1 unless all are closed.",
  messages:
    "User messages that were given up; `retry` and `drop` decide on one. Exit code 1 if there is any.",
  incidents: "What is, or was of late, wrong with the server as a whole. Exit code 1 if an incident is open.",
  notify: "`notify test` sends a test notification to NOTIFY_WEBHOOK_URL and says what came back.",
  chatops: "`chatops commands` prints the slash commands as JSON, to be registered with Discord.",
  events: "What has happened of late; -f goes on with what happens.",
  audit: "Who did what from where; `verify` checks that no record was changed. Exit code 1 if one was.",
  limits: "How much of each rate limit is used, by whom, and how often it refused.",
  secrets: "The active secrets by their fingerprints: since when, and how often each was used.",
  lockdown: "Refuse whatever would change anything; reading and the loop go on. `lift -r <reason>` ends it.",
  doctor:
    "Check the configuration, the server, the token, the webhook secret and what the server depends on.",
  verify:
    "Whether a deployment works: version, source, convergence, counts; --deep and --canary look closer. Exit code 1 if not.",
  report: "Reports: `daily` says how the last day was. Exit code 1 if a check warns, 2 if one fails.",
  bundle:
    "A redacted archive for whoever helps: state, events, audit, metrics, configuration. Exit code 1 if parts are missing.",
  backup: "Backups of the server's own state: `create`, `ls`, `verify`; `restore` while it is stopped.",
  config: "The server's configuration: `validate` checks this environment, `list` names every variable.",
  completions: "Completions for bash, zsh or fish, on stdout."
} as const
