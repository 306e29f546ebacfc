//! A recorded check's session: who it says that asked.

use super::answers;
use super::authenticate::{Authenticated, evidence};
use super::call::Call;
use super::session::{self, Unsaid};
use crate::decision::{Denied, Facts};

/// The caller of the session that came, whether or not its time is over. One that cannot be opened here
/// is `store_unavailable`: of that check nothing can be said.
pub(super) fn by_cookie(call: &Call<'_>, facts: &mut Facts) -> Result<Authenticated, Denied> {
    match session::as_said(call) {
        Ok(None) => Ok(Authenticated::Nobody { stale: None }),
        Ok(Some(session)) => {
            let identity = session::identity(call, &session);
            facts.tell(&identity);
            evidence(call)?;
            Ok(Authenticated::Identity(identity, Vec::new()))
        }
        Err(Unsaid::Stale(why)) => {
            facts.hint = Some(why.into());
            Ok(Authenticated::Nobody { stale: Some(Vec::new()) })
        }
        Err(Unsaid::Sealed(why)) => {
            facts.hint = Some(why.into());
            Err(answers::store_unavailable())
        }
    }
}
