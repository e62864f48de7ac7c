use std::net::{Ipv4Addr, TcpListener};

use super::*;
use crate::{http, wait};

/// Starts a server that responds to every request with `body`, after reading the request's body.
fn server(body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let head = Head::read(&mut reader).unwrap();
            let mut sent = Vec::new();
            wire::copy_request_body(&head, &mut reader, &mut sent).unwrap();
            let size = sent.len();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nX-Got: {size}\r\nContent-Length: {length}\r\n\r\n"
            )
            .unwrap();
            stream.write_all(body.as_bytes()).unwrap();
        }
    });
    address
}

fn get(proxy: &Proxy, path: &str) -> Result<http::Response> {
    http::request(proxy.address(), "GET", path, &[("Range", "bytes=0-1")], b"")
}

#[test]
fn requests_and_responses_are_forwarded_unchanged() {
    let proxy = Proxy::start(server("hello")).unwrap();
    assert_eq!(get(&proxy, "/v2/?a=b").unwrap().body, b"hello");
    let put = http::request(proxy.address(), "PUT", "/v2/x", &[], b"12345").unwrap();
    assert_eq!(put.header("x-got"), Some("5"));
    let chunked = [("Transfer-Encoding", "chunked")];
    let body = b"3\r\nabc\r\n0\r\n\r\n";
    let put = http::request(proxy.address(), "PUT", "/v2/y", &chunked, body).unwrap();
    assert_eq!(put.header("x-got"), Some(body.len().to_string().as_str()));
    let requests = proxy.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        requests[0],
        Request {
            method: "GET".into(),
            path: "/v2/?a=b".into(),
            range: Some("bytes=0-1".into()),
            action: None,
        }
    );
}

#[test]
fn text_is_replaced() {
    let proxy = Proxy::start(server("hello")).unwrap();
    let fault = Fault::Replace("ell", "ipp");
    proxy.add(Rule::new("GET", "/", fault).times(1));
    assert_eq!(get(&proxy, "/").unwrap().body, b"hippo");
    assert_eq!(get(&proxy, "/").unwrap().body, b"hello");
}

#[test]
fn a_rule_applies_as_often_as_it_says() {
    let proxy = Proxy::start(server("hello")).unwrap();
    proxy.add(Rule::new("GET", "/blobs/", Fault::Answer(503)).times(2));
    let mut statuses = Vec::new();
    for path in ["/blobs/a", "/manifests/a", "/blobs/b", "/blobs/c"] {
        statuses.push(get(&proxy, path).unwrap().status);
    }
    assert_eq!(statuses, [503, 200, 503, 200]);
}

#[test]
fn a_request_is_denied_in_the_format_of_a_registry() {
    let proxy = Proxy::start(server("hello")).unwrap();
    let refusal = Refusal {
        status: 400,
        code: "TAG_INVALID",
        message: "the \"tag\" is immutable",
    };
    proxy.add(Rule::new("GET", "/manifests/", Fault::Deny(refusal)));
    let response = get(&proxy, "/manifests/a").unwrap();
    let body = r#"{"errors":[{"code":"TAG_INVALID","message":"the \"tag\" is immutable"}]}"#;
    assert_eq!(
        (response.status, response.body.as_slice()),
        (400, body.as_bytes())
    );
}

#[test]
fn a_response_is_cut() {
    let proxy = Proxy::start(server("hello")).unwrap();
    proxy.add(Rule::new("GET", "/", Fault::CutBody(2)));
    let response = get(&proxy, "/").unwrap();
    assert_eq!(
        (response.header("content-length"), response.body.as_slice()),
        (Some("5"), &b"he"[..])
    );
}

#[test]
fn an_answer_is_lost() {
    let proxy = Proxy::start(server("hello")).unwrap();
    proxy.add(Rule::new("GET", "/", Fault::LoseAnswer).times(1));
    assert!(get(&proxy, "/").is_err());
    assert_eq!(get(&proxy, "/").unwrap().body, b"hello");
}

#[test]
fn healing_releases_whatever_is_held() {
    for fault in [Fault::HoldRequest, Fault::HoldAnswer, Fault::HoldBody(2)] {
        let proxy = Proxy::start(server("hello")).unwrap();
        proxy.add(Rule::new("GET", "/", fault));
        let address = proxy.address();
        let client = std::thread::spawn(move || http::request(address, "GET", "/", &[], b""));
        wait::until("a hold", wait::SOON, || {
            Ok(proxy.is_holding().then_some(()))
        })
        .unwrap();
        assert!(!client.is_finished());
        proxy.heal();
        assert_eq!(client.join().unwrap().unwrap().body, b"hello");
    }
}

#[test]
fn an_action_is_refused_in_the_format_of_its_service() {
    let proxy = Proxy::start(server("hello")).unwrap();
    proxy.add(Rule::action("PutRule", Fault::Refuse(THROTTLED)).times(1));
    proxy.add(Rule::action("CreateRole", Fault::Refuse(DENIED)).times(1));
    let post = |name, value, body: &[u8]| {
        let response = http::request(proxy.address(), "POST", "/", &[(name, value)], body).unwrap();
        (response.status, String::from_utf8(response.body).unwrap())
    };
    let put = || post("X-Amz-Target", "AWSEvents.PutRule", b"{}");
    let (status, body) = put();
    assert_eq!(status, 429);
    assert!(
        body.contains("\"__type\":\"TooManyRequestsException\""),
        "{body}"
    );
    assert_eq!(put(), (200, "hello".to_owned()));
    let kind = "application/x-www-form-urlencoded";
    let create = || post("Content-Type", kind, b"Action=CreateRole&RoleName=a");
    let (status, body) = create();
    assert_eq!(status, 403);
    assert!(
        body.contains("<Code>AccessDeniedException</Code>"),
        "{body}"
    );
    assert_eq!(create(), (200, "hello".to_owned()));
    let actions: Vec<_> = proxy.requests().into_iter().map(|its| its.action).collect();
    let wanted = ["PutRule", "PutRule", "CreateRole", "CreateRole"];
    assert_eq!(actions, wanted.map(|action| Some(action.to_owned())));
}
