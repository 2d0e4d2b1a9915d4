//! A task.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub kind: String,
    pub cluster_id: i64,
    pub cluster_name: String,
    pub ob_cluster_id: i64,
    pub zone_id: Option<i64>,
    pub server_id: Option<i64>,
    pub creator_id: i64,
    pub creator_name: String,
    pub context: String,
    pub options: String,
    pub generation: i64,
    pub executor: String,
    pub traceparent: Option<String>,
    pub create_time: i64,
    pub status: String,
    pub operation: String,
    pub start_time: Option<i64>,
    pub finish_time: Option<i64>,
    pub error: Option<String>,
    pub revision: i64,
    pub last_time: i64,
    pub total: i64,
    pub successful: i64,
    pub failed: i64,
    pub active: i64,
    pub running: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
