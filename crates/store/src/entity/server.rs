//! A server of a zone. `process` and `launch` are the executor's journal: the identity of the process that a
//! task is about to stop, and what it takes to start it again. They never leave the store but to a driver.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub cluster_id: i64,
    pub zone_id: i64,
    pub position: i64,
    pub ip: String,
    pub sql_port: i64,
    pub rpc_port: i64,
    pub status: String,
    pub status_reason: String,
    pub driver: String,
    pub host: Option<String>,
    pub base_dir_hash: Option<String>,
    pub process: Option<String>,
    pub launch: Option<String>,
    pub stop_time: Option<i64>,
    pub update_time: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
