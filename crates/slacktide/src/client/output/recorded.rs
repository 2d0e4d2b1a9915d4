//! A sink whose text can be read, for tests.

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

use super::Sink;

/// What was written to a [`Sink`].
#[derive(Clone, Default)]
pub(in super::super) struct Written(Rc<RefCell<Vec<u8>>>);

impl Written {
    pub(in super::super) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(in super::super) fn sink() -> (Sink, Written) {
    let written = Written::default();
    (Sink::new(written.clone()), written)
}
