/**
 * Which folder of src may import which: the arrows of docs/architecture.md, as data.
 * ESLint turns each missing arrow into an error; a test checks that it does.
 */
export const arrows = {
  controller: [],
  workspaces: ["controller", "telemetry"],
  stores: ["controller", "telemetry"],
  orchestration: ["controller", "workspaces", "stores", "telemetry"],
  incidents: ["controller", "workspaces", "stores", "orchestration", "telemetry"],
  chatops: ["orchestration", "incidents", "telemetry"],
  persistence: ["controller", "workspaces", "stores", "orchestration", "incidents", "telemetry"],
  telemetry: [],
  http: ["controller", "workspaces", "stores", "orchestration", "incidents", "chatops", "telemetry"],
  cli: ["http", "workspaces", "orchestration", "chatops"],
  "auth-worker": ["workspaces"],
  "sync-worker": ["workspaces", "stores"],
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
    "main"
  ]
}
