/** The server's own state without a file: the real repositories over the real schema, which refuse what the disk's refuse. */
import * as Layer from "effect/Layer"
import * as SqliteMessageLedger from "../../src/persistence/SqliteMessageLedger.ts"
import * as StateDatabase from "../../src/persistence/StateDatabase.ts"

export const ledgerInMemory = Layer.provide(SqliteMessageLedger.layer, StateDatabase.layerMemory)
