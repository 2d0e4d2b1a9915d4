//! The watch as a picture that is redrawn in place, for a terminal.

use std::io;

use slacktide_api::v1::{Task, TaskChange};

use super::{
    super::{clock::ServerClock, output::Sink, places::Places},
    model::Model,
    picture::{Line, Size, picture},
    view::View,
};

/// A terminal that does not tell its size is taken to have the usual one.
const USUAL_SIZE: Size = Size {
    rows: 24,
    columns: 80,
};
/// The status word at the beginning of a line, padded: what is coloured.
const STATUS_WIDTH: usize = 10;

pub(super) struct Live<'a> {
    sink: &'a mut Sink,
    places: &'a Places,
    clock: ServerClock,
    notice: Option<String>,
    drawn: usize,
}

impl<'a> Live<'a> {
    pub(super) fn new(sink: &'a mut Sink, places: &'a Places, clock: ServerClock) -> Self {
        Self {
            sink,
            places,
            clock,
            notice: None,
            drawn: 0,
        }
    }

    fn draw(&mut self, task: &Task, size: Size) -> io::Result<()> {
        let mut lines = picture(task, self.places, &self.clock, size);
        if let Some(notice) = &self.notice {
            lines.push(Line::plain(notice, size));
        }
        let frame = frame(&lines, self.drawn);
        self.drawn = lines.len();
        self.sink.write(&frame)
    }
}

impl View for Live<'_> {
    fn begin(&mut self, task: &Task, _: Option<i64>) -> io::Result<()> {
        self.draw(task, terminal_size())
    }

    fn changed(&mut self, _: &Model, _: &TaskChange) -> io::Result<()> {
        // Drawn with the next tick: thousands of changes a second are more than an eye can use.
        self.notice = None;
        Ok(())
    }

    fn tick(&mut self, task: &Task) -> io::Result<()> {
        self.draw(task, terminal_size())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.notice = Some(text.to_owned());
        Ok(())
    }

    fn end(&mut self, task: &Task) -> io::Result<()> {
        self.draw(task, terminal_size())
    }
}

fn terminal_size() -> Size {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => Size {
            rows: size.ws_row.into(),
            columns: size.ws_col.into(),
        },
        _ => USUAL_SIZE,
    }
}

/// What to send to the terminal: up to the first line of the frame before, each line over the old one, and
/// the rest of the old frame erased.
fn frame(lines: &[Line], drawn: usize) -> String {
    let mut frame = String::new();
    if drawn > 0 {
        frame += &format!("\x1b[{drawn}A\r");
    }
    for line in lines {
        frame += &painted(line);
        frame += "\x1b[K\n";
    }
    // The sink ends what it writes with a newline unless it has one.
    frame.insert_str(frame.rfind('\n').unwrap_or(0), "\x1b[J");
    frame
}

fn painted(line: &Line) -> String {
    match (line.colour, line.text.split_at_checked(STATUS_WIDTH)) {
        (Some(colour), Some((status, rest))) => format!("\x1b[{colour}m{status}\x1b[0m{rest}"),
        _ => line.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_over_the_one_before() {
        let size = Size {
            rows: 10,
            columns: 20,
        };
        let lines = [Line::plain("one", size), Line::plain("two", size)];
        assert_eq!(frame(&lines, 0), "one\x1b[K\ntwo\x1b[K\x1b[J\n");
        assert!(frame(&lines, 3).starts_with("\x1b[3A\rone"));
    }

    #[test]
    fn only_the_status_is_coloured() {
        let line = Line {
            colour: Some("31"),
            text: "FAILED        1.2 s  Wait node".to_owned(),
        };
        assert_eq!(
            painted(&line),
            "\x1b[31mFAILED    \x1b[0m    1.2 s  Wait node"
        );
    }
}
