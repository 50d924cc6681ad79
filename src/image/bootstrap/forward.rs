//! Plain http through a proxy: the request line carries the whole address
//! (RFC 9112 section 3.2.2).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, Either, NextTimeout, TcpConnector,
    Transport,
};
use ureq::{Error, Proxy};

/// Which requests go to which proxy.
#[derive(Debug, Clone)]
pub(super) struct Proxies {
    /// For plain http; `None`: no proxy.
    pub(super) http: Option<Proxy>,
    /// The one that ureq opens tunnels through, for https.
    pub(super) tunnel: Option<Proxy>,
}

impl Proxies {
    /// The proxy that this request is forwarded to. Connections to the proxies
    /// themselves, the first step of each way, are not.
    fn forwards(&self, uri: &Uri) -> Option<&Proxy> {
        let mut proxies = self.http.iter().chain(&self.tunnel);
        let proxy = self.http.as_ref()?;
        let forwarded = uri.scheme() == Some(&Scheme::HTTP)
            && proxies.all(|proxy| proxy.uri().authority() != uri.authority())
            && !proxy.is_no_proxy(uri);
        forwarded.then_some(proxy)
    }
}

/// Looks up hosts, each of them once, but not those that only a proxy may know.
#[derive(Debug)]
pub(super) struct ProxiedResolver {
    proxies: Proxies,
    resolver: DefaultResolver,
    known: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl ProxiedResolver {
    /// Knows nothing yet.
    pub(super) fn new(proxies: Proxies) -> Self {
        Self {
            proxies,
            resolver: DefaultResolver::default(),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Vec<SocketAddr>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for ProxiedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        if self.proxies.forwards(uri).is_some() {
            return Ok(addresses);
        }
        let origin = format!("{:?} {:?}", uri.scheme(), uri.authority());
        if let Some(known) = self.known().get(&origin) {
            for address in known {
                addresses.push(*address);
            }
            return Ok(addresses);
        }
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        self.known().insert(origin, addresses.to_vec());
        Ok(addresses)
    }
}

/// Connects forwarded requests to their proxy; everything else goes ureq's own
/// way: directly, or through a tunnel.
#[derive(Debug)]
pub(super) struct ForwardProxy(pub(super) Proxies, pub(super) DefaultConnector);

impl Connector<()> for ForwardProxy {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Box<dyn Transport>>, Error> {
        let (Some(proxy), Some(authority)) =
            (self.0.forwards(details.uri), details.uri.authority())
        else {
            return self.1.connect(details, chained);
        };
        let towards_proxy = ConnectionDetails {
            uri: proxy.uri(),
            addrs: details
                .resolver
                .resolve(proxy.uri(), details.config, details.timeout)?,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let transport = Connector::<()>::connect(&TcpConnector::default(), &towards_proxy, None)?;
        let Some(Either::B(transport)) = transport else {
            return Err(Error::ConnectionFailed);
        };
        Ok(Some(Box::new(Forwarded {
            transport: Box::new(transport),
            origin: format!("http://{authority}"),
            credentials: credentials(proxy),
        })))
    }
}

/// A `Proxy-Authorization` field, or nothing (RFC 7617).
fn credentials(proxy: &Proxy) -> String {
    match (proxy.username(), proxy.password()) {
        (None, None) => String::new(),
        (user, password) => {
            let pair = format!(
                "{}:{}",
                user.unwrap_or_default(),
                password.unwrap_or_default()
            );
            format!(
                "Proxy-Authorization: Basic {}\r\n",
                BASE64_STANDARD.encode(pair)
            )
        }
    }
}

/// A connection to a proxy over which requests for one origin go.
struct Forwarded {
    transport: Box<dyn Transport>,
    origin: String,
    credentials: String,
}

impl std::fmt::Debug for Forwarded {
    /// Without the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarded")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Transport for Forwarded {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.transport.buffers().output();
        let Some(rewritten) = rewrite(&output[..amount], &self.origin, &self.credentials) else {
            return self.transport.transmit_output(amount, timeout);
        };
        let Some(place) = output.get_mut(..rewritten.len()) else {
            return Err(Error::LargeResponseHeader(rewritten.len(), output.len()));
        };
        place.copy_from_slice(&rewritten);
        self.transport.transmit_output(rewritten.len(), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.transport.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }
}

/// The head of a request with the whole address in its first line and the
/// credentials after it; `None` where `head` does not begin a request.
fn rewrite(head: &[u8], origin: &str, credentials: &str) -> Option<Vec<u8>> {
    let path = head.strip_prefix(b"GET ")?;
    let end = path.windows(2).position(|bytes| bytes == b"\r\n")? + 2;
    Some(
        [
            b"GET ",
            origin.as_bytes(),
            &path[..end],
            credentials.as_bytes(),
            &path[end..],
        ]
        .concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::rewrite;

    #[test]
    fn the_request_line_carries_the_whole_address() {
        let head = b"GET /debian/x HTTP/1.1\r\nHost: mirror.example\r\n\r\n";
        let rewritten = rewrite(
            head,
            "http://mirror.example",
            "Proxy-Authorization: Basic eA==\r\n",
        );
        assert_eq!(
            String::from_utf8(rewritten.unwrap()).unwrap(),
            "GET http://mirror.example/debian/x HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\
             Host: mirror.example\r\n\r\n"
        );
        assert_eq!(
            rewrite(b"more of a body", "http://mirror.example", ""),
            None
        );
    }
}
