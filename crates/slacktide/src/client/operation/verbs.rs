//! The verbs that operate on a part of a cluster: a struct of arguments each, and one way through.

/// Makes the verbs on a kind of place.
///
/// `on` names the arguments that say where, and what the request calls that, as the arguments' `find` returns it;
/// `towards`, the target of a watch by its status. Of a verb it names the call and the request, the status that the
/// place is to reach, and the options: each is a member of the request, and a method of its arguments.
macro_rules! operation_verbs {
    (
        on $place:ty as ($cluster:ident, $part:ident), towards $target:expr;
        $(
            $(#[$help:meta])*
            $verb:ident = $call:ident($request:ident), to reach $status:expr
                $(, with $($option:ident: $options:ty),+)?;
        )+
    ) => {$(
        $(#[$help])*
        #[derive(Clone, Debug, clap::Args)]
        pub(crate) struct $verb {
            #[command(flatten)]
            on: $place,
            $($(
                #[command(flatten)]
                $option: $options,
            )+)?
            #[command(flatten)]
            operation: $crate::client::operation::Operation,
        }

        impl $verb {
            async fn run(
                self,
                connection: &$crate::client::Connection,
                output: &mut $crate::client::Output,
            ) -> anyhow::Result<std::process::ExitCode> {
                let operation = &self.operation;
                let ($cluster, $part) = self.on.find(connection).await?;
                let target = $target;
                let goal = $crate::client::watch::Goal::Reached(target($status));
                let request = $request {
                    $cluster,
                    $part,
                    request_id: operation.key.request_id.clone(),
                    validate_only: operation.validate_only,
                    view: operation.view(output.format).into(),
                    $($($option: self.$option.$option(),)+)?
                };
                let answer = connection.clusters().$call(request).await;
                let task = answer.map_err($crate::client::Failure::from)?.into_inner().task;
                operation
                    .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
                    .await
            }
        }
    )+};
}

pub(in super::super) use operation_verbs;
