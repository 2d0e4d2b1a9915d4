//! A subtask. `intent` is what its present run is about to do on a host.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subtask")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub task_id: i64,
    pub kind: String,
    pub series_id: i64,
    pub parallel_idx: i64,
    pub zone_id: Option<i64>,
    pub server_id: Option<i64>,
    pub host: Option<String>,
    pub selector: String,
    pub foldable: i64,
    pub timeout: i64,
    pub upstreams: String,
    pub downstreams: String,
    pub create_time: i64,
    pub status: String,
    pub operation: String,
    pub run_time: i64,
    pub executor: Option<String>,
    pub start_time: Option<i64>,
    pub finish_time: Option<i64>,
    pub error: Option<String>,
    pub code: Option<i64>,
    pub open_upstreams: i64,
    pub epoch: i64,
    pub owner: Option<String>,
    pub deadline: Option<i64>,
    pub not_before: Option<i64>,
    pub auto_retries: i64,
    pub intent: Option<String>,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
