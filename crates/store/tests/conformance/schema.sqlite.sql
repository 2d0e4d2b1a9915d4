CREATE TABLE "cluster" (
    "id" integer NOT NULL,
    "name" varchar(191) NOT NULL,
    "ob_cluster_id" integer NOT NULL,
    "status" varchar(32) NOT NULL,
    "status_reason" text NOT NULL,
    "generation" integer NOT NULL,
    "active_task_id" integer NULL,
    "sql_user" text NULL,
    "sql_password" text NULL,
    "create_time" integer NOT NULL,
    "update_time" integer NOT NULL,
    "creator" varchar(191) NOT NULL,
    "version" integer NOT NULL,
    "selector" varchar(191) NOT NULL DEFAULT '', PRIMARY KEY ("id") );
CREATE TABLE "custom_role" (
    "id" integer NOT NULL,
    "name" varchar(191) NOT NULL,
    "expressions" text NOT NULL,
    "creator" varchar(191) NOT NULL,
    "create_time" integer NOT NULL,
    "version" integer NOT NULL,
    PRIMARY KEY ("id") );
CREATE TABLE "executor" (
    "id" varchar(191) NOT NULL,
    "host" varchar(191) NOT NULL,
    "counter" integer NOT NULL,
    "start_time" integer NOT NULL,
    "labels" varchar(191) NOT NULL DEFAULT '', "capacity" integer NOT NULL DEFAULT 0, PRIMARY KEY ("id") );
CREATE TABLE "idempotency_key" (
    "user_id" integer NOT NULL,
    "rpc" varchar(191) NOT NULL,
    "request_id" varchar(191) NOT NULL,
    "request_hash" varchar(191) NOT NULL,
    "resource_id" integer NOT NULL,
    "create_time" integer NOT NULL,
    PRIMARY KEY ("user_id", "rpc", "request_id") );
CREATE TABLE "seaql_migrations" (
    "version" varchar NOT NULL PRIMARY KEY, "applied_at" integer NOT NULL );
CREATE TABLE "sequence" (
    "name" varchar(191) NOT NULL,
    "next" integer NOT NULL,
    PRIMARY KEY ("name") );
CREATE TABLE "server" (
    "id" integer NOT NULL,
    "cluster_id" integer NOT NULL,
    "zone_id" integer NOT NULL,
    "position" integer NOT NULL,
    "ip" varchar(191) NOT NULL,
    "sql_port" integer NOT NULL,
    "rpc_port" integer NOT NULL,
    "status" varchar(32) NOT NULL,
    "status_reason" text NOT NULL,
    "driver" text NOT NULL,
    "host" varchar(191) NULL,
    "base_dir_hash" varchar(191) NULL,
    "process" text NULL,
    "launch" text NULL,
    "stop_time" integer NULL,
    "update_time" integer NOT NULL,
    "version" integer NOT NULL,
    PRIMARY KEY ("id") );
CREATE TABLE "subtask" (
    "id" integer NOT NULL,
    "task_id" integer NOT NULL,
    "kind" varchar(191) NOT NULL,
    "series_id" integer NOT NULL,
    "parallel_idx" integer NOT NULL,
    "zone_id" integer NULL,
    "server_id" integer NULL,
    "host" varchar(191) NULL,
    "foldable" integer NOT NULL,
    "timeout" integer NOT NULL,
    "upstreams" text NOT NULL,
    "downstreams" text NOT NULL,
    "create_time" integer NOT NULL,
    "status" varchar(32) NOT NULL,
    "operation" varchar(32) NOT NULL,
    "run_time" integer NOT NULL,
    "executor" varchar(191) NULL,
    "start_time" integer NULL,
    "finish_time" integer NULL,
    "error" text NULL,
    "open_upstreams" integer NOT NULL,
    "epoch" integer NOT NULL,
    "owner" varchar(191) NULL,
    "deadline" integer NULL,
    "intent" text NULL,
    "version" integer NOT NULL,
    "not_before" integer NULL,
    "auto_retries" integer NOT NULL DEFAULT 0, "selector" varchar(191) NOT NULL DEFAULT '', "code" integer NULL,
    PRIMARY KEY ("id") );
