import * as Logger from "effect/Logger"

/** One JSON object a line, as the platform's log search wants it. */
export const logger = Logger.json
