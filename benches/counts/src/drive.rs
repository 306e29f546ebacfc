//! Who asks: one connection with 20 streams, one after another, and every answer is judged.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use portcullis_load::answer::{Judge, judge};
use portcullis_load::failure::Outcome;
use portcullis_load::kind::Case;
use portcullis_load::place::Address;
use portcullis_load::rng::{Rng, Zipf};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Checks that are under way at any time.
const STREAMS: usize = 20;
/// The same checks in each run.
const SEED: u64 = 0xc0_0475;

/// The connection.
#[derive(Debug)]
pub(crate) struct Load {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

impl Load {
    pub(crate) fn connect(address: &Address) -> Outcome<Self> {
        let Address::Tcp(address) = address else { return Err("not a port".into()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            tokio::spawn(connection);
            Outcome::Ok(sender)
        })?;
        Ok(Self { runtime, sender })
    }

    /// Sends `order` of `cases`; the first answer that is not what it has to be ends it.
    pub(crate) fn run(&mut self, cases: &[Case], order: &[usize], whose: Judge) -> Outcome<()> {
        let sender = &self.sender;
        self.runtime.block_on(async {
            let lanes = (0..STREAMS).map(|lane| async move {
                for at in order.iter().skip(lane).step_by(STREAMS) {
                    let case = &cases[*at];
                    let answer = ask(sender.clone(), &case.message).await?;
                    judge(whose, &case.want, &answer)?;
                }
                Outcome::Ok(())
            });
            futures_util::future::try_join_all(lanes).await?;
            Ok(())
        })
    }
}

async fn ask(sender: SendRequest<Bytes>, message: &[u8]) -> Outcome<Vec<u8>> {
    let request = http::Request::post("http://authz/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (answer, mut body) = sender.ready().await?.send_request(request, false)?;
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len())?);
    frame.put_slice(message);
    body.send_data(frame.freeze(), true)?;
    let mut body = answer.await?.into_body();
    let mut data = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        data.extend_from_slice(&chunk);
    }
    let trailers = body.trailers().await?.ok_or("no trailers")?;
    if trailers.get("grpc-status").is_none_or(|status| status != "0") {
        return Err(format!("{trailers:?}").into());
    }
    Ok(data.split_off(5))
}

/// A few often, most of them seldom.
pub(crate) fn zipf(bound: usize, count: usize) -> Vec<usize> {
    let (zipf, mut rng) = (Zipf::new(bound), Rng::new(SEED));
    (0..count).map(|_| zipf.next(&mut rng)).collect()
}

/// Each as often as any.
pub(crate) fn uniform(bound: usize, count: usize) -> Vec<usize> {
    let mut rng = Rng::new(SEED);
    (0..count).map(|_| rng.below(bound)).collect()
}

/// One after the other.
pub(crate) fn in_turn(from: usize, to: usize) -> Vec<usize> {
    (from..to).collect()
}

/// One after the other, three times each: the second and third come while the first is under way.
pub(crate) fn each_three_times(count: usize) -> Vec<usize> {
    (0..3 * count).map(|at| at / 3).collect()
}
