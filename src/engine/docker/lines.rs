//! Whole lines from chunks that end anywhere, in bounded memory.

/// A longer line is handed out in pieces of this many bytes.
const LONGEST: usize = 64 * 1024;

/// The unfinished last line of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes a chunk; the lines that it completes, without their ends.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<String> {
        let mut whole = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(LONGEST) {
                if self.0.len() + part.len() > LONGEST {
                    whole.extend(self.finish());
                }
                self.0.extend_from_slice(part);
            }
            if piece.ends_with(b"\n") {
                whole.push(self.take());
            }
        }
        whole
    }

    /// A last line that has no end.
    pub(super) fn finish(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = std::mem::take(&mut self.0);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        String::from_utf8_lossy(line).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_lines_wherever_they_end() {
        let text = "first\r\nsecond é\n\nlast";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut all: Vec<String> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| lines.push(chunk))
                .collect();
            all.extend(lines.finish());
            assert_eq!(all, ["first", "second é", "", "last"], "chunks of {size}");
            assert_eq!(lines.finish(), None);
        }
    }

    #[test]
    fn a_line_without_end_does_not_grow_without_bound() {
        let mut lines = Lines::default();
        let mut seen = 0;
        for _ in 0..100 {
            seen += lines
                .push(&[b'x'; 10_000])
                .iter()
                .map(String::len)
                .sum::<usize>();
            assert!(lines.0.len() <= LONGEST);
        }
        seen += lines
            .push(&vec![b'x'; 3 * LONGEST])
            .iter()
            .map(String::len)
            .sum::<usize>();
        seen += lines.finish().map_or(0, |line| line.len());
        assert_eq!(seen, 1_000_000 + 3 * LONGEST);
    }
}
