//! What the integration tests have as well.

#[expect(dead_code, reason = "the integration tests ask it for more")]
#[path = "../it/support/answer.rs"]
pub(crate) mod answer;
#[expect(dead_code, reason = "the integration tests ask it for more")]
#[path = "../it/support/ask.rs"]
pub(crate) mod ask;
#[expect(dead_code, reason = "the integration tests ask it for more")]
#[path = "../it/support/redis_server.rs"]
pub(crate) mod redis_server;
#[expect(dead_code, reason = "the integration tests ask it for more")]
#[path = "../it/support/setup.rs"]
pub(crate) mod setup;
#[expect(dead_code, reason = "the integration tests ask it for more")]
#[path = "../it/support/token.rs"]
pub(crate) mod token;

pub(crate) use answer::Answer;
pub(crate) use ask::Ask;
pub(crate) use redis_server::RedisServer;
pub(crate) use setup::Setup;
