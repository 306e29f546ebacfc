//! Ends sessions: here, and where replicas share what is over, everywhere.

use super::Inner;
use super::call::Call;
use crate::session::Session;
use crate::store::Ended;
use tokio::time::Instant;

/// Ends what `ended` names, as far as it began until `at_ms`. Returns whether every replica will know: here
/// it is over in any case, and what cannot be told now is told as soon as that works.
pub(super) async fn end(
    inner: &Inner,
    ended: &[Ended],
    at_ms: u64,
    until: Option<Instant>,
) -> bool {
    for one in ended {
        inner.revocations.apply(one, at_ms);
    }
    let told = async {
        match &inner.bus {
            Some(bus) => bus.tell(ended, at_ms, until).await,
            None => true,
        }
    };
    let removed = async {
        for one in ended {
            let Ended::Session(id) = one else { continue };
            inner.sessions.remove(id);
            // A record that stays is over all the same: by what was told.
            if let Some(shared) = &inner.shared {
                let _gone = shared.remove(id, until).await;
            }
        }
    };
    let (told, ()) = tokio::join!(told, removed);
    told
}

/// The same within the time of a check.
pub(super) async fn end_now(call: &Call<'_>, ended: &[Ended]) -> bool {
    end(call.inner, ended, call.now_ms, call.time_to_answer()).await
}

/// This session and those of the other hosts, which have the same one at the provider; where the provider
/// names none, all of the same person.
pub(super) fn everywhere(session: &Session) -> [Ended; 2] {
    let own = Ended::Session(session.id.clone());
    let issuer = session.issuer.clone();
    let others = if session.provider_session.is_empty() {
        Ended::Subject { issuer, subject: session.subject.clone() }
    } else {
        Ended::ProviderSession { issuer, sid: session.provider_session.clone() }
    };
    [own, others]
}
