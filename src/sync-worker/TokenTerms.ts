/** What our Auth Worker writes into its access tokens (a test keeps the two Workers in step). */
export const defaultIssuer = "workspace-orchestrator/auth-worker"
export const defaultAudience = "workspace-orchestrator"
