//! Requests that a registry was sent, from its log.

/// A request for a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) digest: String,
    pub(crate) status: u16,
    /// Size of the answer's body, in bytes.
    pub(crate) size: u64,
}

/// The GET requests for blobs in an access log of the combined format.
pub(crate) fn of(log: &str) -> Vec<Request> {
    log.lines().filter_map(request).collect()
}

fn request(line: &str) -> Option<Request> {
    let (_, rest) = line.split_once("\"GET ")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (path, _) = request.split_once(' ')?;
    let (_, digest) = path.rsplit_once("/blobs/")?;
    let mut fields = rest.split(' ');
    Some(Request {
        digest: digest.to_owned(),
        status: fields.next()?.parse().ok()?,
        size: fields.next()?.parse().ok()?,
    })
}

#[test]
fn blobs_are_found_in_an_access_log() {
    let log = "\
        127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"a b\"\n\
        127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"HEAD /v2/a/blobs/sha256:0 HTTP/1.1\" 200 0 \"\" \"a\"\n\
        time=\"2026-01-01T00:00:00Z\" level=warning msg=\"GET \"\n\
        127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET /v2/a/b/blobs/sha256:1 HTTP/1.1\" 206 7 \"\" \"a\"\n";
    let want = Request {
        digest: "sha256:1".to_owned(),
        status: 206,
        size: 7,
    };
    assert_eq!(of(log), [want]);
}
