//! As much of HTTP/1.1 as Envoy speaks with us: heads in lower case, bodies with a length.

const END: &[u8] = b"\r\n\r\n";

/// Bytes of the head with the empty line, once it is whole.
#[must_use]
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}

/// The first line, and then name and value of each field. What is no field is left out.
pub fn fields(head: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let text = std::str::from_utf8(head).unwrap_or_default();
    text.split("\r\n").skip(1).filter_map(|line| line.split_once(": "))
}

/// The first line.
#[must_use]
pub fn first_line(head: &[u8]) -> &str {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    std::str::from_utf8(line).unwrap_or_default()
}

/// What the client has to know of an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer<'h> {
    /// The status.
    pub status: u16,
    /// The path that the upstream saw.
    pub path: &'h str,
    /// The caller that the upstream saw: empty where it saw none.
    pub user: &'h str,
}

/// What the upstream answers to a request with this head: what it saw of path and caller.
#[must_use]
pub fn echo(head: &[u8]) -> Vec<u8> {
    let path = first_line(head).split(' ').nth(1).unwrap_or_default();
    let users: Vec<&str> =
        fields(head).filter(|(name, _)| *name == "x-user-id").map(|(_, value)| value).collect();
    let users = users.join(",");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\
         x-seen-path: {path}\r\nx-seen-user: {users}\r\n\r\nok"
    )
    .into_bytes()
}

/// The answer at the start of `bytes` with its length, once it is whole.
///
/// # Errors
///
/// Where it is none.
pub fn answer(bytes: &[u8]) -> Result<Option<(Answer<'_>, usize)>, String> {
    let Some(length) = head_length(bytes) else { return Ok(None) };
    let head = &bytes[..length];
    let status = first_line(head).split(' ').nth(1).and_then(|text| text.parse().ok());
    let mut found = Answer { status: status.ok_or_else(|| text(head))?, ..Answer::default() };
    let mut body = None;
    for (name, value) in fields(head) {
        match name {
            "content-length" => body = value.parse::<usize>().ok(),
            "x-seen-path" => found.path = value,
            "x-seen-user" => found.user = value,
            _ => {}
        }
    }
    let whole = length + body.ok_or_else(|| text(head))?;
    Ok((bytes.len() >= whole).then_some((found, whole)))
}

/// Bytes for a person.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_tells_what_it_saw() {
        let head = b"GET /a/7 HTTP/1.1\r\nhost: h\r\nx-user-id: 00u7\r\n\r\n";
        let echoed = echo(head);
        let (answer, length) = answer(&echoed).expect("an answer").expect("whole");
        assert_eq!(answer, Answer { status: 200, path: "/a/7", user: "00u7" });
        assert_eq!(length, echoed.len());
    }

    #[test]
    fn nobody_and_two_callers_are_not_one() {
        let user = |head: &[u8]| {
            let echoed = echo(head);
            answer(&echoed).expect("an answer").expect("whole").0.user.to_owned()
        };
        assert_eq!(user(b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n"), "");
        assert_eq!(user(b"GET /a HTTP/1.1\r\nx-user-id: a\r\nx-user-id: b\r\n\r\n"), "a,b");
    }

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let echoed = echo(b"GET /a HTTP/1.1\r\n\r\n");
        for end in 0..echoed.len() {
            assert_eq!(answer(&echoed[..end]).expect("a part"), None, "{end}");
        }
        let two = [echoed.clone(), echoed.clone()].concat();
        assert_eq!(answer(&two).expect("two").expect("whole").1, echoed.len());
    }

    #[test]
    fn what_is_no_answer_is_told() {
        assert!(answer(b"nonsense\r\n\r\n").is_err());
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
    }
}
