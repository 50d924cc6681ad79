//! The Dockerfiles of `images/`, as far as they are written here: what a person reads
//! and `docker build` understands is what is carried out. Anything else is refused, so
//! that no instruction means one thing there and another here.

/// What is done to a base, and what its configuration then is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Whether the context's `rootfs/` is copied to `/`.
    pub(super) copies_root: bool,
    /// Shell scripts, in order.
    pub(super) steps: Vec<Step>,
    /// Instructions about the configuration, such as `USER 204:204`, in order.
    pub(super) changes: Vec<String>,
    /// The signal that stops a container.
    pub(super) stop_signal: Option<String>,
    /// Whether an ENTRYPOINT or a CMD is among the changes.
    pub(super) says_entrypoint: bool,
    /// See `says_entrypoint`.
    pub(super) says_command: bool,
    environment: Vec<String>,
}

/// One `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// `NAME=value` of the ENV instructions before it.
    pub(super) environment: Vec<String>,
    /// What `/bin/sh -c` is given.
    pub(super) script: String,
}

/// Reads a Dockerfile of `images/`, which begins with `ARG BASE` and `FROM ${BASE}`.
pub(super) fn read(text: &str) -> Result<Recipe, String> {
    let instructions = instructions(text)?;
    let Some([argument, from, rest @ ..]) = instructions.get(..) else {
        return Err("ARG BASE and FROM ${BASE} are missing".to_owned());
    };
    if argument != "ARG BASE" || from != "FROM ${BASE}" {
        return Err(format!(
            "it begins with {argument:?} and {from:?} instead of ARG BASE and FROM ${{BASE}}"
        ));
    }
    of_instructions(rest.iter().map(String::as_str))
}

/// Reads instructions without a FROM.
pub(super) fn of_instructions<'a>(
    instructions: impl Iterator<Item = &'a str>,
) -> Result<Recipe, String> {
    let mut recipe = Recipe::default();
    for instruction in instructions {
        recipe.add(instruction)?;
    }
    Ok(recipe)
}

/// One instruction a line: without comments, which may stand within an instruction too,
/// and with continued lines as one.
fn instructions(text: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let mut instruction = open.take().unwrap_or_default();
        // A script keeps its blanks: they may stand in quotes.
        let line = if instruction.is_empty() {
            trimmed
        } else {
            line
        };
        if let Some(begun) = line.trim_end().strip_suffix('\\') {
            instruction.push_str(begun);
            open = Some(instruction);
        } else {
            instruction.push_str(line.trim_end());
            found.push(instruction);
        }
    }
    match open {
        Some(open) => Err(format!("{open:?} goes on behind the end")),
        None => Ok(found),
    }
}

