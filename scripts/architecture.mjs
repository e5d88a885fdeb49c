/**
 * Which folder of src may import which: the arrows of docs/architecture.md, as data.
 * ESLint turns each missing arrow into an error; a test checks that it does.
 */
export const arrows = {
  transport: [],
  controller: [],
  workspaces: ["controller", "telemetry", "transport"],
  stores: ["controller", "telemetry", "transport"],
  orchestration: ["controller", "workspaces", "stores", "telemetry"],
  incidents: ["controller", "workspaces", "stores", "orchestration", "telemetry", "transport"],
  chatops: ["orchestration", "incidents", "telemetry", "transport"],
  persistence: ["controller", "workspaces", "stores", "orchestration", "incidents", "telemetry"],
  telemetry: ["controller", "transport"],
  http: [
    "controller",
    "workspaces",
    "stores",
    "orchestration",
    "incidents",
    "chatops",
    "telemetry",
    "transport"
  ],
  cli: ["controller", "http", "workspaces", "orchestration", "chatops", "telemetry", "transport"],
  "auth-worker": ["workspaces", "transport"],
  "sync-worker": ["workspaces", "stores", "transport", "http"],
  dev: [
    "controller",
    "workspaces",
    "stores",
    "orchestration",
    "persistence",
    "telemetry",
    "http",
    "auth-worker",
    "sync-worker",
    "main",
    "transport"
  ]
}
