/** `npm run server`'s program, which also says, when it is asked, how long its event loop has stood still. */
import "../src/main.ts"
import { watchPauses } from "./Pauses.ts"

const longestPause = watchPauses()
process.on("message", () => process.send?.(longestPause()))
