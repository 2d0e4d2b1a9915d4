//! Streams of answers. All are pulled: one reads only when its client takes what was read before, so a slow
//! client costs one message of memory and one that is gone costs nothing.

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tonic::Status;
use tracing::{Instrument as _, Span};

use crate::app::AppError;

/// A stream as tonic sends it.
pub(super) type Told<T> = BoxStream<'static, Result<T, Status>>;

/// What a stream's messages come from.
pub(super) trait Source: Send + 'static {
    /// One message of the stream.
    type Message: Send + 'static;

    /// The next message, once there is one; none at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Message>, AppError>> + Send;
}

/// A source as a stream in the present span.
pub(super) fn told<S: Source>(source: S) -> Told<S::Message> {
    let span = Span::current();
    stream::try_unfold(source, move |mut source| {
        let next = async move {
            let message = source.next().await?;
            Ok(message.map(|message| (message, source)))
        };
        next.instrument(span.clone())
    })
    .boxed()
}
