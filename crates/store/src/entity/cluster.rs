//! A registered cluster.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cluster")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub name: String,
    pub ob_cluster_id: i64,
    pub status: String,
    pub status_reason: String,
    pub generation: i64,
    pub active_task_id: Option<i64>,
    pub sql_user: Option<String>,
    pub sql_password: Option<String>,
    pub selector: String,
    pub create_time: i64,
    pub update_time: i64,
    pub creator: String,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
