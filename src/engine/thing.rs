//! What an engine can be asked to describe.

/// Something that an engine describes, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing<'a> {
    /// A container.
    Container(&'a str),
    /// An image, by its reference.
    Image(&'a str),
    /// A network.
    Network(&'a str),
    /// A volume.
    Volume(&'a str),
}

impl<'a> Thing<'a> {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'a str {
        match self {
            Self::Container(name)
            | Self::Image(name)
            | Self::Network(name)
            | Self::Volume(name) => name,
        }
    }
}
