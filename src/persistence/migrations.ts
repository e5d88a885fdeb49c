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
  `,
  `
  CREATE TABLE message_store (
    store_id TEXT PRIMARY KEY,
    cursor TEXT,
    scanned TEXT,
    user_messages INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0,
    last_user_message_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE message (
    store_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    -- null: the answer was read before the message itself
    seq INTEGER,
    since TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'handling', 'handled', 'parked', 'done')),
    attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    next_attempt_at INTEGER,
    last_error TEXT,
    reply TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (store_id, message_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX message_in_order ON message (store_id, state, seq);
  CREATE INDEX message_parked ON message (store_id, message_id) WHERE state = 'parked';
  `,
  `
  CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    opened_at INTEGER NOT NULL,
    resolved_at INTEGER,
    content TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notification (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE lockdown (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE secret (
    variable TEXT NOT NULL,
    -- never more than a few digits of a digest
    fingerprint TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    PRIMARY KEY (variable, fingerprint)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- whether the changes feed had named the deletion
  ALTER TABLE removal ADD COLUMN explicit INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE held_removal (
    store_id TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('limit', 'everything'))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rejected_removal (
    store_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('deleted', 'absent')),
    rejected_at INTEGER NOT NULL,
    actor TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `
]
