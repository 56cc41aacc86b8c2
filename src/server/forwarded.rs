//! Whose connection it is behind a proxy: the PROXY protocol, versions 1 and 2.
//!
//! The limit per address is about connections, and a connection has one client only behind a proxy
//! that passes bytes on. Such a proxy states the client once, before anything else. A header such as
//! X-Forwarded-For belongs to a request: a proxy that speaks HTTP puts the requests of many clients
//! on one connection, and there is nothing to count per client there.
//!
//! **Invariant:** only a peer in a listed network is believed, and such a peer has to state it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header of version 1, with its end.
const LINE: usize = 107;
/// Greatest length of what follows the head of version 2; addresses and further facts.
const BLOCK: usize = 1_024;

/// Reads the header. `None`: the proxy speaks for itself, as it does to see whether we are there.
pub(super) async fn read<I: AsyncRead + Unpin>(io: &mut I) -> io::Result<Option<IpAddr>> {
    let mut start = [0; 12];
    io.read_exact(&mut start).await?;
    if &start == SIGNATURE {
        return binary(io).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(wrong());
    }
    let mut line = start.to_vec();
    // One at a time: what follows the line belongs to somebody else.
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE {
            return Err(wrong());
        }
        line.push(io.read_u8().await?);
    }
    text(&line).ok_or_else(wrong)
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY header")
}

fn text(line: &[u8]) -> Option<Option<IpAddr>> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let source: IpAddr = words.next()?.parse().ok()?;
    let fits = match family {
        "TCP4" => source.is_ipv4(),
        "TCP6" => source.is_ipv6(),
        _ => false,
    };
    (fits && words.count() == 3).then_some(Some(source))
}

async fn binary<I: AsyncRead + Unpin>(io: &mut I) -> io::Result<Option<IpAddr>> {
    let command = io.read_u8().await?;
    let family = io.read_u8().await?;
    let length = usize::from(io.read_u16().await?);
    if length > BLOCK {
        return Err(wrong());
    }
    let mut block = vec![0; length];
    io.read_exact(&mut block).await?;
    match (command, family >> 4) {
        (0x20, _) | (0x21, 0) => Ok(None),
        (0x21, 1) if length >= 12 => {
            let source = block.first_chunk::<4>().ok_or_else(wrong)?;
            Ok(Some(Ipv4Addr::from(*source).into()))
        }
        (0x21, 2) if length >= 36 => {
            let source = block.first_chunk::<16>().ok_or_else(wrong)?;
            Ok(Some(Ipv6Addr::from(*source).into()))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(bytes: &[u8]) -> (Result<Option<String>, ()>, usize) {
        let mut rest = bytes;
        let read = read(&mut rest).await.map_err(|_| ());
        (read.map(|it| it.map(|it| it.to_string())), rest.len())
    }

    fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        let head = [command, family, length[0], length[1]];
        [&SIGNATURE[..], &head, block, b"PRI"].concat()
    }

    #[tokio::test]
    async fn both_versions_are_read_to_their_end_and_no_further() {
        let of = |text: &str| Ok(Some(text.to_owned()));
        let v4 = [&[192, 0, 2, 7, 192, 0, 2, 1, 1, 1, 2, 2][..], &[9; 20]].concat();
        let mut v6 = vec![0; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        v6[15] = 5;
        for (bytes, expected) in [
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\nPRI".to_vec(),
                of("192.0.2.7"),
            ),
            (
                b"PROXY TCP6 2001:db8::5 2001:db8::1 5000 443\r\nPRI".to_vec(),
                of("2001:db8::5"),
            ),
            (b"PROXY UNKNOWN\r\nPRI".to_vec(), Ok(None)),
            (binary(0x21, 0x11, &v4), of("192.0.2.7")),
            (binary(0x21, 0x21, &v6), of("2001:db8::5")),
            (binary(0x20, 0, &[]), Ok(None)),
        ] {
            assert_eq!(read_all(&bytes).await, (expected, 3), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused_and_bounded() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 4_000]].concat();
        for bytes in [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::5 2001:db8::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7\r\n".to_vec(),
            b"PROXY SCTP 192.0.2.7 192.0.2.1 1 2\r\n".to_vec(),
            b"PROXY TCP4".to_vec(),
            long.clone(),
            binary(0x21, 0x11, &[1, 2, 3]),
            binary(0x31, 0x11, &[0; 12]),
            binary(0x21, 0x11, &[0; 2_000]),
        ] {
            assert_eq!(read_all(&bytes).await.0, Err(()), "{bytes:?}");
        }
        assert!(read_all(&long).await.1 > 3_800, "it reads without end");
    }
}
