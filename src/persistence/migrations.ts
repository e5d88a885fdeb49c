/**
 * The schema's history. A migration that has been released is never changed: a new one is added behind it. The number
 * of those that a file has seen is its `user_version`.
 */
export const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision TEXT,
    environment_id TEXT,
    features TEXT NOT NULL,
    fetched_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE workspace (
    store_id TEXT PRIMARY KEY,
    absence_kind TEXT CHECK (absence_kind IN ('deleted', 'absent')),
    absence_confirmations INTEGER,
    absence_since INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pause (
    -- '' is the whole loop
    store_id TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE removal (at INTEGER NOT NULL) STRICT;
  CREATE TABLE approval (
    hash TEXT NOT NULL,
    store_ids TEXT NOT NULL,
    actor TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    outcome TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE transition (
    id INTEGER PRIMARY KEY,
    store_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    message TEXT NOT NULL
  ) STRICT;
  CREATE INDEX transition_of_store ON transition (store_id, id);
  CREATE TABLE retired (
    store_id TEXT PRIMARY KEY,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `
]
