export type Role = "owner" | "admin" | "member"

/** Who may do what to whom: an owner everything; an admin whatever concerns no owner; a member nothing. */
export const mayManage = (actor: string, ...concerned: ReadonlyArray<string>): boolean =>
  actor === "owner" || (actor === "admin" && concerned.every((role) => role !== "owner"))
