//! What happens when a deadline passes.

use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::second_look::Outcome;
use super::{Progress, Task};
use crate::error::Error;
use crate::trace;

impl<Io: AsyncRead + AsyncWrite + Unpin> Task<Io> {
    /// Ends the connection if somebody missed a deadline and it is not our doing. All deadlines that can end it are judged here,
    /// after everything has been read and written that can be.
    pub(super) fn judge(&mut self, now: Instant) -> Result<Progress, Error> {
        let Some(deadline) = self.deadline().filter(|deadline| *deadline <= now) else {
            return Ok(Progress::None);
        };
        match self.second_look.on_passed(deadline, now) {
            Outcome::LookAgain => return Ok(Progress::Looking),
            Outcome::PutOff(time) => {
                trace::stood_still(time);
                self.mux.on_standstill(time);
                self.stall.put_off(time);
                self.life.put_off(time);
                return Ok(Progress::None);
            }
            Outcome::Judge => {}
        }
        if !self.life.is_finished() {
            self.mux.handle_timeout(now)?;
        }
        self.stall.judge(now)?;
        let overdue = self.life.overdue(now, self.shared.config.drain_timeout());
        Ok(overdue.map_or(Progress::None, Progress::Ended))
    }

    /// When the connection will end unless something happens before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let mux = self.mux.deadline().filter(|_| !self.life.is_finished());
        [mux, self.stall.deadline(), self.life.deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}
