//! A users file checks logins: the guard finds the person in it, and saslauthd has PAM
//! compare the password (`pam_pwdfile(8)`). A lab makes one of `lab.users`.

use super::{CHECKED_SENDER, Page, Purpose, StoodIn, crypt};
use crate::accounts::{Account, Accounts};
use crate::config::{Missing, SenderLogin, Spec, User, Users};
use crate::container::{Content, File, Mount, Names, Volume, public};
use crate::secret::Secret;

/// Where the users file is in the container: a folder that others write to.
const FOLDER: &str = "/var/lib/relaykit";

/// The name of a lab's users file.
const LABS: &str = "accounts";

/// By which name people go.
pub(super) const NAMES: &str = "# Who knows the people: a users file, by way of PAM. A person goes by the name that\n\
     # stands there: in the log, in the trace header, and to whatever counts messages.\n";

/// Where saslauthd's own copy is, see the image's program `accounts`.
const COPY: &str = "/run/saslauthd/accounts";

/// The users file that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersFile {
    /// Its name below [`FOLDER`].
    name: String,
    source: Source,
    /// The domain of the addresses that a lab gives to its people.
    domain: String,
    /// The PAM service of the operator's, in labs too: it is to be proved.
    stack: Option<String>,
}

/// Where its lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// The operator's own file.
    Operators(Users),
    /// The people of the lab, and whether the first owns what checks send from.
    Lab(Vec<User>, bool),
}

impl UsersFile {
    pub(super) fn of(
        users: &Users,
        spec: &Spec,
        purpose: Purpose,
        stood_in: &mut Vec<StoodIn>,
    ) -> Self {
        let domain = spec.hostname.split_once('.');
        let domain = domain.map_or(spec.hostname.as_str(), |(_, domain)| domain);
        let stack = spec.auth.stack.as_ref().map(|stack| stack.text.clone());
        if !purpose.is_lab() {
            let name = users.file.file_name().unwrap_or_default();
            return Self {
                name: name.to_string_lossy().into_owned(),
                source: Source::Operators(users.clone()),
                domain: domain.to_owned(),
                stack,
            };
        }
        stood_in.push(StoodIn {
            key: "auth.pam.users_file",
            by: "people of its own (lab.users)",
        });
        let owns_senders = spec.relay.sender_login == SenderLogin::Own;
        Self {
            name: LABS.to_owned(),
            source: Source::Lab(spec.lab.users.clone(), owns_senders),
            domain: domain.to_owned(),
            stack,
        }
    }

    fn path(&self) -> String {
        format!("{FOLDER}/{}", self.name)
    }

    pub(super) fn address(&self, user: &User) -> String {
        if user.name.contains('@') {
            user.name.clone()
        } else {
            format!("{}@{}", user.name, self.domain)
        }
    }

    /// What the guard, and the program that hands it the file, are told.
    pub(super) fn guard(&self) -> String {
        format!("users: {}\n", self.path())
    }

    /// The PAM service, and the users file.
    pub(super) fn files(&self) -> Vec<File> {
        let own = self.stack.clone();
        let pam = own.unwrap_or_else(|| format!(
            "# PAM, see pam.conf(5) and pam_pwdfile(8): saslauthd asks it whether a password is\n\
             # right. The file is a copy of the users file, made before each login. The answer\n\
             # does not wait: the guard decides when a refusal is said.\n\
             auth     required pam_pwdfile.so pwdfile={COPY} nodelay\n\
             account  required pam_permit.so\n"
        ));
        let content = match &self.source {
            Source::Operators(users) => Content::OperatorFolder(users.file.clone()),
            Source::Lab(people, owns_senders) => Content::Secret(self.lines(people, *owns_senders)),
        };
        let users = File {
            path: self.path(),
            mode: 0o600,
            owner: (0, 0),
            content,
        };
        vec![public("pam", pam), users]
    }

    fn lines(&self, people: &[User], owns_senders: bool) -> Secret {
        let mut accounts = Accounts::default();
        for (index, user) in people.iter().enumerate() {
            let mut addresses = vec![self.address(user)];
            if index == 0 && owns_senders {
                let domain = CHECKED_SENDER.trim_start_matches(|letter| letter != '@');
                addresses.push(domain.to_owned());
            }
            accounts.put(Account {
                name: user.name.clone(),
                hash: crypt::hash(&user.name, &user.password),
                addresses,
            });
        }
        Secret::new(accounts.to_string())
    }

    /// The volume that the file lies on. Who is in a lab's container may change it.
    pub(super) fn storage(&self, names: Names<'_>) -> (Volume, Mount) {
        let operators = matches!(self.source, Source::Operators(_));
        (
            names.volume("relay-users", false),
            names.mount("relay-users", FOLDER, operators),
        )
    }

    pub(super) fn page(&self) -> Page {
        let Source::Operators(users) = &self.source else {
            return Page::default();
        };
        let file = users.file.display();
        Page {
            refused: "the users file was looked into and said no. The line `login of ... is refused` tells
  which half was wrong: `the users file has nobody of that name`, or `wrong password`."
                .to_owned(),
            nobody_asked: format!(
                "the users file cannot be read, or saslauthd does not answer, which is started again by
  itself. This shows who is in the file, as the relay sees it:

  ```sh
  docker compose exec -T relay sed -n 's/^\\([^:#]*\\):.*/\\1/p' {path}
  ```

- Somebody comes, goes or has a new password: `relaykit users add|remove|passwd NAME --users {file}`
  counts at the next login, without a restart. Without relaykit, `mkpasswd -m yescrypt` makes the hash
  of a line `name:hash:addresses`; write the new file beside the old one and rename it.
",
                path = self.path(),
            ),
            not_owned: "that login does not have that address in the users file.".to_owned(),
            places: format!(
                "| `config/pam` | how passwords are tried |\n\
                 | `{file}` | yours: the users; its folder is mounted, so keep nothing else in it |\n"
            ),
        }
    }
}

/// What a users file lacks for production.
pub(super) fn missing(users: &Users) -> Vec<Missing> {
    if users.people > 0 {
        return Vec::new();
    }
    let reason = "nobody is in that file, so nobody could log in";
    let file = users.file.display();
    let write = format!("somebody into it: relaykit users add NAME --users {file}");
    vec![Missing::new("auth.pam.users_file", reason, &write)]
}
