//! Where a line of Postfix's configuration stands in relay.yaml.

use crate::audit::Place;
use crate::config::Places;

/// A line of a file, both numbers from one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The file's name, as it was given, or the path of a table.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Where `place` stands: in `file`, whose `places` these are, or in a table of its own.
#[must_use]
pub fn located(place: &Place, file: &str, places: &Places) -> Line {
    let keys: Vec<&str> = match place {
        Place::Main(name) => vec!["postfix", "main", name],
        Place::Option(service, _) | Place::Service(service) => {
            vec!["postfix", "master", service]
        }
        Place::Line(path, line, _) => {
            return Line {
                file: path.clone(),
                line: *line,
                column: 1,
            };
        }
    };
    let (line, column) = places.of(&keys);
    Line {
        file: file.to_owned(),
        line,
        column,
    }
}