CREATE TABLE "subtask_log" (
    "subtask_id" integer NOT NULL,
    "epoch" integer NOT NULL,
    "seq" integer NOT NULL,
    "time" integer NOT NULL,
    "line" text NOT NULL,
    PRIMARY KEY ("subtask_id", "epoch", "seq") );
CREATE TABLE "task" (
    "id" integer NOT NULL,
    "kind" varchar(32) NOT NULL,
    "cluster_id" integer NOT NULL,
    "cluster_name" varchar(191) NOT NULL,
    "ob_cluster_id" integer NOT NULL,
    "creator_id" integer NOT NULL,
    "creator_name" varchar(191) NOT NULL,
    "context" text NOT NULL,
    "options" text NOT NULL,
    "generation" integer NOT NULL,
    "executor" varchar(191) NOT NULL,
    "traceparent" varchar(191) NULL,
    "create_time" integer NOT NULL,
    "status" varchar(32) NOT NULL,
    "operation" varchar(32) NOT NULL,
    "start_time" integer NULL,
    "finish_time" integer NULL,
    "error" text NULL,
    "revision" integer NOT NULL,
    "last_time" integer NOT NULL,
    "total" integer NOT NULL,
    "successful" integer NOT NULL,
    "failed" integer NOT NULL,
    "active" integer NOT NULL,
    "version" integer NOT NULL,
    "zone_id" integer NULL,
    "server_id" integer NULL,
    "running" integer NOT NULL DEFAULT 0, PRIMARY KEY ("id") );
CREATE TABLE "task_revision" (
    "task_id" integer NOT NULL,
    "first_revision" integer NOT NULL,
    "last_revision" integer NOT NULL,
    "changes" text NOT NULL,
    PRIMARY KEY ("task_id", "first_revision") );
CREATE TABLE "user_account" (
    "id" integer NOT NULL,
    "name" varchar(191) NOT NULL,
    "password_hash" text NOT NULL,
    "roles" text NOT NULL,
    "create_time" integer NOT NULL,
    "version" integer NOT NULL,
    "locked" integer NOT NULL DEFAULT 0, PRIMARY KEY ("id") );
CREATE TABLE "zone" (
    "id" integer NOT NULL,
    "cluster_id" integer NOT NULL,
    "position" integer NOT NULL,
    "name" varchar(191) NOT NULL,
    "status" varchar(32) NOT NULL,
    "version" integer NOT NULL,
    PRIMARY KEY ("id") );
CREATE UNIQUE INDEX "v1_cluster_name" ON "cluster" ("name");
CREATE INDEX "v1_idempotency_key_age" ON "idempotency_key" ("create_time");
CREATE UNIQUE INDEX "v1_server_base_dir" ON "server" ("host", "base_dir_hash");
CREATE INDEX "v1_server_cluster" ON "server" ("cluster_id");
CREATE UNIQUE INDEX "v1_server_rpc_address" ON "server" ("ip", "rpc_port");
CREATE UNIQUE INDEX "v1_server_sql_address" ON "server" ("ip", "sql_port");
CREATE INDEX "v1_subtask_status" ON "subtask" ("status");
CREATE INDEX "v1_subtask_task" ON "subtask" ("task_id");
CREATE INDEX "v1_task_cluster" ON "task" ("cluster_id");
CREATE INDEX "v1_task_status" ON "task" ("status");
CREATE UNIQUE INDEX "v1_user_account_name" ON "user_account" ("name");
CREATE UNIQUE INDEX "v1_zone_name" ON "zone" ("cluster_id", "name");
CREATE INDEX "v2_task_finished" ON "task" ("status", "finish_time");
CREATE UNIQUE INDEX "v3_custom_role_name" ON "custom_role" ("name");
