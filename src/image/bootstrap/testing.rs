//! A small web server for tests: each request is answered from a table.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a path is answered with, one after the other; the last one stays.
pub(super) type Answers = BTreeMap<String, Vec<(u16, Vec<u8>)>>;

/// A server on a port of the loopback address.
pub(super) struct Server {
    /// `http://127.0.0.1:PORT`.
    pub(super) address: String,
    /// The first line of every request and its `Proxy-Authorization`, in order.
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves until the test ends.
    pub(super) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen) = (Arc::new(Mutex::new(answers)), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream.unwrap(), &answers, &seen));
            }
        });
        Self { address, requests }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answers: &Mutex<Answers>, seen: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(first)) = lines.next() {
        let mut note = first.clone();
        while let Some(Ok(line)) = lines.next() {
            if line.is_empty() {
                break;
            }
            if line.to_lowercase().starts_with("proxy-authorization:") {
                note = format!("{note} | {line}");
            }
        }
        seen.lock().unwrap().push(note);
        let path = first.split(' ').nth(1).unwrap();
        let (status, body) = answer(&mut answers.lock().unwrap(), path);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream
            .write_all(&[head.as_bytes(), &body].concat())
            .is_err()
        {
            return;
        }
    }
}

fn answer(answers: &mut Answers, path: &str) -> (u16, Vec<u8>) {
    match answers.get_mut(path) {
        Some(list) if list.len() > 1 => list.remove(0),
        Some(list) => list[0].clone(),
        None => (404, Vec::new()),
    }
}
