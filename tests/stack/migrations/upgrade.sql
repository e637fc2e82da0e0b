-- What `alembic upgrade head` leaves behind (revisions 001 to 003), as one idempotent script.
SET client_min_messages = warning;
BEGIN;
CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY);

CREATE TABLE IF NOT EXISTS users (
    id bigserial PRIMARY KEY, email text UNIQUE NOT NULL, role text NOT NULL DEFAULT 'viewer',
    mfa_enabled boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS user_sessions (
    id bigserial PRIMARY KEY, user_id bigint REFERENCES users, created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    id bigserial PRIMARY KEY, user_id bigint REFERENCES users, token_hash text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS user_audit_logs (
    id bigserial PRIMARY KEY, user_id bigint, action text, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS user_permissions (user_id bigint REFERENCES users, permission text, PRIMARY KEY (user_id, permission));
CREATE TABLE IF NOT EXISTS role_permissions (role text, permission text, PRIMARY KEY (role, permission));
CREATE TABLE IF NOT EXISTS login_attempts (
    id bigserial PRIMARY KEY, email text, succeeded boolean, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS api_keys (id bigserial PRIMARY KEY, user_id bigint REFERENCES users, key_hash text, created_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE IF NOT EXISTS ml_promotion_audit (
    id bigserial PRIMARY KEY, model text, from_state text, to_state text, at timestamptz NOT NULL DEFAULT now());

CREATE TABLE IF NOT EXISTS historical_backfill_progress (symbol text PRIMARY KEY, last_date date, updated_at timestamptz);

DELETE FROM alembic_version;
INSERT INTO alembic_version VALUES ('003');
COMMIT;
