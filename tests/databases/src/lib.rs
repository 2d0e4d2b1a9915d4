//! Private servers for tests: databases and NATS, as real processes on loopback ports of their own.
//!
//! Each lives in a temporary directory and ends with the test process, however that ends. A [`Proxy`] in front
//! of one plays the network that fails. Nothing here knows slacktide.

mod guard;
mod kind;
mod mariadb;
mod mysql;
mod nats;
mod oceanbase;
mod ports;
mod postgres;
mod programs;
mod proxy;
pub mod scripted_mysql;
mod server;
mod tier;

pub use mariadb::MariaDb;
pub use nats::Nats;
pub use oceanbase::OceanBase;
pub use ports::free_port;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use server::{Options, Server};
pub use tier::runs;
