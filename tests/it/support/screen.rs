//! Renders what a terminal shows after all output.

/// The lines on the screen, of any number and length. Carriage returns, cursor movements and erasing are obeyed, and
/// colours are dropped.
pub(crate) fn rendered(output: &str) -> Vec<String> {
    let mut screen = Screen::default();
    let mut rest = output.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "only control sequences: {output:?}");
                let mut number = String::new();
                let end = rest.find(|character| {
                    number.push(*character);
                    character.is_ascii_alphabetic()
                });
                number.pop();
                screen.obey(end.unwrap(), number.parse().unwrap_or(0));
            }
            '\r' => screen.column = 0,
            '\n' => screen.row += 1,
            character => screen.put(character),
        }
    }
    screen
        .lines
        .iter()
        .map(|line| line.iter().collect::<String>().trim_end().to_owned())
        .collect()
}

#[derive(Default)]
struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn line(&mut self) -> &mut Vec<char> {
        let row = self.row;
        if self.lines.len() <= row {
            self.lines.resize(row + 1, Vec::new());
        }
        &mut self.lines[row]
    }

    fn put(&mut self, character: char) {
        let column = self.column;
        let line = self.line();
        if line.len() <= column {
            line.resize(column + 1, ' ');
        }
        line[column] = character;
        self.column += 1;
    }

    fn obey(&mut self, command: char, number: usize) {
        let column = self.column;
        match command {
            'A' => self.row = self.row.saturating_sub(number.max(1)),
            'B' => self.row += number.max(1),
            'G' => self.column = number.saturating_sub(1),
            'K' if number == 2 => self.line().clear(),
            'K' => self.line().truncate(column),
            // Erases everything below.
            'J' => {
                self.line().truncate(column);
                self.lines.truncate(self.row + 1);
            }
            // Colours, and modes such as whether the cursor is shown.
            'm' | 'h' | 'l' => {}
            other => panic!("unknown sequence {number}{other}"),
        }
    }
}