impl Recipe {
    fn add(&mut self, instruction: &str) -> Result<(), String> {
        let unknown = || format!("{instruction:?} is not known here");
        let (keyword, rest) = instruction.split_once(' ').ok_or_else(unknown)?;
        let rest = rest.trim();
        match keyword {
            "COPY" if rest == "rootfs/ /" && self.steps.is_empty() => self.copies_root = true,
            "RUN" if !rest.starts_with(['[', '-', '<']) && !self.changes_who_runs() => {
                self.steps.push(Step {
                    environment: self.environment.clone(),
                    script: rest.to_owned(),
                });
            }
            "ENV" => {
                let words = rest.split(' ').filter(|word| !word.is_empty());
                for word in words {
                    if word.contains(['"', '\'', '\\', '$']) || !word.contains('=') {
                        return Err(unknown());
                    }
                    self.environment.push(word.to_owned());
                }
                self.changes.push(instruction.to_owned());
            }
            "STOPSIGNAL" => self.stop_signal = Some(rest.to_owned()),
            "ENTRYPOINT" => {
                self.says_entrypoint = true;
                self.changes.push(instruction.to_owned());
            }
            "CMD" => {
                self.says_command = true;
                self.changes.push(instruction.to_owned());
            }
            "EXPOSE" | "USER" | "VOLUME" | "WORKDIR" | "HEALTHCHECK" | "LABEL" => {
                self.changes.push(instruction.to_owned());
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// Whether a RUN now would not run as root in `/`.
    fn changes_who_runs(&self) -> bool {
        let who = |change: &String| change.starts_with("USER ") || change.starts_with("WORKDIR ");
        self.changes.iter().any(who)
    }

    /// All its steps as one script and its environment; `None` where there are none.
    /// One step is the script as it is written, since that is what the layer's history shows.
    pub(super) fn script(&self) -> Option<(Vec<String>, String)> {
        if let [step] = &self.steps[..] {
            return Some((step.environment.clone(), step.script.clone()));
        }
        let lines: Vec<String> = self
            .steps
            .iter()
            .map(|step| {
                let words = step.environment.iter().map(|word| quoted(word));
                let words: Vec<_> = words.collect();
                let script = quoted(&step.script);
                format!("env {} /bin/sh -c {script}", words.join(" "))
            })
            .collect();
        (!lines.is_empty()).then(|| (Vec::new(), format!("set -e\n{}", lines.join("\n"))))
    }
}

/// A word of a shell script that means `text` and nothing else.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_is_read_as_docker_reads_it() {
        let text = "# what it is\nARG BASE\nFROM ${BASE}\n\nCOPY rootfs/ /\n# why\nRUN set -eu; \\\n    # within\n    echo 'a  b'; \\\n\n    true\nENV A=b\n\
             EXPOSE 25 465\nUSER 204:204\nSTOPSIGNAL SIGKILL\nENTRYPOINT [\"/init\"]\n";
        let recipe = read(text).unwrap();
        assert!(recipe.copies_root && recipe.says_entrypoint && !recipe.says_command);
        assert_eq!(
            recipe.script(),
            Some((Vec::new(), "set -eu;     echo 'a  b';     true".to_owned()))
        );
        assert_eq!(
            recipe.changes,
            [
                "ENV A=b",
                "EXPOSE 25 465",
                "USER 204:204",
                "ENTRYPOINT [\"/init\"]"
            ]
        );
        assert_eq!(recipe.stop_signal.as_deref(), Some("SIGKILL"));
    }

    #[test]
    fn several_steps_are_one_script_that_ends_at_the_first_failure() {
        let lines = ["RUN echo 'x'", "ENV A=b", "RUN false"];
        let recipe = of_instructions(lines.into_iter()).unwrap();
        let (environment, script) = recipe.script().unwrap();
        assert_eq!(environment, Vec::<String>::new());
        assert_eq!(
            script,
            "set -e\nenv  /bin/sh -c 'echo '\\''x'\\'''\nenv 'A=b' /bin/sh -c 'false'"
        );
        assert_eq!(
            of_instructions(["CMD [\"x\"]"].into_iter())
                .unwrap()
                .script(),
            None
        );
    }

    #[test]
    fn what_is_not_done_here_as_docker_does_it_is_refused() {
        for line in [
            "ADD x /",
            "COPY x /",
            "COPY --chown=1 rootfs/ /",
            "RUN [\"true\"]",
            "RUN --mount=type=cache,target=/x true",
            "ENV A b",
            "ENV A=\"b c\"",
            "SHELL [\"bash\"]",
            "run true",
            "ONBUILD RUN true",
            "RUN",
        ] {
            assert!(of_instructions([line].into_iter()).is_err(), "{line}");
        }
        assert!(of_instructions(["USER 1", "RUN true"].into_iter()).is_err());
        assert!(of_instructions(["RUN true", "COPY rootfs/ /"].into_iter()).is_err());
        assert!(read("FROM debian\nRUN true\n").is_err());
        assert!(read("ARG BASE\nFROM ${BASE}\nRUN true; \\\n").is_err());
    }
}
