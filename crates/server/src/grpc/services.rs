//! All services that are served: ours, health and reflection.

use std::{collections::HashSet, sync::Arc};

use prost::Message as _;
use prost_types::FileDescriptorSet;
use slacktide_api::{
    FILE_DESCRIPTOR_SET,
    v1::{
        cluster_service_server::{ClusterServiceServer, SERVICE_NAME as CLUSTER_SERVICE},
        executor_service_server::{ExecutorServiceServer, SERVICE_NAME as EXECUTOR_SERVICE},
        iam_service_server::{IamServiceServer, SERVICE_NAME as IAM_SERVICE},
        info_service_server::{InfoServiceServer, SERVICE_NAME as INFO_SERVICE},
        task_service_server::{SERVICE_NAME as TASK_SERVICE, TaskServiceServer},
    },
};
use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    pb::{FILE_DESCRIPTOR_SET as HEALTH_DESCRIPTORS, health_server::HealthServer},
    server::{HealthReporter, HealthService},
};
use tonic_reflection::{
    pb::{
        v1::FILE_DESCRIPTOR_SET as REFLECTION_DESCRIPTORS,
        v1alpha::FILE_DESCRIPTOR_SET as OLD_REFLECTION_DESCRIPTORS,
    },
    server::Builder,
};

use super::Api;

/// Everything that is served. Its descriptors say which methods there are.
const DESCRIPTORS: [&[u8]; 4] = [
    FILE_DESCRIPTOR_SET,
    HEALTH_DESCRIPTORS,
    REFLECTION_DESCRIPTORS,
    OLD_REFLECTION_DESCRIPTORS,
];

/// The names under which health is told; the empty one stands for the whole server.
const HEALTH_NAMES: [&str; 6] = [
    "",
    CLUSTER_SERVICE,
    TASK_SERVICE,
    EXECUTOR_SERVICE,
    IAM_SERVICE,
    INFO_SERVICE,
];

/// The services and their health.
pub(crate) struct Services {
    routes: Routes,
    methods: Arc<HashSet<String>>,
    health: HealthReporter,
}

impl Services {
    #[expect(
        clippy::expect_used,
        reason = "the descriptors are compiled in: every test that serves would fail"
    )]
    pub(crate) fn new(api: Api) -> Self {
        let health = HealthReporter::new();
        let reflection = || {
            DESCRIPTORS[..2]
                .iter()
                .fold(Builder::configure(), |builder, descriptors| {
                    builder.register_encoded_file_descriptor_set(descriptors)
                })
        };
        let routes = Routes::new(ClusterServiceServer::new(api.clone()))
            .add_service(TaskServiceServer::new(api.clone()))
            .add_service(ExecutorServiceServer::new(api.clone()))
            .add_service(IamServiceServer::new(api.clone()))
            .add_service(InfoServiceServer::new(api))
            .add_service(HealthServer::new(HealthService::from_health_reporter(
                health.clone(),
            )))
            .add_service(reflection().build_v1().expect("valid descriptors"))
            .add_service(reflection().build_v1alpha().expect("valid descriptors"))
            .prepare();
        Self {
            routes,
            methods: Arc::new(methods().expect("valid descriptors")),
            health,
        }
    }

    /// The services, without layers.
    pub(crate) fn routes(&self) -> Routes {
        self.routes.clone()
    }

    /// Paths of all methods.
    pub(crate) fn methods(&self) -> Arc<HashSet<String>> {
        Arc::clone(&self.methods)
    }

    /// Tells health checks whether calls are welcome.
    pub(crate) async fn report_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in HEALTH_NAMES {
            self.health.set_service_status(name, status).await;
        }
    }
}

fn methods() -> Result<HashSet<String>, prost::DecodeError> {
    let mut paths = HashSet::new();
    for descriptors in DESCRIPTORS {
        for file in FileDescriptorSet::decode(descriptors)?.file {
            let package = file.package();
            for service in &file.service {
                let methods = service.method.iter();
                paths.extend(
                    methods
                        .map(|method| format!("/{package}.{}/{}", service.name(), method.name())),
                );
            }
        }
    }
    Ok(paths)
}
