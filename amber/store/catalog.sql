-- Written by `make docs` from migrations/.
BEGIN IMMEDIATE;
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE asset (
  asset BLOB NOT NULL,
  title TEXT NOT NULL,
  duration_seconds FLOAT NOT NULL,
  frame_count INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rate TEXT,
  partial BOOLEAN NOT NULL,
  facts TEXT NOT NULL,
  added_at FLOAT NOT NULL,
  CONSTRAINT pk_asset PRIMARY KEY (asset)
)
WITHOUT ROWID;
CREATE INDEX ix_asset_title ON asset (title);
CREATE TABLE label (
  asset BLOB NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_label PRIMARY KEY (asset, name),
  CONSTRAINT fk_label_asset FOREIGN KEY(asset) REFERENCES asset (asset) ON DELETE CASCADE
)
WITHOUT ROWID;
CREATE INDEX ix_label_name_value ON label (name, value);
CREATE TABLE location (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  uri TEXT NOT NULL,
  asset BLOB NOT NULL,
  file_digest BLOB NOT NULL,
  size_bytes BIGINT NOT NULL,
  mtime_ns BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  changed BOOLEAN NOT NULL,
  seen_at FLOAT NOT NULL,
  CONSTRAINT fk_location_asset FOREIGN KEY(asset) REFERENCES asset (asset) ON DELETE CASCADE,
  CONSTRAINT uq_location_uri UNIQUE (uri)
);
CREATE INDEX ix_location_asset ON location (asset);
CREATE TABLE making (
  id INTEGER NOT NULL,
  algorithm TEXT NOT NULL,
  version TEXT NOT NULL,
  part TEXT NOT NULL,
  settings TEXT NOT NULL,
  computed BIGINT NOT NULL,
  seconds FLOAT NOT NULL,
  CONSTRAINT pk_making PRIMARY KEY (id),
  CONSTRAINT uq_making_algorithm_version_part_settings UNIQUE (algorithm, version, part, settings)
);
CREATE TABLE reason (
  id INTEGER NOT NULL,
  sentence TEXT NOT NULL,
  CONSTRAINT pk_reason PRIMARY KEY (id),
  CONSTRAINT uq_reason_sentence UNIQUE (sentence)
);
CREATE TABLE trace (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  recipe BLOB NOT NULL,
  making INTEGER NOT NULL,
  assets BLOB NOT NULL,
  generations TEXT,
  sha256 BLOB NOT NULL,
  size_bytes BIGINT NOT NULL,
  reason INTEGER NOT NULL,
  seconds FLOAT NOT NULL,
  cpu_seconds FLOAT NOT NULL,
  peak_memory_bytes BIGINT NOT NULL,
  bytes_read BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT fk_trace_making FOREIGN KEY(making) REFERENCES making (id),
  CONSTRAINT fk_trace_reason FOREIGN KEY(reason) REFERENCES reason (id),
  CONSTRAINT uq_trace_recipe UNIQUE (recipe)
);
CREATE INDEX ix_trace_sha256 ON trace (sha256);
CREATE TABLE trace_subject (
  subject BLOB NOT NULL,
  trace INTEGER NOT NULL,
  CONSTRAINT pk_trace_subject PRIMARY KEY (subject, trace)
)
WITHOUT ROWID;
CREATE TABLE trace_asset (
  asset BLOB NOT NULL,
  trace INTEGER NOT NULL,
  CONSTRAINT pk_trace_asset PRIMARY KEY (asset, trace)
)
WITHOUT ROWID;
CREATE TABLE resolved (
  "key" BLOB NOT NULL,
  trace INTEGER NOT NULL,
  CONSTRAINT pk_resolved PRIMARY KEY ("key")
)
WITHOUT ROWID;
CREATE TABLE trace_input (
  trace INTEGER NOT NULL,
  position INTEGER NOT NULL,
  parameter TEXT NOT NULL,
  label TEXT,
  source INTEGER,
  sha256 BLOB,
  CONSTRAINT pk_trace_input PRIMARY KEY (trace, position),
  CONSTRAINT fk_trace_input_source FOREIGN KEY(source) REFERENCES trace (id),
  CONSTRAINT fk_trace_input_trace FOREIGN KEY(trace) REFERENCES trace (id) ON DELETE CASCADE
)
WITHOUT ROWID;
CREATE INDEX ix_trace_input_source ON trace_input (source);
CREATE INDEX ix_trace_input_sha256 ON trace_input (sha256) WHERE sha256 IS NOT NULL;
CREATE TABLE trace_file (
  trace INTEGER NOT NULL,
  position INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  size_bytes BIGINT NOT NULL,
  CONSTRAINT pk_trace_file PRIMARY KEY (trace, position),
  CONSTRAINT fk_trace_file_trace FOREIGN KEY(trace) REFERENCES trace (id) ON DELETE CASCADE
)
WITHOUT ROWID;
CREATE INDEX ix_trace_file_sha256 ON trace_file (sha256);
CREATE TABLE lost (
  sha256 BLOB NOT NULL,
  at FLOAT NOT NULL,
  CONSTRAINT pk_lost PRIMARY KEY (sha256)
)
WITHOUT ROWID;
CREATE TABLE lease (
  recipe BLOB NOT NULL,
  fence BIGINT NOT NULL,
  owner TEXT NOT NULL,
  expires_at FLOAT NOT NULL, assets BLOB,
  CONSTRAINT pk_lease PRIMARY KEY (recipe)
);
CREATE TABLE failure (
  recipe BLOB NOT NULL,
  fingerprint TEXT NOT NULL,
  failure_class TEXT NOT NULL,
  error TEXT NOT NULL,
  message TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  retry_at FLOAT,
  algorithm TEXT NOT NULL,
  assets BLOB NOT NULL,
  CONSTRAINT pk_failure PRIMARY KEY (recipe)
);
CREATE TABLE job (
  "key" BLOB NOT NULL,
  algorithm TEXT NOT NULL,
  assets BLOB NOT NULL,
  state TEXT NOT NULL,
  owner TEXT NOT NULL,
  expires_at FLOAT NOT NULL,
  error TEXT NOT NULL,
  message TEXT NOT NULL, fence BIGINT DEFAULT 0 NOT NULL, closure BLOB, "order" TEXT DEFAULT '' NOT NULL, recipe BLOB, made TEXT DEFAULT '[]' NOT NULL, step TEXT DEFAULT '' NOT NULL, done BIGINT DEFAULT 0 NOT NULL, total BIGINT DEFAULT 0 NOT NULL, unit TEXT DEFAULT '' NOT NULL, steps_done INTEGER DEFAULT 0 NOT NULL, steps_total INTEGER DEFAULT 0 NOT NULL, remaining_seconds FLOAT, revision BIGINT DEFAULT 0 NOT NULL, created_at FLOAT DEFAULT 0 NOT NULL, started_at FLOAT DEFAULT 0 NOT NULL, changed_at FLOAT DEFAULT 0 NOT NULL, priority INTEGER DEFAULT 1 NOT NULL, requester TEXT DEFAULT '' NOT NULL,
  CONSTRAINT pk_job PRIMARY KEY ("key")
);
CREATE TABLE invalidation (
  id INTEGER NOT NULL,
  algorithm TEXT NOT NULL,
  version TEXT NOT NULL,
  everywhere BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  undone BOOLEAN NOT NULL,
  made_at FLOAT NOT NULL, undo_ended_at FLOAT,
  CONSTRAINT pk_invalidation PRIMARY KEY (id)
);
CREATE TABLE invalidation_asset (
  invalidation INTEGER NOT NULL,
  asset BLOB NOT NULL,
  CONSTRAINT pk_invalidation_asset PRIMARY KEY (invalidation, asset),
  CONSTRAINT fk_invalidation_asset_invalidation FOREIGN KEY(invalidation) REFERENCES invalidation (id)
)
WITHOUT ROWID;
CREATE TABLE epoch (
  id INTEGER NOT NULL,
  number BIGINT NOT NULL,
  CONSTRAINT pk_epoch PRIMARY KEY (id),
  CONSTRAINT ck_epoch_one_row CHECK (id = 1)
);
CREATE TABLE sequence (
  name TEXT NOT NULL,
  number BIGINT NOT NULL,
  CONSTRAINT pk_sequence PRIMARY KEY (name)
);
CREATE TABLE audit (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  action TEXT NOT NULL,
  who TEXT NOT NULL,
  detail TEXT NOT NULL,
  at FLOAT NOT NULL
);
CREATE TABLE frame_times (
  asset BLOB NOT NULL,
  times BLOB NOT NULL,
  CONSTRAINT pk_frame_times PRIMARY KEY (asset),
  CONSTRAINT fk_frame_times_asset FOREIGN KEY(asset) REFERENCES asset (asset) ON DELETE CASCADE
);
CREATE TABLE "plan" (
  id TEXT NOT NULL,
  action TEXT NOT NULL,
  everywhere BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  made_at FLOAT NOT NULL,
  applied_at FLOAT,
  CONSTRAINT pk_plan PRIMARY KEY (id)
);
CREATE TABLE plan_asset (
  "plan" TEXT NOT NULL,
  asset BLOB NOT NULL,
  CONSTRAINT pk_plan_asset PRIMARY KEY ("plan", asset),
  CONSTRAINT fk_plan_asset_plan FOREIGN KEY("plan") REFERENCES "plan" (id)
)
WITHOUT ROWID;
CREATE TABLE pin (
  name TEXT NOT NULL,
  reason TEXT NOT NULL,
  who TEXT NOT NULL,
  at FLOAT NOT NULL,
  CONSTRAINT pk_pin PRIMARY KEY (name)
);
CREATE TABLE garbage (
  sha256 BLOB NOT NULL,
  size_bytes BIGINT NOT NULL,
  marked_at FLOAT NOT NULL,
  fence BIGINT NOT NULL,
  collected BOOLEAN NOT NULL,
  CONSTRAINT pk_garbage PRIMARY KEY (sha256)
)
WITHOUT ROWID;
CREATE TABLE forgotten (
  asset BLOB NOT NULL,
  at FLOAT NOT NULL,
  CONSTRAINT pk_forgotten PRIMARY KEY (asset)
)
WITHOUT ROWID;
CREATE INDEX ix_trace_making ON trace (making);
CREATE INDEX ix_job_state_created_at ON job (state, created_at);
CREATE TABLE job_asker (
  "key" BLOB NOT NULL,
  asker TEXT NOT NULL,
  CONSTRAINT pk_job_asker PRIMARY KEY ("key", asker),
  CONSTRAINT fk_job_asker_key FOREIGN KEY("key") REFERENCES job ("key") ON DELETE CASCADE
)
WITHOUT ROWID;
CREATE TABLE token (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  scope TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  created_at FLOAT NOT NULL,
  revoked_at FLOAT,
  CONSTRAINT pk_token PRIMARY KEY (id)
);
CREATE TABLE verdict (
  asset_a BLOB NOT NULL,
  start_a INTEGER NOT NULL,
  end_a INTEGER NOT NULL,
  asset_b BLOB NOT NULL,
  start_b INTEGER NOT NULL,
  end_b INTEGER NOT NULL,
  is_kept BOOLEAN NOT NULL,
  who TEXT NOT NULL,
  said_at FLOAT NOT NULL,
  CONSTRAINT pk_verdict PRIMARY KEY (asset_a, start_a, end_a, asset_b, start_b, end_b),
  CONSTRAINT fk_verdict_asset_a FOREIGN KEY(asset_a) REFERENCES asset (asset) ON DELETE CASCADE,
  CONSTRAINT fk_verdict_asset_b FOREIGN KEY(asset_b) REFERENCES asset (asset) ON DELETE CASCADE
)
WITHOUT ROWID;
CREATE INDEX ix_verdict_asset_b ON verdict (asset_b);
CREATE TABLE subscription (
  id TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  version TEXT,
  settings TEXT NOT NULL,
  bindings TEXT NOT NULL,
  labels TEXT NOT NULL,
  who TEXT NOT NULL,
  made_at FLOAT NOT NULL,
  webhook TEXT NOT NULL,
  secret TEXT NOT NULL,
  wanted INTEGER NOT NULL,
  ready INTEGER NOT NULL,
  open INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  lag_seconds FLOAT NOT NULL,
  checked_at FLOAT NOT NULL,
  CONSTRAINT pk_subscription PRIMARY KEY (id)
);
CREATE TABLE delivery (
  subscription TEXT NOT NULL,
  "key" BLOB NOT NULL,
  asset BLOB NOT NULL,
  state TEXT NOT NULL,
  body TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at FLOAT NOT NULL,
  problem TEXT NOT NULL,
  CONSTRAINT pk_delivery PRIMARY KEY (subscription, "key"),
  CONSTRAINT fk_delivery_subscription FOREIGN KEY(subscription) REFERENCES subscription (id) ON DELETE CASCADE
)
WITHOUT ROWID;
CREATE INDEX ix_delivery_asset ON delivery (asset);
CREATE INDEX ix_delivery_state_next_at ON delivery (state, next_at);
CREATE TABLE backfill (
  id TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  version TEXT,
  settings TEXT NOT NULL,
  bindings TEXT NOT NULL,
  labels TEXT NOT NULL,
  who TEXT NOT NULL,
  made_at FLOAT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  canary INTEGER NOT NULL,
  concurrency INTEGER NOT NULL,
  rate FLOAT NOT NULL,
  expected_seconds FLOAT NOT NULL,
  elapsed_seconds FLOAT NOT NULL,
  next_at FLOAT NOT NULL,
  ended_at FLOAT,
  CONSTRAINT pk_backfill PRIMARY KEY (id)
);
CREATE TABLE backfill_item (
  backfill TEXT NOT NULL,
  position INTEGER NOT NULL,
  asset BLOB NOT NULL,
  state TEXT NOT NULL,
  "key" BLOB,
  hit BOOLEAN NOT NULL,
  error TEXT NOT NULL,
  message TEXT NOT NULL,
  CONSTRAINT pk_backfill_item PRIMARY KEY (backfill, position),
  CONSTRAINT fk_backfill_item_backfill FOREIGN KEY(backfill) REFERENCES backfill (id) ON DELETE CASCADE,
  CONSTRAINT fk_backfill_item_asset FOREIGN KEY(asset) REFERENCES asset (asset) ON DELETE CASCADE,
  CONSTRAINT uq_backfill_item_backfill_asset UNIQUE (backfill, asset)
)
WITHOUT ROWID;
CREATE INDEX ix_backfill_item_asset ON backfill_item (asset);
CREATE INDEX ix_backfill_item_backfill_state_position ON backfill_item (backfill, state, position);
CREATE TABLE arrival (
  uri TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  asset BLOB,
  problem TEXT NOT NULL,
  seen_at FLOAT NOT NULL,
  CONSTRAINT pk_arrival PRIMARY KEY (uri)
)
WITHOUT ROWID;
CREATE INDEX ix_arrival_asset ON arrival (asset);
CREATE TABLE duty (
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  expires_at FLOAT NOT NULL,
  CONSTRAINT pk_duty PRIMARY KEY (name)
)
WITHOUT ROWID;
CREATE TABLE account (
  algorithm TEXT NOT NULL,
  version TEXT NOT NULL,
  requester TEXT NOT NULL,
  computed BIGINT NOT NULL,
  seconds FLOAT NOT NULL,
  cpu_seconds FLOAT NOT NULL,
  bytes_read BIGINT NOT NULL,
  peak_memory_bytes BIGINT NOT NULL,
  hits BIGINT NOT NULL,
  saved_seconds FLOAT NOT NULL,
  CONSTRAINT pk_account PRIMARY KEY (algorithm, version, requester)
)
WITHOUT ROWID;
CREATE TABLE spending (
  algorithm TEXT NOT NULL,
  version TEXT NOT NULL,
  requester TEXT NOT NULL,
  machine TEXT NOT NULL,
  computed BIGINT NOT NULL,
  seconds FLOAT NOT NULL,
  cpu_seconds FLOAT NOT NULL,
  bytes_read BIGINT NOT NULL,
  peak_memory_bytes BIGINT NOT NULL,
  hits BIGINT NOT NULL,
  saved_seconds FLOAT NOT NULL, saved_bytes BIGINT DEFAULT 0 NOT NULL,
  CONSTRAINT pk_spending PRIMARY KEY (algorithm, version, requester, machine)
)
WITHOUT ROWID;
INSERT INTO alembic_version VALUES ('0009');
INSERT INTO epoch VALUES (1, 0);
INSERT INTO sequence VALUES ('fence', 0);
INSERT INTO sequence VALUES ('invalidation', 0);
INSERT INTO sequence VALUES ('oldest_code', 1);
COMMIT;
