//! Stored messages one by one: a program in the sink that is told names and
//! answers with files. Asking the engine for each file would cost it a process
//! of its own each time, and more of the machine than the message did.

use std::pin::Pin;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{FOLDER, Sink, StoredMessage};
use crate::engine::Reading;
use crate::lab::Error;

/// Whose files the messages are.
const USER: &str = "inbox";

/// Answers `SIZE NAME` and the file, or `- NAME` where there is none: first for
/// every file there is, ended by an empty line, then for each name it is told. It
/// starts no other program: a message would cost several.
const PROGRAM: &str = r#"
my ($folder) = @ARGV;
-d $folder or mkdir $folder;
chdir $folder or die "$folder: $!\n";
$| = 1;
sub answer {
    my ($name) = @_;
    return print "- $name\n" unless open my $file, '<', $name;
    local $/;
    my $bytes = <$file> // '';
    print length $bytes, " $name\n$bytes";
}
answer($_) for sort glob '*.eml';
print "\n";
while (my $name = <STDIN>) {
    chomp $name;
    answer($name);
}
"#;

/// What reads single messages out of a sink that runs.
pub(super) struct Reader {
    names: Pin<Box<dyn AsyncWrite + Send>>,
    files: Reading,
}

impl Reader {
    /// The reader, and the messages that are there, in the order of their names.
    pub(super) async fn open(sink: &Sink) -> Result<(Self, Vec<StoredMessage>), Error> {
        let argv = ["perl", "-e", PROGRAM, FOLDER];
        let engine = sink.engine.as_ref();
        let conversation = engine.converse(&sink.container, &argv, USER).await?;
        let (names, files) = conversation.split();
        let mut reader = Self { names, files };
        let mut messages = Vec::new();
        loop {
            match reader.answer().await? {
                Answer::Message(message) => messages.push(*message),
                Answer::Absent => {}
                Answer::End => return Ok((reader, messages)),
            }
        }
    }

    /// The message in the file `name`; `None` where there is none any more.
    pub(super) async fn read(&mut self, name: &str) -> Result<Option<StoredMessage>, Error> {
        let line = format!("{name}\n");
        let unreadable = |error| unreadable(name, &error);
        self.names
            .write_all(line.as_bytes())
            .await
            .map_err(unreadable)?;
        self.names.flush().await.map_err(unreadable)?;
        match self.answer().await? {
            Answer::Message(message) => Ok(Some(*message)),
            Answer::Absent | Answer::End => Ok(None),
        }
    }

    async fn answer(&mut self) -> Result<Answer, Error> {
        let mut line = String::new();
        let read = self.files.read_line(&mut line).await;
        if read.map_err(|error| unreadable(FOLDER, &error))? == 0 {
            let ended = std::io::Error::other("the sink has ended");
            return Err(unreadable(FOLDER, &ended));
        }
        let Some((size, name)) = line.trim_end().split_once(' ') else {
            return Ok(Answer::End);
        };
        let Ok(size) = size.parse() else {
            return Ok(Answer::Absent);
        };
        let mut bytes = vec![0; size];
        let read = self.files.read_exact(&mut bytes).await;
        read.map_err(|error| unreadable(name, &error))?;
        Ok(Answer::Message(Box::new(StoredMessage::parse(
            name, &bytes,
        )?)))
    }
}

enum Answer {
    Message(Box<StoredMessage>),
    Absent,
    End,
}

fn unreadable(id: &str, error: &std::io::Error) -> Error {
    Error::Inbox {
        id: id.to_owned(),
        reason: error.to_string(),
    }
}
