//! Logging in (RFC 4954), properly and otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Reply, Session};
use crate::secret::Secret;

impl Session {
    /// `AUTH PLAIN` with an initial response (RFC 4616); the reply that ends it.
    /// `authzid` is empty for everybody but a proxy.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn auth_plain(
        &mut self,
        authzid: &str,
        user: &str,
        password: &Secret,
    ) -> Result<Reply, Error> {
        let response = self.plain(authzid, user, password);
        self.auth_raw("PLAIN", Some(&response), &[]).await
    }

    /// `AUTH PLAIN`, and the response when the server asks for it.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn auth_plain_without_initial_response(
        &mut self,
        authzid: &str,
        user: &str,
        password: &Secret,
    ) -> Result<Reply, Error> {
        let response = self.plain(authzid, user, password);
        self.auth_raw("PLAIN", None, &[&response]).await
    }

    /// `AUTH LOGIN`: name and password when the server asks for them.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn auth_login(&mut self, user: &str, password: &Secret) -> Result<Reply, Error> {
        let (user, encoded) = (STANDARD.encode(user), STANDARD.encode(password.reveal()));
        self.recorder.keep_secret(password.reveal());
        self.auth_raw("LOGIN", None, &[&user, &encoded]).await
    }

    /// Starts an exchange and cancels it with `*`; 501 is the right answer
    /// (RFC 4954, 4).
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn auth_cancelled(&mut self, mechanism: &str) -> Result<Reply, Error> {
        self.auth_raw(mechanism, None, &["*"]).await
    }

    /// An exchange of any content: the initial response and the further ones as
    /// they go over the wire, one for each 334. The first reply that is not 334 is
    /// returned, or the 334 that found no response left. All responses are masked
    /// in the transcript.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn auth_raw(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
        responses: &[&str],
    ) -> Result<Reply, Error> {
        let words = format!("AUTH {mechanism}");
        self.auth_in_words(&words, initial, responses).await
    }

    /// The same with these `words` for the command and its mechanism, letter by letter:
    /// `auth plain`.
    ///
    /// # Errors
    /// As [`Session::command`].
    pub async fn auth_in_words(
        &mut self,
        words: &str,
        initial: Option<&str>,
        responses: &[&str],
    ) -> Result<Reply, Error> {
        let line = match initial {
            Some(initial) => format!("{words} {initial}"),
            None => words.to_owned(),
        };
        for response in initial.iter().chain(responses) {
            self.recorder.keep_secret(response);
        }
        let mut reply = self.command(&line).await?;
        for response in responses {
            if reply.code != 334 {
                break;
            }
            reply = self.command(response).await?;
        }
        Ok(reply)
    }

    /// The base64 text of a PLAIN response.
    fn plain(&mut self, authzid: &str, user: &str, password: &Secret) -> String {
        let response = STANDARD.encode(format!("{authzid}\0{user}\0{}", password.reveal()));
        self.recorder.keep_secret(password.reveal());
        response
    }
}
