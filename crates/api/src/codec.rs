//! Protobuf with buffers that fit the many streams that wait most of the time.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// How large a call's buffer is at first. A stream keeps it for as long as it is open: tonic's own 8 KiB would
/// be most of what a watcher costs.
const SIZE: usize = 1024;

/// How much is put together before it is sent. It bounds what a buffer has grown to when the stream waits again.
const FLUSH: usize = 8 * 1024;

/// The codec of all services.
pub(crate) struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(SIZE, FLUSH))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(SIZE, FLUSH))
    }
}
